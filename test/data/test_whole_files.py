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

"""Files appear whole, or stay as they were."""

import pytest

from surgseg_ros.data.whole_files import replacing
from surgseg_ros.data.whole_files import write_whole_text


def test_a_reader_meets_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / 'scores.json'
    path.write_text('old', encoding='utf-8')
    with replacing(path) as draft:
        draft.write_text('new', encoding='utf-8')
        assert path.read_text(encoding='utf-8') == 'old'
    assert path.read_text(encoding='utf-8') == 'new'
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_when_the_new_one_fails(tmp_path):
    path = tmp_path / 'scores.json'
    path.write_text('old', encoding='utf-8')

    def fail_half_way():
        with replacing(path) as draft:
            draft.write_text('half', encoding='utf-8')
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text(encoding='utf-8') == 'old'
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_is_hidden_and_keeps_the_suffix(tmp_path):
    with replacing(tmp_path / 'mask.png') as draft:
        draft.touch()
        assert draft.name.startswith('.')
        assert draft.suffix == '.png'


def test_a_file_gets_the_permissions_of_new_files(tmp_path):
    usual = tmp_path / 'usual'
    usual.touch()
    write_whole_text(tmp_path / 'whole', 'ä')
    assert (tmp_path / 'whole').stat().st_mode == usual.stat().st_mode
    assert (tmp_path / 'whole').read_text(encoding='utf-8') == 'ä'
