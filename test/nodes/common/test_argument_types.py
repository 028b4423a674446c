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

"""Tests of the types of command-line arguments."""

import argparse

import pytest

from surgseg_ros.nodes.common.argument_types import image_size
from surgseg_ros.nodes.common.argument_types import positive_count
from surgseg_ros.nodes.common.argument_types import positive_number


@pytest.mark.parametrize(
    ('kind', 'text', 'value'),
    [
        (positive_number, '0.5', 0.5),
        (positive_number, '1e3', 1000.0),
        (positive_count, '12', 12),
        (image_size, '1280x1024', (1280, 1024)),
    ],
)
def test_good_values(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ('kind', 'text', 'message'),
    [
        *((positive_number, text, 'greater than 0') for text in ('0', '-1', 'nan', 'inf')),
        *(
            (positive_count, text, 'a whole number of at least 1')
            for text in ('0', '-1', '1.5', 'many')
        ),
        *((image_size, text, 'like 1280x1024') for text in ('1280', '0x4', 'x4', '-1x4', '1x2x3')),
    ],
)
def test_bad_values_say_what_is_expected(kind, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=f'must be {message}, got {text}'):
        kind(text)
