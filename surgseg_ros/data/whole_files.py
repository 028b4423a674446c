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

"""Files that are whole from the moment that they exist."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    Give the name of a draft, which takes the place of a file once the block is done.

    A reader meets the file of before or the new one, never a part of it. If the block raises, the
    file of before stays. The draft is hidden, stands in the same folder and ends in the same
    suffix, by which libraries choose a format. Not for several writers of one file at once.

    :param path: of the file; its folder exists
    """
    draft = path.with_name(f'.unfinished-{path.name}')
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, by :func:`replacing`."""
    with replacing(path) as draft:
        draft.write_text(text, encoding='utf-8')
