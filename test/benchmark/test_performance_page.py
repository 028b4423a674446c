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

"""Tests of the page of measurements."""

from surgseg_ros.benchmark.performance_page import NODE_RUNS
from surgseg_ros.benchmark.performance_page import write_page


def test_networks_and_node_are_sections_of_one_page(tmp_path, sample):
    page = tmp_path / 'performance.md'
    write_page(page, sample(), [(NODE_RUNS[0], 'a table of the node\n')])
    lines = page.read_text(encoding='utf-8').splitlines()
    headings = [line for line in lines if line.startswith('#')]
    assert headings[:3] == ['# Performance', '## Network benchmark', '### 640x512, one image']
    assert headings[-2:] == ['## The node', f'### {NODE_RUNS[0].title}']
    assert 'surgseg benchmark --node --size 640x512 --frames 100' in lines
    assert 'a table of the node' in lines
    assert '![Times of the networks](performance.png)' in lines
    assert (tmp_path / 'performance.png').stat().st_size > 1000


def test_without_a_node_there_is_no_such_section(tmp_path, sample):
    page = tmp_path / 'performance.md'
    write_page(page, sample(), [])
    assert '## The node' not in page.read_text(encoding='utf-8')
