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

"""Tests of the label sets."""

import numpy as np
import pytest

from surgseg_ros.data import get_label_set
from surgseg_ros.data import list_label_sets


def test_names_and_order():
    assert get_label_set('binary').class_names == ('background', 'instrument')
    assert get_label_set('parts').class_names == ('background', 'shaft', 'wrist', 'clasper')
    assert get_label_set('types').class_names == (
        'background',
        'bipolar forceps',
        'prograsp forceps',
        'large needle driver',
        'vessel sealer',
        'grasping retractor',
        'monopolar curved scissors',
        'other',
    )
    assert get_label_set('sar_rarp50').num_classes == 10


@pytest.mark.parametrize('task', list_label_sets())
def test_classes_and_colors_are_distinct(task):
    label_set = get_label_set(task)
    assert label_set.class_names[0] == 'background'
    assert len(set(label_set.class_names)) == label_set.num_classes
    assert len(np.unique(label_set.colors, axis=0)) == label_set.num_classes
    assert label_set.colors.shape == (label_set.num_classes, 3)


def test_colorize_paints_each_class_and_leaves_unknown_ids_black():
    label_set = get_label_set('parts')
    painted = label_set.colorize(np.array([[1, 3], [200, 0]], np.uint8))
    np.testing.assert_array_equal(painted[0], label_set.colors[[1, 3]])
    assert not painted[1].any()


def test_unknown_class_lists_the_known():
    assert get_label_set('parts').index('clasper') == 3
    with pytest.raises(ValueError, match='shaft, wrist, clasper'):
        get_label_set('parts').index('jaw')
    with pytest.raises(ValueError, match='choose one of'):
        get_label_set('nothing')
