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

import argparse
from collections.abc import Mapping
from dataclasses import replace
import json
from pathlib import Path
import re
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from torch import Tensor

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.state_dict_names import clean_names
from surgseg_ros.inference.state_dict_names import Conversion
from surgseg_ros.inference.state_dict_names import StateDict
from surgseg_ros.inference.state_dict_names import Tensors
from surgseg_ros.inference.weight_file_kinds import detect_format
from surgseg_ros.inference.weight_file_kinds import SAFETENSORS

PICKLED_SUFFIXES = ('.pt', '.pth', '.tar', '.bin', '.ckpt')
FOLDER_CONFIG = 'config.json'
FOLDER_WEIGHTS = ('model.safetensors', 'pytorch_model.bin')

# Until 2.6 a crafted file could run code in spite of weights_only (CVE-2025-32434).
_SAFE_TORCH = (2, 6)
# Where training scripts put the weights in a dictionary of more; moving averages come first, as in
# timm: they are what was evaluated.
_WRAPPERS = (
    *('state_dict_ema', 'ema_state_dict', 'model_ema', 'ema_model', 'ema', 'params_ema'),
    *('model', 'state_dict', 'model_state_dict', 'net', 'network', 'net_state_dict', 'weights'),
    *('module', 'params'),
)
_INTERPOLATION = 'decoder_interpolation'


def weights_file(path: Path) -> Path:
    """Return the file that holds the tensors of a checkpoint: of a folder one in it."""
    if not path.is_dir():
        return path
    candidates = [path / name for name in FOLDER_WEIGHTS]
    return next((file for file in candidates if file.is_file()), candidates[0])


def read_state_dict(path: Path) -> StateDict:
    """
    Return the tensors of a file or folder, without what wrappers and training put beside them.

    :param path: safetensors or a file of ``torch.save``, whatever its suffix, or the folder that
        ``save_pretrained`` of segmentation_models_pytorch writes
    :return: the tensors under the names of their network, and what was done for that
    :raises CheckpointError: if the file is unreadable, holds more than tensors, or numbers that no
        network can use
    """
    tensors, changes = _read_tensors(path)
    cleaned = clean_names(path, tensors)
    _check_numbers(path, cleaned.tensors)
    return replace(cleaned, changes=(*changes, *cleaned.changes))


def _read_tensors(path: Path) -> Conversion:
    """Return the state dict in a file or folder under its own names."""
    if path.is_dir():
        return _read_folder(path)
    if detect_format(path) == SAFETENSORS:
        return _read_safetensors(path), []
    return _unwrap(path, _unpickle_tensors(path))


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
    optional = {_INTERPOLATION: 'nearest', 'encoder_depth': 5}
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
        # Options of the command line, which timm and many scripts save along: a bare container.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # A damaged pickle can raise anything.
        raise CheckpointError(f'{path} cannot be used: {_explain_pickle_error(error)}') from error


def _torch_version() -> tuple[int, int]:
    major, minor = torch.__version__.split('.')[:2]
    return int(major), int(minor)


def _explain_pickle_error(error: Exception) -> str:
    """Return the cause and a remedy; torch's own is to run the code in the file."""
    text = str(error)
    if forbidden := re.search(r'GLOBAL (\S+)|unrecognized function (.+)', text):
        return (
            f'it holds more than tensors ({forbidden[1] or forbidden[2]}) or is damaged. No code '
            'of a file is run to read it; if you trust the file, open it with the code that wrote '
            "it and save the weights alone: torch.save(network.state_dict(), 'weights.pt')"
        )
    cause = text.rpartition('WeightsUnpickler error:')[2].strip().partition('\n')[0]
    if 'Unsupported operand' in cause:
        return (
            f'{cause}: it was saved with another pickle_protocol than that of torch.save, or is '
            "damaged. Where it was made: torch.save(network.state_dict(), 'weights.pt')"
        )
    return (
        f'{type(error).__name__}: {cause}. It is damaged or no file of torch.save; copy it again'
    )


def _unwrap(path: Path, content: Any) -> Conversion:
    """Return the state dict in what a training script has saved."""
    if not isinstance(content, dict):
        raise CheckpointError(
            f'{path} cannot be used: it holds a {type(content).__name__}, no state dict. Save '
            "torch.save(network.state_dict(), 'weights.pt')"
        )
    _check_hyper_parameters(path, content.get('hyper_parameters'))
    for wrapper in _WRAPPERS:
        if _holds_tensors(content.get(wrapper)):
            others = ', '.join(repr(key) for key in content if key != wrapper)
            found = f"took the weights from '{wrapper}'" + (f', not {others}' if others else '')
            tensors, changes = _unwrap(path, content[wrapper])
            return tensors, [found, *changes]
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise CheckpointError(
            f'{path} cannot be used: its entries {[str(key) for key in content][:8]} are no '
            f'tensors, and the weights are in none of {", ".join(_WRAPPERS)}. Save '
            "torch.save(network.state_dict(), 'weights.pt')"
        )
    others = ', '.join(repr(key) for key in content if key not in tensors)
    return tensors, [f'left out {others}, no tensors'] if others else []


def _holds_tensors(content: Any) -> bool:
    """Tell whether there is a state dict in an entry, or in an entry of it."""
    if not isinstance(content, dict):
        return False
    return any(isinstance(value, Tensor) for value in content.values()) or any(
        _holds_tensors(content.get(wrapper)) for wrapper in _WRAPPERS
    )


def _check_hyper_parameters(path: Path, parameters: Any) -> None:
    """Refuse a decoder of segmentation_models_pytorch that its tensors would not give away."""
    if not isinstance(parameters, Mapping):
        return
    interpolation = parameters.get(_INTERPOLATION, 'nearest')
    if interpolation != 'nearest':
        raise CheckpointError(
            f'{path} cannot be used: its hyper_parameters have {_INTERPOLATION} '
            f"{interpolation!r}. Of segmentation_models_pytorch this package has 'nearest'"
        )


def _check_numbers(path: Path, tensors: Tensors) -> None:
    """Refuse tensors that no network of ours can hold, or that would make it blind."""
    for name, tensor in tensors.items():
        plain = tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_meta
        if not plain or tensor.is_complex():
            raise CheckpointError(
                f'{path} cannot be used: {name} is a quantized, sparse, complex or meta tensor. '
                'Save the state dict of the network in single or half precision'
            )
        if tensor.is_floating_point() and not tensor.float().isfinite().all():
            raise CheckpointError(
                f'{path} cannot be used: {name} holds NaN or infinity. The training has diverged '
                'or the file is damaged; take an earlier one'
            )
