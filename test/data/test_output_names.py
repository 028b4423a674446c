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

"""Tests of names of results."""

import pytest

from surgseg_ros.data.output_names import check_output_names


def test_results_of_different_names_are_fine(tmp_path):
    check_output_names([tmp_path / 'a.png', tmp_path / 'a.json'], [tmp_path / 'a.jpg'])


@pytest.mark.parametrize('other', ['a.png', 'A.png', 'sub/../a.png'])
def test_two_results_of_one_name_are_refused(tmp_path, other):
    with pytest.raises(ValueError, match='two results would be named'):
        check_output_names([tmp_path / 'a.png', tmp_path / other], [])


def test_a_result_in_the_place_of_an_input_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'a\.png would overwrite what is read'):
        check_output_names([tmp_path / 'out' / '..' / 'a.png'], [tmp_path / 'a.png'])
