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

"""The registry: networks by name, and the facts that their papers state about them."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
import inspect
from typing import Any
from typing import TypeVar

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.models.base import SegmentationNetwork

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""RGB mean of ImageNet's images in [0, 1], which torchvision's encoders were trained with."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""RGB standard deviation of ImageNet's images in [0, 1]."""

_NetworkT = TypeVar('_NetworkT', bound=type[SegmentationNetwork])
_networks: dict[str, type[SegmentationNetwork]] = {}
_infos: dict[str, 'ModelInfo'] = {}


@dataclass(frozen=True)
class ModelInfo:
    """
    What is known about a network apart from its weights.

    Every network takes every task, any input size and any normalization; those given here are the
    ones of the paper (where paper and released code differ, see the network's module).

    :param title: short name to show, such as ``'U-Net (Ronneberger et al. 2015)'``
    :param input_size: (width, height) in pixels that the authors train and run it at
    :param mean: RGB mean of the images in [0, 1], subtracted before the network
    :param std: RGB deviation that the difference is divided by
    :param tasks: label sets that the authors trained it for; empty: no paper
    :param citation: authors, title, where and when published; empty: no paper
    :param url: address of the paper
    :param note: what a user should know, in a sentence
    :param name: name in the registry, filled in on registration
    :param stride: see :attr:`SegmentationNetwork.stride`, filled in on registration
    :param branches: see :attr:`SegmentationNetwork.branches`, filled in on registration
    """

    title: str
    input_size: tuple[int, int] = (1280, 1024)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tasks: tuple[str, ...] = ()
    citation: str = ''
    url: str = ''
    note: str = ''
    name: str = ''
    stride: int = 1
    branches: tuple[str, ...] = ()


def register_model(name: str, info: ModelInfo) -> Callable[[_NetworkT], _NetworkT]:
    """
    Register a network class under a name.

    The first argument of the class is the number of outputs; all others have defaults.

    :param info: facts about the network; its name, stride and branches are filled in here
    :raises ValueError: if the name is taken
    """

    def register(network: _NetworkT) -> _NetworkT:
        if name in _networks:
            raise ValueError(f"a model named '{name}' is registered already")
        _networks[name] = network
        _infos[name] = replace(
            info, name=name, stride=network.stride, branches=tuple(network.branches)
        )
        return network

    return register


def list_models() -> list[str]:
    """Return the names of all registered networks."""
    return sorted(_networks)


def model_info(name: str) -> ModelInfo:
    """
    Return the facts about a network.

    :param name: one of :func:`list_models`
    :raises ValueError: if there is no such model

    >>> model_info('mffnet').input_size
    (1280, 1024)
    """
    _check_name(name)
    return _infos[name]


def model_options(name: str) -> dict[str, Any]:
    """
    Return the options of a network with their defaults.

    :param name: one of :func:`list_models`
    :raises ValueError: if there is no such model
    """
    _check_name(name)
    parameters = inspect.signature(_networks[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in list(parameters)[1:]}


def create_model(
    name: str, task: str = 'parts', *, single_logit: bool = False, **options: Any
) -> SegmentationNetwork:
    """
    Create a network for a task, with random weights unless an option says otherwise.

    :param name: one of :func:`list_models`
    :param task: a label set, see :func:`surgseg_ros.data.label_sets.list_label_sets`
    :param single_logit: make one output, the logit of 'instrument', instead of one a class, as
        published binary networks do; for task binary only
    :param options: keyword arguments of the network's class, see :func:`model_options`
    :raises ValueError: if the model, the task or an option does not exist

    >>> create_model('mffnet', task='binary').branches
    ('main', 'auxiliary')
    """
    _check_name(name)
    num_outputs = get_label_set(task).num_classes
    if single_logit:
        if num_outputs != 2:
            raise ValueError(
                f"single_logit=True needs a task of two classes; '{task}' has {num_outputs}"
            )
        num_outputs = 1
    unknown = [option for option in options if option not in model_options(name)]
    if unknown:
        accepted = ', '.join(model_options(name)) or 'none'
        raise ValueError(
            f"model '{name}' does not accept these options: {', '.join(unknown)}; "
            f'it has: {accepted}'
        )
    return _networks[name](num_outputs, **options)


def _check_name(name: str) -> None:
    if name not in _networks:
        raise ValueError(f"unknown model '{name}'; choose one of: {', '.join(list_models())}")
