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

"""Names of results: none twice, none of a file that is read."""

from collections.abc import Iterable
from pathlib import Path


def check_output_names(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """
    Refuse results that would overwrite each other or what is read, before anything is written.

    Names that differ only in case are one file on some file systems.

    :param outputs: all files that will be written
    :param inputs: all files that are read
    :raises ValueError: naming the file
    """
    read = {_identity(path) for path in inputs}
    written: set[str] = set()
    for path in outputs:
        identity = _identity(path)
        if identity in read:
            raise ValueError(
                f'the result {path} would overwrite what is read; give another folder for the '
                'results'
            )
        if identity in written:
            raise ValueError(
                f'two results would be named {path}; rename one of the input files, or give '
                'different names for the results'
            )
        written.add(identity)


def _identity(path: Path) -> str:
    return str(path.resolve()).casefold()
