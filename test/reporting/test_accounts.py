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

"""Tests of the last line of a command."""

import json

from surgseg_ros.reporting.accounts import Account
from surgseg_ros.reporting.accounts import LeftOut


def test_the_line_counts_and_names_what_was_left_out():
    account = Account(
        'frame',
        read=40,
        used=37,
        left_out=(LeftOut('without a partner', ('a', 'b')), LeftOut('damaged', unnamed=1)),
        inputs=('left', 'right'),
        notes=('turned',),
    )
    assert str(account) == (
        'read 40 frames of left, right, used 37; left out: 2 without a partner (a, b); '
        '1 damaged; turned'
    )
    assert account.exit_status == 1


def test_nothing_left_out_is_said():
    account = Account('pair', 1, 1, (LeftOut('without a partner'),))
    assert str(account) == 'read 1 pair, used 1; left out: nothing'
    assert account.exit_status == 0


def test_what_was_left_out_on_purpose_is_no_loss():
    left_out = (LeftOut('beyond --max-frames', unnamed=5, is_loss=False),)
    assert Account('frame', 9, 4, left_out).exit_status == 0
    assert Account('frame', 9, 0, left_out).exit_status == 1
    assert Account('frame', 9, 4, left_out, warnings=('eyes exchanged',)).exit_status == 1


def test_long_lists_are_cut_in_the_line_only():
    names = tuple(f'frame{index}' for index in range(50))
    account = Account('frame', 51, 1, (LeftOut('damaged', names),))
    assert str(account).endswith('frame19 and 30 more)')
    assert json.loads(json.dumps(account.as_json()))['left_out'] == [
        {'reason': 'damaged', 'count': 50, 'names': list(names), 'is_loss': True}
    ]
