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
Checkpoints: one ``.safetensors`` file that is enough to run a network.

The tensors are the network's state dict, usually in half precision; the metadata names the model,
its task and classes, the input size, the normalization and where the weights come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors import SafetensorError
from safetensors.torch import save_file
import torch
from torch import Tensor

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.models import create_model
from surgseg_ros.models import SegmentationNetwork

FORMAT = 'surgseg_ros/1'
SUFFIX = '.safetensors'
NATIVE_SIZE = (0, 0)
DEFAULT_CHECKPOINT = 'mffnet_parts_sim'
WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / 'weights'


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message names the file, the cause and the remedy."""


@dataclass(frozen=True)
class CheckpointInfo:
    """
    What a checkpoint says about itself.

    :param model: name in the model registry
    :param task: label set
    :param input_size: (width, height) in pixels that the network is run at, see
        :func:`surgseg_ros.inference.preprocessing.fit_network_size`; ``(0, 0)``: the image's own
    :param mean: RGB mean of the images in [0, 1], subtracted before the network
    :param std: RGB deviation that the difference is divided by
    :param options: keyword arguments of the network's class
    :param notice: what a user must know about the weights, shown wherever they are loaded
    :param provenance: how the weights were made: data, steps, metrics
    """

    model: str
    task: str
    input_size: tuple[int, int] = NATIVE_SIZE
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    options: Mapping[str, Any] = field(default_factory=dict)
    notice: str = ''
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label_set(self) -> LabelSet:
        """Return the classes of the task."""
        return get_label_set(self.task)

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata of the file, one JSON value a key."""
        values = {
            'model': self.model,
            'task': self.task,
            'class_names': self.label_set.class_names,
            'input_size': self.input_size,
            'mean': self.mean,
            'std': self.std,
            'options': dict(self.options),
            'notice': self.notice,
            'provenance': dict(self.provenance),
        }
        return {'format': FORMAT, **{key: json.dumps(value) for key, value in values.items()}}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> 'CheckpointInfo':
        """
        Read the metadata of a file.

        :raises ValueError: if an entry is missing or unusable
        """
        if metadata.get('format') != FORMAT:
            raise ValueError(f"its metadata does not say format '{FORMAT}'")
        try:
            values = {key: json.loads(text) for key, text in metadata.items() if key != 'format'}
            class_names = tuple(values.pop('class_names'))
            for key in ('input_size', 'mean', 'std'):
                values[key] = tuple(values[key])
            info = cls(**values)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f'its metadata is incomplete or damaged ({error!r})') from error
        if class_names != info.label_set.class_names:
            raise ValueError(
                f"its classes {list(class_names)} are not those of task '{info.task}', "
                f'{list(info.label_set.class_names)}'
            )
        return info


def list_shipped_checkpoints() -> list[str]:
    """Return the names of the checkpoints that come with the package."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob(f'*{SUFFIX}'))


def resolve_checkpoint(name_or_path: str | os.PathLike[str]) -> Path:
    """
    Return the file of a checkpoint.

    :param name_or_path: a file, or the name of a shipped checkpoint
    :raises CheckpointError: if there is neither
    """
    path = Path(name_or_path).expanduser()
    shipped = WEIGHTS_FOLDER / f'{name_or_path}{SUFFIX}'
    for candidate in (path, shipped):
        if candidate.is_file():
            return candidate
    raise CheckpointError(
        f"checkpoint '{name_or_path}': no such file, and no shipped checkpoint has this name. "
        f'Give the path of a {SUFFIX} file or one of: {", ".join(list_shipped_checkpoints())}'
    )


def check_permitted(name_or_path: str, folder: str) -> None:
    """
    Refuse a checkpoint outside a folder; shipped names are always permitted.

    :param folder: the only place that files may come from, links resolved; empty: anywhere
    :raises CheckpointError: if the file lies elsewhere
    """
    if not folder or name_or_path in list_shipped_checkpoints():
        return
    allowed = Path(folder).expanduser().resolve()
    if not Path(name_or_path).expanduser().resolve().is_relative_to(allowed):
        raise CheckpointError(
            f"checkpoint '{name_or_path}' is not below '{allowed}', the only folder permitted "
            '(checkpoint_directory). Copy it there, or give the name of a shipped checkpoint: '
            f'{", ".join(list_shipped_checkpoints())}'
        )


def check_sha256(path: Path, expected: str) -> None:
    """
    Refuse a file that is not the one pinned.

    :param expected: 64 hexadecimal digits; empty: any file will do
    :raises CheckpointError: if the digest of the file is another
    """
    if not expected:
        return
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected.lower():
        raise CheckpointError(
            f'{path} is not the pinned file: its SHA-256 is {found}, expected {expected}. '
            'Restore the file, or pin this one with checkpoint_sha256 if it is to be trusted'
        )


def save_checkpoint(
    path: str | os.PathLike[str],
    model: SegmentationNetwork,
    info: CheckpointInfo,
    dtype: torch.dtype = torch.float16,
) -> None:
    """
    Write a checkpoint; an existing file is replaced only once the new one is complete.

    :param dtype: type of the floating-point tensors in the file
    """
    tensors = {name: _to_stored(tensor, dtype) for name, tensor in model.state_dict().items()}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + '.partial')
    save_file(tensors, partial, info.to_metadata())
    partial.replace(path)


def _to_stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    stored = tensor.detach().to('cpu')
    return stored.to(dtype).contiguous() if stored.is_floating_point() else stored


def read_info(path: str | os.PathLike[str]) -> CheckpointInfo:
    """
    Read what a checkpoint says about itself, without its tensors.

    :raises CheckpointError: if the file is not a checkpoint of this package
    """
    try:
        with safe_open(path, framework='pt') as file:
            return CheckpointInfo.from_metadata(file.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(_unusable(path, error)) from error


def load_checkpoint(
    name_or_path: str | os.PathLike[str],
) -> tuple[SegmentationNetwork, CheckpointInfo]:
    """
    Build the network of a checkpoint and load its weights.

    :return: the network in evaluation mode, float32, on the CPU, and its description
    :raises CheckpointError: if the file is missing, damaged, or does not fit its model
    """
    path = resolve_checkpoint(name_or_path)
    info = read_info(path)
    try:
        model = create_model(info.model, info.task, **info.options)
        with safe_open(path, framework='pt') as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        # load_state_dict copies into the float32 parameters of the model.
        model.load_state_dict(tensors)
    except (ValueError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(_unusable(path, error)) from error
    return model.eval().requires_grad_(False), info


def _unusable(path: str | os.PathLike[str], cause: Exception) -> str:
    return (
        f'{path} cannot be used: {cause}. Expected a {SUFFIX} file written by surgseg_ros '
        f'(surgseg_ros.inference.checkpoints.save_checkpoint); copy or export it again.'
    )
