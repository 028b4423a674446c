# Copyright 2026 surgseg_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The registry: networks by name."""

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.models.base import SegmentationNetwork

_NetworkT = TypeVar('_NetworkT', bound=type[SegmentationNetwork])
_networks: dict[str, type[SegmentationNetwork]] = {}


def register_model(name: str) -> Callable[[_NetworkT], _NetworkT]:
    """Register a network class under a name; its first argument is the number of classes."""

    def register(network: _NetworkT) -> _NetworkT:
        if name in _networks:
            raise ValueError(f"a model named '{name}' is registered already")
        _networks[name] = network
        return network

    return register


def list_models() -> list[str]:
    """Return the names of all registered networks."""
    return sorted(_networks)


def create_model(name: str, task: str = 'parts', **options: Any) -> SegmentationNetwork:
    """
    Create a network with random weights for a task.

    :param name: one of :func:`list_models`
    :param task: a label set, see :func:`surgseg_ros.data.label_sets.list_label_sets`
    :param options: keyword arguments of the network's class
    :raises ValueError: if the model, the task or an option does not exist

    >>> create_model('mffnet', task='binary').branches
    ('main', 'auxiliary')
    """
    if name not in _networks:
        raise ValueError(f"unknown model '{name}'; choose one of: {', '.join(list_models())}")
    try:
        return _networks[name](get_label_set(task).num_classes, **options)
    except TypeError as error:
        raise ValueError(f"model '{name}' does not accept these options: {error}") from error
