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


"""Tests of the records of finished setup steps."""

from setup_environment.stamps import describe_contents
from setup_environment.stamps import digest_of
from setup_environment.stamps import Stamp


def test_stamp_matches_only_what_was_written(tmp_path):
    stamp = Stamp(tmp_path / 'deep' / 'stamp')
    assert not stamp.exists()
    assert not stamp.matches('')
    stamp.write('a')
    assert stamp.exists()
    assert stamp.matches('a')
    assert not stamp.matches('b')
    stamp.remove()
    assert not stamp.exists()
    stamp.remove()


def test_digest_keeps_the_borders_between_parts():
    assert digest_of(['ab', 'c']) != digest_of(['a', 'bc'])
    assert digest_of(['a', 'b']) == digest_of(iter(['a', 'b']))


def test_contents_follow_names_and_bytes(tmp_path):
    first, second = tmp_path / 'a.txt', tmp_path / 'b.txt'
    first.write_text('x')
    second.write_text('x')
    before = describe_contents(tmp_path, [second, first])
    assert before == describe_contents(tmp_path, [first, second])
    assert before[0] == 'a.txt'
    second.write_text('y')
    assert describe_contents(tmp_path, [first, second]) != before
