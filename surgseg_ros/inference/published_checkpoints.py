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

"""
Weights that others have published, and state dicts of our own networks.

A file is recognized by the names and shapes of its tensors: see
:mod:`surgseg_ros.inference.published_layouts` for the kinds of files that are known, and
:mod:`surgseg_ros.inference.state_dict_files` for what is read of a file.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.checkpoint_info import LoadReport
from surgseg_ros.inference.published_layouts import Layout
from surgseg_ros.inference.published_layouts import list_layouts
from surgseg_ros.inference.state_dict_files import read_state_dict
from surgseg_ros.inference.state_dict_names import Conversion
from surgseg_ros.inference.state_dict_names import remove_common_name
from surgseg_ros.inference.state_dict_names import Tensors
from surgseg_ros.models import create_model

_BATCH_COUNTER = 'num_batches_tracked'
_TASKS = {1: 'binary', 2: 'binary', 4: 'parts', 8: 'types', 10: 'sar_rarp50'}
_MIN_OVERLAP = 0.5
_NAMED_DIFFERENCES = 4


@dataclass(frozen=True)
class PublishedCheckpoint:
    """The tensors of a file under the names of one of our networks, and what they are."""

    info: CheckpointInfo
    tensors: Tensors
    report: LoadReport


def read_published(path: Path) -> PublishedCheckpoint:
    """
    Recognize a file that is not of this package and bring its tensors under our names.

    :param path: a state dict (safetensors or pickled by torch), or the folder that
        ``save_pretrained`` of segmentation_models_pytorch writes
    :raises CheckpointError: if the file is unreadable, holds more than tensors, or fits no network
    """
    state = read_state_dict(path)
    tensors, owner = remove_common_name(state.tensors, _first_names())
    layout = _recognize(path, tensors)
    converted, conversions = _convert(path, layout, tensors)
    task, options = _read_task(path, layout, converted)
    converted, counters = _fill_batch_counters(converted, layout)
    _check_fit(path, layout, converted, task, options)
    if layout.logits_note and task != 'binary':
        conversions = [*conversions, layout.logits_note]
    changes = (*state.changes, *owner, *conversions, *counters)
    report = LoadReport(layout.title, len(converted), changes)
    preprocessing = {**layout.preprocessing, **(state.normalization or {})}
    if 'single_logit' not in options:
        preprocessing.pop('threshold', None)  # The published ones are for a single logit.
    info = CheckpointInfo(
        layout.model,
        task,
        options=options,
        notice=f'read from a file that is not of this package: {report}',
        provenance={'file': path.name, 'layout': layout.title},
        **preprocessing,
    )
    return PublishedCheckpoint(info, converted, report)


def _first_names() -> set[str]:
    """Return what names of tensors begin with in the networks that are known."""
    shapes = (_expected_shapes(layout) for layout in list_layouts())
    return {name.partition('.')[0] for names in shapes for name in names}


def _recognize(path: Path, tensors: Tensors) -> Layout:
    """Return the kind of file whose names, and among equals whose shapes, fit best."""
    scored = [(_overlap(path, layout, tensors), layout) for layout in list_layouts()]
    (names, _), layout = max(scored, key=lambda entry: entry[0])
    if names < _MIN_OVERLAP:
        raise CheckpointError(
            f'{path} cannot be used: its {len(tensors)} tensors, {", ".join(list(tensors)[:4])}, '
            '..., belong to no network that is known. Known are files of: '
            f'{", ".join(dict.fromkeys(layout.title for layout in list_layouts()))}'
        )
    return layout


def _overlap(path: Path, layout: Layout, tensors: Tensors) -> tuple[float, float]:
    """Return which part of all names, and of the common ones' shapes, file and network share."""
    converted, _ = _convert(path, layout, tensors)
    found = _shapes(converted)
    expected = _expected_shapes(layout)
    names = {name for name in expected if not name.endswith(_BATCH_COUNTER)}
    all_names = names | {name for name in found if not name.endswith(_BATCH_COUNTER)}
    common = names & found.keys()
    equal = sum(found[name] == expected[name] for name in common)
    return len(common) / max(len(all_names), 1), equal / max(len(common), 1)


def _convert(path: Path, layout: Layout, tensors: Tensors) -> Conversion:
    try:
        return layout.convert(tensors)
    except ValueError as error:
        raise CheckpointError(f'{path} cannot be used: {error}') from error


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _expected_shapes(
    layout: Layout, task: str = 'binary', options: Mapping[str, Any] | None = None
) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor of a network, which is built without memory."""
    given = layout.options if options is None else options
    return _network_shapes(layout.model, task, tuple(sorted(given.items())))


@cache
def _network_shapes(
    model: str, task: str, options: tuple[tuple[str, Any], ...]
) -> dict[str, tuple[int, ...]]:
    with torch.device('meta'):
        return _shapes(create_model(model, task, **dict(options)).state_dict())


def _read_task(path: Path, layout: Layout, tensors: Tensors) -> tuple[str, dict[str, Any]]:
    """Return the task and the options of the network, from the number of classes in the file."""
    few, many = (_expected_shapes(layout, task) for task in ('binary', 'parts'))
    head = next(name for name in few if few[name] != many[name])
    axis = next(i for i, size in enumerate(few[head]) if size != many[head][i])
    if head not in tensors or tensors[head].ndim != len(few[head]):
        # The task makes no difference any more; the complete comparison follows.
        return 'binary', dict(layout.options)
    classes = tensors[head].shape[axis]
    if classes not in _TASKS:
        known = ', '.join(f'{number} ({task})' for number, task in _TASKS.items())
        raise CheckpointError(
            f'{path} cannot be used: {layout.title}, but {head} {tuple(tensors[head].shape)} has '
            f'{classes} classes. The label sets of this package have {known}'
        )
    options = dict(layout.options)
    if classes == 1:
        options['single_logit'] = True
    return _TASKS[classes], options


def _fill_batch_counters(tensors: Tensors, layout: Layout) -> Conversion:
    """Add the counters of batch norms that torch before 0.4.1 did not have; nothing reads them."""
    missing = [
        name
        for name in _expected_shapes(layout)
        if name.endswith(_BATCH_COUNTER) and name not in tensors
    ]
    if not missing:
        return tensors, []
    zeros = {name: torch.zeros((), dtype=torch.long) for name in missing}
    return tensors | zeros, [f'set {len(missing)} missing {_BATCH_COUNTER} to 0']


def _check_fit(
    path: Path, layout: Layout, tensors: Tensors, task: str, options: Mapping[str, Any]
) -> None:
    """Refuse a file that the network's ``load_state_dict`` would refuse, with what differs."""
    differences = list(
        _differences(_shapes(tensors), _expected_shapes(layout, task, options), layout.title)
    )
    if not differences:
        return
    named = differences[:_NAMED_DIFFERENCES]
    more = f' and {len(differences) - len(named)} more' if len(differences) > len(named) else ''
    raise CheckpointError(
        f'{path} cannot be used: most of its tensors are those of {layout.title}, but '
        f'{"; ".join(named)}{more}. It is of another version or size of the network, or was cut '
        "off; create the file from the original network, or add this network's variant to "
        'surgseg_ros.models'
    )


def _differences(
    found: Mapping[str, Sequence[int]], expected: Mapping[str, Sequence[int]], title: str
) -> Iterator[str]:
    for name, shape in expected.items():
        if name not in found:
            yield f'{name} {shape} is missing'
        elif found[name] != shape:
            yield f'{name} is {found[name]} instead of {shape}'
    for name, shape in found.items():
        if name not in expected:
            yield f'{name} {shape} is unknown'
