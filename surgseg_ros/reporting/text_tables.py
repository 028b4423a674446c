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


def format_table(table: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with columns of equal width, the first row being its head."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        f'| {" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |'
        for row in table
    ]
    rule = '|' + '|'.join('-' * (width + 2) for width in widths) + '|'
    return '\n'.join([lines[0], rule, *lines[1:]])
