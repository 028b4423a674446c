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

"""What a command read, used and left out, and why: its last line, for people and for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NAMES_SHOWN = 20


@dataclass(frozen=True)
class LeftOut:
    """
    What was read, or should have been, and is not in the results.

    :param reason: why, such as ``no partner``; follows the count in the text
    :param names: of what was left out; may be empty where only the count is known
    :param unnamed: how many more there are, which have no names
    :param is_loss: it was asked for and not delivered; ``False`` for what is left out on purpose
    """

    reason: str
    names: tuple[str, ...] = ()
    unnamed: int = 0
    is_loss: bool = True

    @property
    def count(self) -> int:
        """Return how many were left out."""
        return len(self.names) + self.unnamed

    def __str__(self) -> str:
        """Return count, reason and the first names."""
        text = f'{self.count} {self.reason}'
        return f'{text} ({shorten_names(self.names)})' if self.names else text

    def as_json(self) -> dict[str, Any]:
        """Return it with all names, ready for JSON."""
        return {
            'reason': self.reason,
            'count': self.count,
            'names': list(self.names),
            'is_loss': self.is_loss,
        }


@dataclass(frozen=True)
class Account:
    """
    What became of the input of a command.

    :param unit: what is counted, singular, such as ``frame`` or ``pair``
    :param read: how many could be read
    :param used: how many are in the results
    :param left_out: the others, and what should have been there
    :param inputs: files and folders that were read
    :param notes: what else the user must know, a sentence without full stop each; none is an
        error
    :param warnings: likewise, but the results are not what was asked for

    >>> print(Account('frame', 22, 22, (LeftOut('of 40 missing', unnamed=18),), ('clip.mp4',)))
    read 22 frames of clip.mp4, used 22; left out: 18 of 40 missing
    """

    unit: str
    read: int
    used: int
    left_out: tuple[LeftOut, ...] = ()
    inputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Tell whether everything that was asked for was delivered, and that is something."""
        losses = any(each.is_loss and each.count for each in self.left_out)
        return self.used > 0 and not losses and not self.warnings

    @property
    def exit_status(self) -> int:
        """Return 0, or 1 if something that was asked for was not delivered."""
        return 0 if self.is_complete else 1

    def __str__(self) -> str:
        """Return the line for people."""
        counted = f'{self.read} {self.unit}{"" if self.read == 1 else "s"}'
        origin = f' of {", ".join(self.inputs)}' if self.inputs else ''
        left_out = '; '.join(str(each) for each in self.left_out if each.count) or 'nothing'
        parts = (f'read {counted}{origin}, used {self.used}', f'left out: {left_out}')
        return '; '.join((*parts, *self.warnings, *self.notes))

    def as_json(self) -> dict[str, Any]:
        """Return the same for programs, ready for JSON."""
        return {
            'unit': self.unit,
            'inputs': list(self.inputs),
            'read': self.read,
            'used': self.used,
            'left_out': [each.as_json() for each in self.left_out if each.count],
            'warnings': list(self.warnings),
            'notes': list(self.notes),
            'is_complete': self.is_complete,
        }


def shorten_names(names: Sequence[str]) -> str:
    """Return the names in one line, of many only the first."""
    more = f' and {len(names) - NAMES_SHOWN} more' if len(names) > NAMES_SHOWN else ''
    return ', '.join(names[:NAMES_SHOWN]) + more
