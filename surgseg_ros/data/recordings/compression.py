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

"""Decompression of zstd and LZ4; data that end early give what there is."""

from importlib import import_module
from pathlib import Path
import sys
from typing import Any

from surgseg_ros.data.recordings.errors import MissingPackageError
from surgseg_ros.data.recordings.errors import StorageError

ZSTD_START = b'\x28\xb5\x2f\xfd'
"""Of compressed messages; a message in CDR starts with a zero byte."""

_PIECE_BYTES = 1 << 20


def decompress(kind: str, data: bytes, max_length: int = -1) -> bytes:
    """
    Decompress as much as there is.

    :param kind: ``''``, ``'zstd'`` or ``'lz4'``, as MCAP names them
    :param max_length: bytes of the result at most, -1: any number
    :raises StorageError: if the data are damaged
    :raises MissingPackageError: if what decompresses them is not installed
    """
    if kind == '':
        return data
    if kind not in ('zstd', 'lz4'):
        raise StorageError(f"compression '{kind}' is not known; expected zstd or lz4")
    decompressor, error_type = _new_zstd() if kind == 'zstd' else _new_lz4()
    try:
        return bytes(decompressor.decompress(data, max_length))
    except error_type as error:
        raise StorageError(f'{kind} says: {error}') from error


def decompress_zstd_file(source: Path, target: Path) -> str:
    """
    Decompress a file piece by piece, as far as it goes.

    :return: why it goes no farther, empty if it is whole
    :raises MissingPackageError: if zstd is not installed
    """
    decompressor, error_type = _new_zstd()
    try:
        with source.open('rb') as packed, target.open('wb') as unpacked:
            while not decompressor.eof and (piece := packed.read(_PIECE_BYTES)):
                unpacked.write(decompressor.decompress(piece))
    except error_type as error:
        return f'zstd says: {error}'
    return '' if decompressor.eof else 'it ends early'


def _new_zstd() -> tuple[Any, type[Exception]]:
    """Return a decompressor and the type of its errors; rosbags brings the backport along."""
    zstd = _import('compression.zstd' if sys.version_info >= (3, 14) else 'backports.zstd')
    return zstd.ZstdDecompressor(), zstd.ZstdError


def _new_lz4() -> tuple[Any, type[Exception]]:
    return _import('lz4.frame').LZ4FrameDecompressor(), RuntimeError


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.removesuffix('.frame')
        raise MissingPackageError(
            f'a compressed recording needs the package {package}: pip install {package}'
        ) from error
