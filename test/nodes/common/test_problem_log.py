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

import pytest

pytest.importorskip('rclpy')

from surgseg_ros.nodes.common.problem_log import ProblemLog


class Lines:
    """Collects what a node's logger would print."""

    def __init__(self):
        self.lines = []

    def warning(self, text):
        self.lines.append(('warning', text))

    def info(self, text):
        self.lines.append(('info', text))


def test_a_problem_is_logged_when_it_comes_and_when_it_goes():
    logger = Lines()
    log = ProblemLog(logger)
    for problems in ({'silence': 'no image for 5 s'}, {'silence': 'no image for 6 s'}, {}, {}):
        log.update('left', problems)
    assert logger.lines == [
        ('warning', 'left: no image for 5 s'),
        ('info', 'left: silence problem over'),
    ]


def test_sources_and_kinds_are_kept_apart():
    logger = Lines()
    log = ProblemLog(logger)
    log.update('left', {'loss': 'a'})
    log.update('right', {'loss': 'a'})
    log.update('left', {'loss': 'a', 'quality': 'b'})
    assert [text for _, text in logger.lines] == ['left: a', 'right: a', 'left: b']


def test_forgotten_problems_are_logged_again():
    logger = Lines()
    log = ProblemLog(logger)
    log.update('left', {'loss': 'a'})
    log.clear()
    log.update('left', {'loss': 'a'})
    assert len(logger.lines) == 2
