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

"""The account of a command that reads frames: what their sources lack goes into it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from surgseg_ros.reporting.accounts import Account
from surgseg_ros.reporting.accounts import LeftOut

if TYPE_CHECKING:
    from surgseg_ros.data.frame_source import FrameSource


def make_account(
    unit: str,
    sources: 'Sequence[FrameSource]',
    read: int,
    used: int,
    left_out: Sequence[LeftOut] = (),
    warnings: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Account:
    """
    Return the account of what was read, with what the sources lack and are odd in.

    :param sources: that were read to their end
    """
    lost = [
        LeftOut(
            f'of {loss.announced} frames missing in {source.path}: {loss.reason}',
            unnamed=loss.missing,
        )
        for source in sources
        if (loss := source.loss) and loss.missing
    ]
    uncounted = [
        f'{source.path}: {loss}'
        for source in sources
        if (loss := source.loss) and not loss.missing
    ]
    own_warnings = [warning for source in sources for warning in source.warnings]
    own_notes = [note for source in sources for note in source.notes]
    return Account(
        unit,
        read,
        used,
        (*left_out, *lost),
        tuple(str(source.path) for source in sources),
        (*notes, *own_notes),
        (*warnings, *own_warnings, *uncounted),
    )
