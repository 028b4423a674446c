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
State dicts in files that are not of this package: folders, safetensors and what torch has saved.

Only tensors are read, nothing else in a file is unpickled.
"""

import json
from pathlib import Path
import re
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from torch import Tensor

from surgseg_ros.inference.checkpoint_info import CheckpointError

Tensors = dict[str, Tensor]
Conversion = tuple[Tensors, list[str]]
"""Tensors by name, and one phrase for everything that was done to them."""

PICKLED_SUFFIXES = ('.pt', '.pth', '.tar', '.bin', '.ckpt')
FOLDER_CONFIG = 'config.json'
FOLDER_WEIGHTS = ('model.safetensors', 'pytorch_model.bin')

# Until 2.6 a crafted file could run code in spite of weights_only (CVE-2025-32434).
_SAFE_TORCH = (2, 6)
# Where training scripts put the weights in a dictionary of more.
_WRAPPERS = ('model', 'state_dict', 'model_state_dict')
# What DataParallel, torch.compile and training frameworks put before every name.
_PREFIXES = ('module.', '_orig_mod.', 'model.')


def weights_file(path: Path) -> Path:
    """Return the file that holds the tensors of a checkpoint: of a folder one in it."""
    if not path.is_dir():
        return path
    candidates = [path / name for name in FOLDER_WEIGHTS]
    return next((file for file in candidates if file.is_file()), candidates[0])


def read_state_dict(path: Path) -> Conversion:
    """
    Return the tensors of a file or folder, without the prefixes that wrappers put before names.

    :param path: ``.safetensors``, a file of :data:`PICKLED_SUFFIXES`, or the folder that
        ``save_pretrained`` of segmentation_models_pytorch writes
    :return: the tensors under the names of their network, and what was done for that
    :raises CheckpointError: if the file is unreadable, holds more than tensors, or numbers that no
        network can use
    """
    tensors, changes = _read_tensors(path)
    tensors, prefixes = _strip_prefixes(tensors)
    _check_numbers(path, tensors)
    return tensors, [*changes, *prefixes]


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
