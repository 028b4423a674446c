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

"""Tests of tables."""

from surgseg_ros.reporting.text_tables import format_table
from surgseg_ros.reporting.text_tables import PLAIN

TABLE = [('network', 'ms', 'paper'), ('a', '1.00', 'b'), ('long name', '**1,222.50**', '2')]


def test_numbers_stay_as_written_and_stand_right():
    assert format_table(TABLE) == (
        '| network   |           ms | paper   |\n'
        '|:----------|-------------:|:--------|\n'
        '| a         |         1.00 | b       |\n'
        '| long name | **1,222.50** | 2       |'
    )


def test_text_for_a_terminal_has_no_frame():
    assert format_table(TABLE, PLAIN) == (
        'network              ms  paper\na                  1.00  b\nlong name  **1,222.50**  2'
    )


def test_what_is_missing_among_numbers_leaves_them_right():
    table = [('', 'p50, p95', 'all'), ('a', '-, -', ''), ('b', '1, 2', '-'), ('3', '-1, -2', '')]
    assert format_table(table).splitlines()[1] == '|:---|-----------:|------:|'


def test_a_table_of_a_head_alone():
    assert format_table([('one', 'two')]).splitlines()[0].split() == ['|', 'one', '|', 'two', '|']
