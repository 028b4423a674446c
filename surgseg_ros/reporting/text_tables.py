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

"""Tables that read well as text and as Markdown."""

from collections.abc import Sequence

from tabulate import tabulate

MARKDOWN, PLAIN = 'pipe', 'plain'
"""Styles of tables, by their names in tabulate."""


def format_table(table: Sequence[Sequence[str]], style: str = MARKDOWN) -> str:
    """
    Return a table, its first column to the left and columns of numbers to the right.

    :param table: rows of equal length, the first one being the head
    :param style: :data:`MARKDOWN` or :data:`PLAIN`
    """
    head, *rows = table
    _, *others = zip(*rows, strict=True) if rows else [()]
    sides = ['left', *('right' if all(map(_is_number, texts)) else 'left' for texts in others)]
    return tabulate(
        rows,
        head,
        tablefmt=style,
        colalign=sides if rows else None,
        disable_numparse=True,  # numbers stay as they were written
    )


def _is_number(cell: str) -> bool:
    """Tell whether a cell begins with a number, bold or not, or has dashes in place of some."""
    text = cell.strip('*-, ')
    return not text or text[0].isdigit()
