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
Layouts of published weights: which network they are of, and how they come under our names.

What a file lacks to be a checkpoint of this package, such as the normalization of its images,
comes from the code that it was published with.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from itertools import product
from typing import Any

import torch

from surgseg_ros.inference.checkpoint_info import NATIVE_SIZE
from surgseg_ros.inference.checkpoint_info import STRETCH
from surgseg_ros.inference.state_dict_names import Conversion
from surgseg_ros.inference.state_dict_names import Tensors
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info
from surgseg_ros.models.encoders import VGG_STAGE_WIDTHS
from surgseg_ros.models.mffnet import RELEASED_OPTIONS
from surgseg_ros.models.mffnet import translate_released_key
from surgseg_ros.models.registry import IMAGENET_MEAN
from surgseg_ros.models.registry import IMAGENET_STD

_RAW_BYTES_STD = (1 / 255, 1 / 255, 1 / 255)
_TERNAUS_THRESHOLD = 0.3
_AGSD_THRESHOLD = 0.6


@dataclass(frozen=True)
class Layout:
    """
    One kind of files.

    :param title: whose files these are
    :param model: name of the network in the model registry
    :param options: keyword arguments of the network's class
    :param preprocessing: fields of :class:`CheckpointInfo` that the published code implies
    :param convert: returns the tensors under our names, and one phrase for every change; raises
        ``ValueError`` if the file was altered
    :param logits_note: what the published network does after its logits and ours leaves out
    """

    title: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    convert: Callable[[Tensors], Conversion] = lambda tensors: (tensors, [])
    logits_note: str = ''


def _vgg_aliases(depth: int) -> dict[str, str]:
    """Return the second name of every convolution of a VGG in a TernausNet, and the first."""
    aliases = {}
    index = 0
    for stage, widths in enumerate(VGG_STAGE_WIDTHS[depth], start=1):
        for position in range(0, 2 * len(widths), 2):  # a convolution and its ReLU
            for part in ('weight', 'bias'):
                aliases[f'encoder.{index}.{part}'] = f'conv{stage}.{position}.{part}'
            index += 2
        index += 1  # the pooling
    return aliases


def _merge_vgg_aliases(depth: int) -> Callable[[Tensors], Conversion]:
    """Return the conversion that keeps one of the two names of every convolution of a VGG."""
    names = _vgg_aliases(depth)

    def convert(tensors: Tensors) -> Conversion:
        aliases = {alias: name for alias, name in names.items() if alias in tensors}
        for alias, name in aliases.items():
            if name in tensors and not torch.equal(tensors[alias], tensors[name]):
                raise ValueError(
                    f'{alias} and {name} differ, although they are one tensor in the published '
                    'network: the file was changed. Take the original one'
                )
        kept = {aliases.get(name, name): tensor for name, tensor in tensors.items()}
        changes = [f'dropped {len(aliases)} encoder.* tensors, equal to conv1 to conv5']
        return kept, changes if aliases else []

    return convert


def _translate_mffnet(tensors: Tensors) -> Conversion:
    """Bring the released weights of Islam et al. under the names of ``mffnet``."""
    if not any(name.startswith('in_block.') for name in tensors):
        return {}, []  # Weights of ours may have the same tensors, but want other images.
    names = {name: _translate_mffnet_name(name) for name in tensors}
    kept = {ours: tensors[name] for name, ours in names.items() if ours is not None}
    dead = [name for name, ours in names.items() if ours is None]
    groups = ', '.join(f'{group}.*' for group in dict.fromkeys(_first_words(dead)))
    changes = [f'dropped {len(dead)} tensors that no output depends on ({groups})']
    return kept, changes if dead else []


def _translate_mffnet_name(name: str) -> str | None:
    try:
        return translate_released_key(name)
    except ValueError:
        return name  # It is reported as unknown.


def _first_words(names: Sequence[str]) -> list[str]:
    return ['.'.join(name.split('.')[:2]) for name in names]


_IMAGENET: Mapping[str, Any] = {'mean': IMAGENET_MEAN, 'std': IMAGENET_STD}
_TERNAUS: Mapping[str, Any] = {
    **_IMAGENET,
    'input_size': NATIVE_SIZE,
    'threshold': _TERNAUS_THRESHOLD,
}
_TERNAUS_SOURCE = 'ternaus/robot-surgery-segmentation'
_NO_LOG_SOFTMAX = 'left out log_softmax: our networks return logits'

_PUBLISHED_LAYOUTS = (
    Layout(
        f'U-Net of {_TERNAUS_SOURCE}',
        'unet',
        preprocessing=_TERNAUS,
        logits_note=_NO_LOG_SOFTMAX,
    ),
    *(
        Layout(
            f'TernausNet-{depth} of {_TERNAUS_SOURCE}',
            f'ternausnet{depth}',
            preprocessing=_TERNAUS,
            convert=_merge_vgg_aliases(depth),
            logits_note=_NO_LOG_SOFTMAX,
        )
        for depth in (11, 16)
    ),
    Layout(
        f'LinkNet-34 of {_TERNAUS_SOURCE}',
        'linknet34',
        preprocessing=_TERNAUS,
        logits_note=_NO_LOG_SOFTMAX,
    ),
    Layout(
        'MFF network released by Islam et al.',
        'mffnet',
        RELEASED_OPTIONS,
        # The released code feeds bytes as they are, 0 to 255.
        {'input_size': (1280, 1024), 'std': _RAW_BYTES_STD},
        _translate_mffnet,
    ),
    Layout(
        'U-Net (ResNet-34) of segmentation_models_pytorch',
        'smp_unet_resnet34',
        # The training code of the SAR-RARP50 report: no normalization, images squeezed.
        preprocessing={'input_size': (256, 256), 'resize': STRETCH},
    ),
    Layout(
        'U-Net (ResNet-18) released with AGSD',
        'agsd_unet',
        {'encoder': 'resnet18'},
        {**_IMAGENET, 'input_size': (640, 512), 'threshold': _AGSD_THRESHOLD},
    ),
)


@cache
def list_layouts() -> tuple[Layout, ...]:
    """Return all kinds of files: the published ones, then state dicts of our own networks."""
    return (*_PUBLISHED_LAYOUTS, *_own_layouts())


def _own_layouts() -> Iterator[Layout]:
    published = {layout.model for layout in _PUBLISHED_LAYOUTS if not layout.options}
    for name in list_models():
        if name in published:
            continue
        known = model_info(name)
        preprocessing = {'mean': known.mean, 'std': known.std, 'input_size': known.input_size}
        for options in _variants(name):
            yield Layout(f'{name} of this package', name, options, preprocessing)


def _variants(model: str) -> list[dict[str, Any]]:
    """Return the options of a network that change its tensors."""
    if model == 'rasnet':
        return [{}, {'attention': False}]
    if model != 'mffnet':
        return [{}]
    switches = ('share_encoder', 'share_classifier', 'stem_decoder')
    choices = product((False, True), repeat=len(switches))
    chosen = (dict(zip(switches, choice, strict=True)) for choice in choices)
    # The stride leaves no trace in the tensors; the released code has the fourth decoder and 2.
    return [options | {'head_stride': 2 if options['stem_decoder'] else 1} for options in chosen]
