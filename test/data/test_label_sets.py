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

from itertools import combinations

import cv2
import numpy as np
import pytest

from surgseg_ros.data import get_label_set
from surgseg_ros.data import list_label_sets

# Machado et al. 2009, "A physiologically-based model for simulation of color vision deficiency",
# table 1, severity 1.0; for linear RGB.
VISIONS = {
    'normal': np.eye(3),
    'protanopia': [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    'deuteranopia': [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    'tritanopia': [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TISSUE_RGB = (150, 60, 50)
# CIE 1976 color differences; 2.3 is just noticeable side by side.
LEAST_DIFFERENCE = {
    'binary': 40,
    'parts': 40,
    'types': 35,
    'sar_rarp50': 25,
    'endovis2018_scene': 25,
}
LEAST_DIFFERENCE_FROM_TISSUE = 25


def seen_as(colors, vision):
    """Return the CIE Lab of (N, 3) sRGB colors as somebody with this vision sees them."""
    srgb = np.asarray(colors, np.float32) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(VISIONS[vision]).T, 0, 1).astype(np.float32)
    return cv2.cvtColor(seen[None], cv2.COLOR_LRGB2Lab)[0]


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
    assert get_label_set('endovis2018_scene').num_classes == 12


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


def test_the_simulation_confuses_what_the_color_blind_confuse():
    red_and_green, blue_and_green = [(204, 78, 0), (129, 120, 0)], [(0, 100, 255), (0, 140, 130)]
    for vision, confused in (
        ('protanopia', [(255, 0, 0), (94, 79, 0)]),
        ('deuteranopia', red_and_green),
        ('tritanopia', blue_and_green),
    ):
        normal, deficient = (
            np.linalg.norm(np.subtract(*seen_as(confused, name))) for name in ('normal', vision)
        )
        assert deficient < normal / 2, vision


@pytest.mark.parametrize('vision', VISIONS)
@pytest.mark.parametrize('task', list_label_sets())
def test_colors_stay_apart_for_the_color_blind(task, vision):
    label_set = get_label_set(task)
    seen = seen_as(label_set.colors, vision)
    for first, second in combinations(range(1, label_set.num_classes), 2):
        difference = np.linalg.norm(seen[first] - seen[second])
        names = f'{label_set.class_names[first]}, {label_set.class_names[second]}'
        assert difference >= LEAST_DIFFERENCE[task], names
    tissue = seen_as([TISSUE_RGB], vision)
    for name, color in zip(label_set.class_names[1:], seen[1:], strict=True):
        assert np.linalg.norm(color - tissue) >= LEAST_DIFFERENCE_FROM_TISSUE, name
