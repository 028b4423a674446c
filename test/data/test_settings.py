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

"""Values that people type."""

import pytest

from surgseg_ros.data.settings import json_or_text


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('4', 4),
        ('0.5', 0.5),
        ('[320, 256]', [320, 256]),
        ('true', True),
        ('null', None),
        ('"4"', '4'),
        ('vanilla', 'vanilla'),
        ('[320,', '[320,'),
        ('', ''),
    ],
)
def test_what_is_no_json_is_text(text, value):
    assert json_or_text(text) == value
