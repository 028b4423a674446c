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


"""Stamps: files that say which inputs a finished step has worked on."""

from collections.abc import Iterable
import hashlib
from pathlib import Path


class Stamp:
    """
    The record of a finished step.

    A step removes its stamp before it starts and writes it when everything succeeded, so an
    interrupted step has none.

    :param path: the stamp's file
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def matches(self, digest: str) -> bool:
        """Return whether the step has finished on exactly these inputs."""
        return self._path.is_file() and self._path.read_text(encoding='utf-8') == digest

    def exists(self) -> bool:
        """Return whether the step has finished, on whatever inputs."""
        return self._path.is_file()

    def remove(self) -> None:
        """Forget that the step has finished."""
        self._path.unlink(missing_ok=True)

    def write(self, digest: str) -> None:
        """Record that the step has finished; the file appears whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix('.partial')
        partial.write_text(digest, encoding='utf-8')
        partial.replace(self._path)


def digest_of(parts: Iterable[str]) -> str:
    """Return the SHA-256 of a sequence of strings, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b'\0')
    return digest.hexdigest()


def describe_contents(root: Path, paths: Iterable[Path]) -> list[str]:
    """Return the names (relative to the root) and contents of files, sorted by name."""
    return [
        part
        for path in sorted(paths)
        for part in (str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest())
    ]
