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
Checkpoints: files that are enough to run a network.

Ours are one ``.safetensors`` file. The tensors are the network's state dict, usually in half
precision; the metadata names the model, its task and classes, the input size, the normalization
and where the weights come from. :func:`load_checkpoint` takes published files of other formats
too, see :mod:`surgseg_ros.inference.published_checkpoints`.
"""

from dataclasses import dataclass
import hashlib
import os
from pathlib import Path

from safetensors import safe_open
from safetensors import SafetensorError
from safetensors.torch import save_file
import torch
from torch import Tensor

from surgseg_ros.data.whole_files import replacing
from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.checkpoint_info import FORMAT
from surgseg_ros.inference.checkpoint_info import LoadReport
from surgseg_ros.inference.published_checkpoints import read_published
from surgseg_ros.inference.state_dict_files import FOLDER_CONFIG
from surgseg_ros.inference.state_dict_files import PICKLED_SUFFIXES
from surgseg_ros.inference.state_dict_files import weights_file
from surgseg_ros.inference.weight_file_kinds import detect_format
from surgseg_ros.inference.weight_file_kinds import SAFETENSORS
from surgseg_ros.models import create_model
from surgseg_ros.models import SegmentationNetwork

SUFFIX = '.safetensors'
DEFAULT_CHECKPOINT = 'mffnet_parts_sim'
SHIPPED = 'shipped'
"""Another name of the default checkpoint, for command lines."""
WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / 'weights'


@dataclass(frozen=True)
class LoadedCheckpoint:
    """
    A network with the weights of a file.

    :param model: in evaluation mode, float32, on the CPU
    :param info: its description
    :param report: what the file turned out to be, and what was changed to load it
    """

    model: SegmentationNetwork
    info: CheckpointInfo
    report: LoadReport


def list_shipped_checkpoints() -> list[str]:
    """Return the names of the checkpoints that come with the package."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob(f'*{SUFFIX}'))


def resolve_checkpoint(name_or_path: str | os.PathLike[str]) -> Path:
    """
    Return the file or folder of a checkpoint.

    :param name_or_path: a file, a folder of ``save_pretrained``, or the name of a shipped
        checkpoint, which is never looked for elsewhere; ``'shipped'``: the default one
    :raises CheckpointError: if there is nothing of these
    """
    if _is_shipped(name_or_path):
        name = os.fspath(name_or_path)
        name = DEFAULT_CHECKPOINT if name == SHIPPED else name
        return WEIGHTS_FOLDER / f'{name}{SUFFIX}'
    path = Path(name_or_path).expanduser()
    if path.is_file() or (path.is_dir() and str(name_or_path)):
        return path
    raise CheckpointError(
        f"checkpoint '{name_or_path}': no such file, and no shipped checkpoint has this name. "
        f'Give the path of a file ({", ".join((SUFFIX, *PICKLED_SUFFIXES))}) or one of: '
        f'{", ".join(list_shipped_checkpoints())}'
    )


def _is_shipped(name_or_path: str | os.PathLike[str]) -> bool:
    return os.fspath(name_or_path) in (SHIPPED, *list_shipped_checkpoints())


def checkpoint_name(path: Path) -> str:
    """
    Return the name to show for a checkpoint: that of its file or folder, without suffixes.

    >>> checkpoint_name(Path('weights/epoch_76.pth.tar'))
    'epoch_76'
    """
    name = path.name
    while Path(name).suffix.lower() in (SUFFIX, *PICKLED_SUFFIXES):
        name = Path(name).stem
    return name


def check_permitted(name_or_path: str, folder: str) -> None:
    """
    Refuse a checkpoint outside a folder; shipped names are always permitted.

    :param folder: the only place that files may come from, links resolved; empty: anywhere
    :raises CheckpointError: if the file lies elsewhere
    """
    if not folder or _is_shipped(name_or_path):
        return
    allowed = Path(folder).expanduser().resolve()
    path = Path(name_or_path).expanduser()
    # The files of a folder may be links.
    read = (path, weights_file(path), path / FOLDER_CONFIG) if path.is_dir() else (path,)
    if not all(file.resolve().is_relative_to(allowed) for file in read):
        raise CheckpointError(
            f"checkpoint '{name_or_path}' is not below '{allowed}', the only folder permitted "
            '(checkpoint_directory). Copy it there, or give the name of a shipped checkpoint: '
            f'{", ".join(list_shipped_checkpoints())}'
        )


def weights_sha256(path: Path) -> str:
    """Return the SHA-256 of the file that holds the tensors of a checkpoint, in hex digits."""
    return hashlib.sha256(weights_file(path).read_bytes()).hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """
    Refuse a file that is not the one pinned; of a folder its weights are looked at.

    :param expected: 64 hexadecimal digits; empty: any file will do
    :raises CheckpointError: if the digest of the file is another
    """
    if not expected:
        return
    file = weights_file(path)
    if not file.is_file():
        raise CheckpointError(f"{path} cannot be used: it holds no '{file.name}' to be checked")
    found = weights_sha256(path)
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
    Write a checkpoint of this package; an existing file is replaced once the new one is complete.

    :param dtype: type of the floating-point tensors in the file
    """
    tensors = {name: _to_stored(tensor, dtype) for name, tensor in model.state_dict().items()}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        save_file(tensors, draft, info.to_metadata())


def _to_stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    stored = tensor.detach().to('cpu')
    return stored.to(dtype).contiguous() if stored.is_floating_point() else stored


def read_info(path: str | os.PathLike[str]) -> CheckpointInfo:
    """
    Read what a checkpoint says about itself; of published files the tensors are looked at.

    :raises CheckpointError: if the file is no checkpoint
    """
    path = Path(path)
    return _read_own_info(path) if _is_own(path) else read_published(path).info


def load_checkpoint(
    name_or_path: str | os.PathLike[str],
) -> tuple[SegmentationNetwork, CheckpointInfo]:
    """
    Build the network of a checkpoint and load its weights.

    :param name_or_path: see :func:`resolve_checkpoint`
    :return: the network in evaluation mode, float32, on the CPU, and its description
    :raises CheckpointError: if the file is missing, damaged, or does not fit its model
    """
    loaded = load_reported(name_or_path)
    return loaded.model, loaded.info


def load_reported(name_or_path: str | os.PathLike[str]) -> LoadedCheckpoint:
    """
    Load a checkpoint as :func:`load_checkpoint` does, and tell what was found in the file.

    :raises CheckpointError: if the file is missing, damaged, or does not fit its model
    """
    path = resolve_checkpoint(name_or_path)
    if _is_own(path):
        return _load_own(path)
    published = read_published(path)
    model = _build(published.info, published.tensors)
    return LoadedCheckpoint(model, published.info, published.report)


def _is_own(path: Path) -> bool:
    """Tell whether a file was written by this package, of any version."""
    if path.is_dir() or detect_format(path) != SAFETENSORS:
        return False
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_unusable(path, error)) from error
    return metadata.get('format', '').startswith(FORMAT.partition('/')[0])


def _read_own_info(path: Path) -> CheckpointInfo:
    try:
        with safe_open(path, framework='pt') as file:
            return CheckpointInfo.from_metadata(file.metadata())
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(_unusable(path, error)) from error


def _load_own(path: Path) -> LoadedCheckpoint:
    info = _read_own_info(path)
    try:
        with safe_open(path, framework='pt') as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = _build(info, tensors)
    except (ValueError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(_unusable(path, error)) from error
    return LoadedCheckpoint(model, info, LoadReport(FORMAT, len(tensors)))


def _build(info: CheckpointInfo, tensors: dict[str, Tensor]) -> SegmentationNetwork:
    # Weights of a pretrained encoder would be read in vain, and perhaps downloaded for it.
    options = {name: value for name, value in info.options.items() if name != 'pretrained'}
    # Without memory first: random weights take longer to make than the file to read.
    with torch.device('meta'):
        model = create_model(info.model, info.task, **options)
    model.load_state_dict(
        {name: _to_used(tensor) for name, tensor in tensors.items()}, assign=True
    )
    return model.eval().requires_grad_(False)


def _to_used(tensor: Tensor) -> Tensor:
    """Return a float32 copy: tensors of the file may change, or crash, when it is overwritten."""
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.to(dtype, memory_format=torch.contiguous_format, copy=True)


def _unusable(path: Path, cause: Exception) -> str:
    in_one_line = ' '.join(str(cause).split())
    return (
        f'{path} cannot be used: {in_one_line}. Expected a {SUFFIX} file written by surgseg_ros '
        f'(surgseg_ros.inference.checkpoints.save_checkpoint); copy or export it again.'
    )
