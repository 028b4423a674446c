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
What the names of a state dict say: wrappers around the network, and tensors that are no weights.

Only what certainly is no weight of a network is left out, and always told; other names that a
network does not have are for :mod:`surgseg_ros.inference.published_checkpoints` to refuse.
"""

from collections import Counter
from collections import defaultdict
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import re

import torch
from torch import Tensor

from surgseg_ros.inference.checkpoint_info import CheckpointError

Tensors = dict[str, Tensor]
Conversion = tuple[Tensors, list[str]]
"""Tensors by name, and one phrase for everything that was done to them."""

Normalization = Mapping[str, tuple[float, ...]]
"""The fields ``mean`` and ``std`` of :class:`CheckpointInfo`; empty: nothing is known."""

# What DataParallel, torch.compile, FSDP, activation checkpointing and Fabric put around a module,
# and so into the names below it, at any place.
_WRAPPERS = {
    *('module', '_orig_mod', '_fsdp_wrapped_module', '_checkpoint_wrapped_module'),
    '_forward_module',
}
# What training frameworks and scripts call the network, and its moving average.
_NETWORK_NAMES = {'model', 'net', 'network'}
_AVERAGE_NAMES = {'ema', 'ema_model', 'ema_net', 'model_ema', 'net_ema', 'averaged_model'}
_AVERAGE_NAMES |= {'avg_model', 'swa_model'}

_SPLIT = r'(?:train|val|valid|validation|test)'
_METRIC = r'(?:metrics?|m?iou|dice|jaccard|accuracy|f1_?score|confmat|confusion_matrix)(?:_\w+)?'
_NO_WEIGHTS = (
    ('profiler counters', re.compile(r'(?:^|\.)(total_ops|total_params)$')),
    ('averaging counters', re.compile(r'(?:^|\.)(n_averaged|num_updates)$')),
    ('of losses', re.compile(r'(?:^|\.)(criterion\w*|\w*loss(?:es)?\d*(?:_\w+)?)\.')),
    ('of losses', re.compile(r'(?:^|\.)(class_weights?|pos_weight)$')),
    (
        'of metrics',
        re.compile(rf'(?:^|\.)((?:{_SPLIT}_)?(?:\w+_)?{_METRIC}|{_SPLIT}_(?:acc|f1))\.'),
    ),
)

_NORMALIZATION = re.compile(r'(?:^|\.)_?(?:(?:pixel|image|img|input|rgb|norm)_)?(mean|std)$')
_CHANNELS = 3
_DIGITS = 7  # What single precision holds.
_BYTE_MAX = 255


@dataclass(frozen=True)
class StateDict:
    """
    The tensors of a file, under the names of their network.

    :param changes: one phrase for everything that was done to them
    :param normalization: of the images, where the file holds one beside the network
    """

    tensors: Tensors
    changes: tuple[str, ...] = ()
    normalization: Normalization | None = None


def clean_names(path: Path, tensors: Tensors) -> StateDict:
    """
    Bring tensors under the names that they have in their network, and leave out what is none.

    :param path: for messages
    :raises CheckpointError: if two different tensors get one name, or the normalization is none
    """
    tensors, dropped = _drop_no_weights(tensors)
    tensors, wrappers = _remove_wrappers(path, tensors)
    tensors, normalization, found = _take_normalization(path, tensors)
    tensors, names = _remove_network_names(path, tensors)
    return StateDict(tensors, (*dropped, *wrappers, *names, *found), normalization)


def remove_common_name(tensors: Tensors, known: Collection[str]) -> Conversion:
    """
    Remove the names that every tensor begins with and no network has: whatever a script chose.

    :param known: what names of tensors of networks begin with, up to the first dot
    """
    changes: list[str] = []
    while True:
        first = {name.partition('.')[0] for name in tensors if '.' in name}
        if len(first) != 1 or first & set(known) or not all('.' in name for name in tensors):
            return tensors, changes
        changes += _describe_prefixes({first.pop(): len(tensors)})
        tensors = {name.partition('.')[2]: tensor for name, tensor in tensors.items()}


def _drop_no_weights(tensors: Tensors) -> Conversion:
    kinds = {name: _kind_of_no_weight(name) for name in tensors}
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, group in filter(None, kinds.values()):
        found[kind][group] += 1
    kept = {name: tensor for name, tensor in tensors.items() if kinds[name] is None}
    if not found:
        return kept, []
    groups = [f'{c.total()} {kind} ({", ".join(c)})' for kind, c in found.items()]
    dropped = len(tensors) - len(kept)
    return kept, [f'dropped {dropped} tensors that are no weights: {", ".join(groups)}']


def _kind_of_no_weight(name: str) -> tuple[str, str] | None:
    """Return what a tensor is and what told so, ``None`` for what may be a weight."""
    for kind, pattern in _NO_WEIGHTS:
        if match := pattern.search(name):
            return kind, f'{match[1]}.*' if match[0].endswith('.') else match[1]
    return None


def _remove_wrappers(path: Path, tensors: Tensors) -> Conversion:
    """Remove what wrappers have put into names, at their beginning or in their middle."""
    renamed, removed = {}, Counter[str]()
    for name in tensors:
        parts = name.split('.')
        removed.update(part for part in parts[:-1] if part in _WRAPPERS)
        renamed[name] = '.'.join([*(p for p in parts[:-1] if p not in _WRAPPERS), parts[-1]])
    return _rename(path, tensors, renamed), _describe_prefixes(removed)


def _remove_network_names(path: Path, tensors: Tensors) -> Conversion:
    """Remove what scripts call their network; of a network and its average the average is kept."""
    renamed, removed, averaged = {}, Counter[str](), set()
    for name in tensors:
        parts = name.split('.')
        while len(parts) > 1 and parts[0] in _NETWORK_NAMES | _AVERAGE_NAMES:
            removed[parts[0]] += 1
            if parts.pop(0) in _AVERAGE_NAMES:
                averaged.add(name)
        renamed[name] = '.'.join(parts)
    replaced = {renamed[name] for name in averaged}
    kept = {n: t for n, t in tensors.items() if n in averaged or renamed[n] not in replaced}
    changes = _describe_prefixes(removed)
    if len(kept) < len(tensors):
        changes.append(
            f'took {len(averaged)} tensors of the moving average, not the '
            f'{len(tensors) - len(kept)} that were averaged'
        )
    return _rename(path, kept, renamed), changes


def _rename(path: Path, tensors: Tensors, renamed: Mapping[str, str]) -> Tensors:
    """Return tensors under new names; equal ones may share a name."""
    result: Tensors = {}
    for name, tensor in tensors.items():
        other = result.setdefault(renamed[name], tensor)
        if other is not tensor and not torch.equal(other, tensor):
            raise CheckpointError(
                f'{path} cannot be used: it holds two different tensors for {renamed[name]}, one '
                f'of them {name}: several networks in one file. Save the state dict of one of them'
            )
    return result


def _describe_prefixes(removed: Mapping[str, int]) -> list[str]:
    return [f"removed the prefix '{prefix}.' of {n} names" for prefix, n in removed.items()]


def _take_normalization(
    path: Path, tensors: Tensors
) -> tuple[Tensors, Normalization | None, list[str]]:
    """
    Take out the buffers that hold the normalization of the images.

    The example of segmentation_models_pytorch for Lightning has them beside the network, with the
    shape (1, 3, 1, 1).
    """
    matches = {name: match for name in tensors if (match := _NORMALIZATION.search(name))}
    if not matches:
        return tensors, None, []
    values: dict[str, tuple[float, ...]] = {}
    for name, match in matches.items():
        value = _channel_values(path, name, tensors[name])
        if values.setdefault(match[1], value) != value:
            raise CheckpointError(
                f'{path} cannot be used: {", ".join(matches)} are two normalizations. Save the '
                'state dict of one network'
            )
    if set(values) != {'mean', 'std'} or min(values['std']) <= 0:
        raise CheckpointError(
            f'{path} cannot be used: {_describe_values(values)} in {", ".join(matches)} are no '
            'normalization of images, a mean and a positive deviation. Save the state dict of '
            "the network without them, and give them to 'surgseg export --set'"
        )
    of_bytes = max(*values['mean'], *values['std']) > 1
    if of_bytes:
        values = {key: _rounded(v / _BYTE_MAX for v in value) for key, value in values.items()}
    kept = {name: tensor for name, tensor in tensors.items() if name not in matches}
    change = f'normalization from {", ".join(matches)}: {_describe_values(values)}, for images in '
    change += (
        '[0, 1]; it was for 0 to 255'
        if of_bytes
        else "[0, 1]; if training gave it 0 to 255, divide both by 255 with 'surgseg export'"
    )
    return kept, values, [change]


def _channel_values(path: Path, name: str, tensor: Tensor) -> tuple[float, ...]:
    """Return what a buffer holds for red, green and blue."""
    values = tensor.float().flatten()
    one_axis = max(tensor.shape, default=1) == len(values)
    if not one_axis or len(values) not in (1, _CHANNELS) or not values.isfinite().all():
        raise CheckpointError(
            f'{path} cannot be used: {name} {tuple(tensor.shape)} is no normalization of '
            f'{_CHANNELS} channels, (1, {_CHANNELS}, 1, 1)'
        )
    return _rounded(values.expand(_CHANNELS).tolist())


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f'{value:.{_DIGITS}g}') for value in values)


def _describe_values(values: Normalization) -> str:
    return ', '.join(f'{key} {value}' for key, value in values.items())
