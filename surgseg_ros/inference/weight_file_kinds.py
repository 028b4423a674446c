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
What a file is, by its first bytes: weights, or what people have in their place.

Names say little: browsers, servers and unpackers change them.
"""

from collections.abc import Sequence
import json
from pathlib import Path
import re
import tarfile
import zipfile

from surgseg_ros.inference.checkpoint_info import CheckpointError

SAFETENSORS, TORCH = 'safetensors', 'torch'

_HEAD_BYTES = 1024
_SAFETENSORS_LENGTH_BYTES = 8
_LFS_POINTER = b'version https://git-lfs.github.com/spec/'
_WEB_PAGE = re.compile(rb'\s*(<!doctype|<html|<head|<\?xml)', re.IGNORECASE)
_COMPRESSED = {
    b'\x1f\x8b': 'gzip',
    b'BZh': 'bzip2',
    b'\xfd7zXZ\x00': 'xz',
    b'\x28\xb5\x2f\xfd': 'Zstandard',
    b"7z\xbc\xaf'\x1c": '7-Zip',
    b'Rar!': 'RAR',
}
_ZIP = b'PK'
_PICKLE = b'\x80'
_LEGACY_TAR_MEMBERS = {'pickle', 'storages', 'tensors'}
_TORCHSCRIPT_MEMBERS = ('constants.pkl', 'attributes.pkl')
_NAMED_MEMBERS = 3


def detect_format(path: Path) -> str:
    """
    Return how the tensors of a file are stored, ``'safetensors'`` or ``'torch'``.

    :raises CheckpointError: if the file is unreadable or something else, with what it is instead
    """
    try:
        with path.open('rb') as file:
            head = file.read(_HEAD_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f'{path} cannot be used: {error}') from error
    if problem := _foreign(head, size):
        raise CheckpointError(f'{path} cannot be used: {problem}')
    if head.startswith(_ZIP):
        _check_zip(path, size)
        return TORCH
    if _is_tar(path):
        raise CheckpointError(f'{path} cannot be used: {_explain_tar(path)}')
    if _is_safetensors(head):
        return SAFETENSORS
    if head.startswith(_PICKLE):
        return TORCH
    raise CheckpointError(
        f'{path} cannot be used: its {size} bytes are neither safetensors nor a file of '
        'torch.save. Give the file that the training wrote, or download it again'
    )


def _foreign(head: bytes, size: int) -> str:
    """Return what a file is that cannot hold tensors as it is, and the remedy; else nothing."""
    if not head:
        return 'it is empty (0 bytes). Copy or download it again'
    if head.startswith(_LFS_POINTER):
        announced = re.search(rb'size (\d+)', head)
        whole = f' of {announced[1].decode()} bytes' if announced else ''
        return (
            f'it is a pointer of Git LFS ({size} bytes) to a file{whole} that was not downloaded. '
            "Run 'git lfs pull' in its repository"
        )
    if _WEB_PAGE.match(head):
        return (
            f'it is a web page ({size} bytes), the answer of a server that wants a login or a '
            'confirmation, or did not find the file. Download it again in a browser'
        )
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            return f'it is a {name} archive. Unpack it and give the file of weights in it'
    return ''


def _is_safetensors(head: bytes) -> bool:
    """Tell whether a file begins as safetensors do: the length of a JSON object, then it."""
    return head[_SAFETENSORS_LENGTH_BYTES : _SAFETENSORS_LENGTH_BYTES + 1] == b'{'


def _check_zip(path: Path, size: int) -> None:
    """Refuse a zip file that is cut off, a program of TorchScript, or no file of torch's."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f'{path} cannot be used: it is cut off or damaged after {size} bytes ({error}). Copy '
            'or download it again'
        ) from error
    inner = {name.partition('/')[2] for name in names}
    if any(name in inner for name in _TORCHSCRIPT_MEMBERS):
        raise CheckpointError(
            f'{path} cannot be used: it is a TorchScript program, no state dict, and no code of a '
            "file is run. Where it was made: torch.save(network.state_dict(), 'weights.pt')"
        )
    if 'data.pkl' not in inner:
        raise CheckpointError(
            f'{path} cannot be used: it is a zip archive that holds {_name_some(names)}, not '
            'written by torch.save. Unpack it and give the file of weights in it'
        )


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, 'r:'):
            return True
    except (OSError, ValueError, tarfile.TarError):
        return False


def _explain_tar(path: Path) -> str:
    """Return what a tar archive is, and the remedy."""
    try:
        with tarfile.open(path, 'r:') as archive:
            names = archive.getnames()
    except (OSError, ValueError, tarfile.TarError) as error:
        return f'it is a tar archive and damaged ({error}). Copy or download it again'
    if set(names) >= _LEGACY_TAR_MEMBERS:
        return (
            'it is a legacy tar file, as torch.save wrote until 2017, whose tensors cannot be '
            'read without running what else it holds. If you trust it, convert it: '
            f"torch.save(torch.load({path.name!r}, weights_only=False), 'weights.pt')"
        )
    return (
        f'it is a tar archive that holds {_name_some(names)}. Unpack it and give the file of '
        'weights in it'
    )


def _name_some(names: Sequence[str]) -> str:
    shown = ', '.join(json.dumps(name) for name in names[:_NAMED_MEMBERS])
    more = f' and {len(names) - _NAMED_MEMBERS} more' if len(names) > _NAMED_MEMBERS else ''
    return (shown or 'nothing') + more
