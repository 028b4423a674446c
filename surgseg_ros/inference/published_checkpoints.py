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

A file is recognized by the names and shapes of its tensors; only tensors are read, nothing else
in a file is unpickled. What a file lacks to be a checkpoint of this package, such as the
normalization of its images, comes from the code that it was published with.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from itertools import product
import json
from pathlib import Path
import re
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from torch import Tensor

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.checkpoint_info import LoadReport
from surgseg_ros.inference.checkpoint_info import NATIVE_SIZE
from surgseg_ros.inference.checkpoint_info import STRETCH
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info
from surgseg_ros.models.encoders import VGG_STAGE_WIDTHS
from surgseg_ros.models.mffnet import RELEASED_OPTIONS
from surgseg_ros.models.mffnet import translate_released_key
from surgseg_ros.models.registry import IMAGENET_MEAN
from surgseg_ros.models.registry import IMAGENET_STD

Tensors = dict[str, Tensor]
Conversion = tuple[Tensors, list[str]]

PICKLED_SUFFIXES = ('.pt', '.pth', '.tar', '.bin', '.ckpt')
FOLDER_CONFIG = 'config.json'
FOLDER_WEIGHTS = ('model.safetensors', 'pytorch_model.bin')

# Until 2.6 a crafted file could run code in spite of weights_only (CVE-2025-32434).
_SAFE_TORCH = (2, 6)
# Where training scripts put the weights in a dictionary of more.
_WRAPPERS = ('model', 'state_dict', 'model_state_dict')
# What DataParallel, torch.compile and training frameworks put before every name.
_PREFIXES = ('module.', '_orig_mod.', 'model.')
_BATCH_COUNTER = 'num_batches_tracked'
_TASKS = {1: 'binary', 2: 'binary', 4: 'parts', 8: 'types', 10: 'sar_rarp50'}
_MIN_OVERLAP = 0.5
_NAMED_DIFFERENCES = 4
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


@dataclass(frozen=True)
class PublishedCheckpoint:
    """The tensors of a file under the names of one of our networks, and what they are."""

    info: CheckpointInfo
    tensors: Tensors
    report: LoadReport


def weights_file(path: Path) -> Path:
    """Return the file that holds the tensors of a checkpoint: of a folder one in it."""
    if not path.is_dir():
        return path
    candidates = [path / name for name in FOLDER_WEIGHTS]
    return next((file for file in candidates if file.is_file()), candidates[0])


def read_published(path: Path) -> PublishedCheckpoint:
    """
    Recognize a file that is not of this package and bring its tensors under our names.

    :param path: a state dict (``.safetensors`` or pickled by torch), or the folder that
        ``save_pretrained`` of segmentation_models_pytorch writes
    :raises CheckpointError: if the file is unreadable, holds more than tensors, or fits no network
    """
    tensors, changes = _read_tensors(path)
    tensors, prefixes = _strip_prefixes(tensors)
    _check_numbers(path, tensors)
    layout = _recognize(path, tensors)
    converted, conversions = _convert(path, layout, tensors)
    task, options = _read_task(path, layout, converted)
    converted, counters = _fill_batch_counters(converted, layout)
    _check_fit(path, layout, converted, task, options)
    if layout.logits_note and task != 'binary':
        conversions = [*conversions, layout.logits_note]
    report = LoadReport(
        layout.title, len(converted), (*changes, *prefixes, *conversions, *counters)
    )
    preprocessing = dict(layout.preprocessing)
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


def _read_tensors(path: Path) -> Conversion:
    """Return the state dict in a file or folder under its own names."""
    if path.is_dir():
        return _read_folder(path)
    if path.suffix == '.safetensors':
        return _read_safetensors(path), []
    if path.suffix in PICKLED_SUFFIXES:
        return _unwrap(path, _unpickle_tensors(path))
    raise CheckpointError(
        f"{path} cannot be used: a file with suffix '{path.suffix}' is no checkpoint. Give a "
        f'.safetensors file, a state dict saved by torch ({", ".join(PICKLED_SUFFIXES)}), or a '
        'folder written by save_pretrained'
    )


def _read_folder(path: Path) -> Conversion:
    """Return the state dict of a folder that ``save_pretrained`` has written."""
    file, config_file = weights_file(path), path / FOLDER_CONFIG
    try:
        config = json.loads(config_file.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f'{path} cannot be used: {error}. A folder must be one that save_pretrained of '
            f'segmentation_models_pytorch wrote, with {FOLDER_CONFIG} and {FOLDER_WEIGHTS[0]}'
        ) from error
    _check_folder_config(path, config)
    tensors, changes = _read_tensors(file)
    if config.get('activation'):
        changes.append(f"left out activation '{config['activation']}': our networks return logits")
    return tensors, changes


def _check_folder_config(path: Path, config: Any) -> None:
    """Refuse networks of segmentation_models_pytorch whose tensors would not tell them apart."""
    required = {'_model_class': 'Unet', 'encoder_name': 'resnet34', 'in_channels': 3}
    optional = {'decoder_interpolation': 'nearest', 'encoder_depth': 5}
    if not isinstance(config, dict):
        raise CheckpointError(f'{path} cannot be used: {FOLDER_CONFIG} holds no JSON object')
    found = {**{name: config.get(name) for name in required}}
    found |= {name: config.get(name, value) for name, value in optional.items()}
    wrong = [
        f'{name} is {found[name]!r}, not {value!r}'
        for name, value in (required | optional).items()
        if found[name] != value
    ]
    if wrong:
        raise CheckpointError(
            f'{path} cannot be used: in its {FOLDER_CONFIG} {"; ".join(wrong)}. Of '
            'segmentation_models_pytorch this package has the U-Net with a ResNet-34 encoder'
        )


def _read_safetensors(path: Path) -> Tensors:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f'{path} cannot be used: {error}. It is damaged or no safetensors file; copy or '
            'export it again'
        ) from error


def _unpickle_tensors(path: Path) -> Any:
    """Read a file of torch's, zip or older, which may hold tensors, numbers and texts only."""
    if _torch_version() < _SAFE_TORCH:
        raise CheckpointError(
            f'{path} is not opened: torch {torch.__version__} can be made to run code by such '
            'files, torch 2.6 and later cannot. Update torch, or convert the file on another '
            f'computer: surgseg export --to safetensors --checkpoint {path.name} --output FILE'
        )
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # A damaged pickle can raise anything.
        raise CheckpointError(f'{path} cannot be used: {_explain_pickle_error(error)}') from error


def _torch_version() -> tuple[int, int]:
    major, minor = torch.__version__.split('.')[:2]
    return int(major), int(minor)


def _explain_pickle_error(error: Exception) -> str:
    """Return the cause and a remedy; torch's own is to run the code in the file."""
    text = str(error)
    forbidden = re.search(r'GLOBAL ([\w.]+)', text)
    if forbidden or 'TorchScript' in text or 'weights_only' in text:
        name = f' ({forbidden[1]})' if forbidden else ''
        return (
            f'it holds more than tensors{name}, which would have to be run to be read, and no '
            'code of a file is run. If you trust the file, open it with the code that wrote it '
            "and save the weights alone: torch.save(network.state_dict(), 'weights.pt')"
        )
    first_line = text.strip().partition('\n')[0]
    return (
        f'{type(error).__name__}: {first_line}. It is damaged or no file of torch.save; copy it '
        'again'
    )


def _unwrap(path: Path, content: Any) -> Conversion:
    """Return the state dict in what a training script has saved."""
    if not isinstance(content, dict):
        raise CheckpointError(
            f'{path} cannot be used: it holds a {type(content).__name__}, no state dict. Save '
            "torch.save(network.state_dict(), 'weights.pt')"
        )
    if _is_state_dict(content):
        return dict(content), []
    for wrapper in _WRAPPERS:
        if _is_state_dict(content.get(wrapper)):
            others = ', '.join(repr(key) for key in content if key != wrapper)
            found = f"took the weights from '{wrapper}'"
            return dict(content[wrapper]), [found + (f', not {others}' if others else '')]
    raise CheckpointError(
        f'{path} cannot be used: its entries {[str(key) for key in content][:8]} are no tensors, '
        f'and the weights are in none of {", ".join(_WRAPPERS)}. Save '
        "torch.save(network.state_dict(), 'weights.pt')"
    )


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(
            isinstance(name, str) and isinstance(tensor, Tensor)
            for name, tensor in content.items()
        )
    )


def _strip_prefixes(tensors: Tensors) -> Conversion:
    """Remove what every name begins with and the network does not know."""
    changes = []
    while prefix := _common_prefix(tensors):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        changes.append(f"removed the prefix '{prefix}' of all names")
    return tensors, changes


def _common_prefix(tensors: Tensors) -> str:
    common = (p for p in _PREFIXES if all(name.startswith(p) for name in tensors))
    return next(common, '') if tensors else ''


def _check_numbers(path: Path, tensors: Tensors) -> None:
    """Refuse tensors that no network of ours can hold, or that would make it blind."""
    for name, tensor in tensors.items():
        plain = tensor.layout is torch.strided and not tensor.is_quantized
        if not plain or tensor.is_complex():
            raise CheckpointError(
                f'{path} cannot be used: {name} is a quantized, sparse or complex tensor. Save '
                'the state dict of the network in single or half precision'
            )
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise CheckpointError(
                f'{path} cannot be used: {name} holds NaN or infinity. The training has diverged '
                'or the file is damaged; take an earlier one'
            )


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
