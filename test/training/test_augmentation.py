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
"""Tests of the random changes of training images."""

import pytest
import torch

from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.training.augmentation import Augmentation
from surgseg_ros.training.augmentation import CHANGES

SIZE = (64, 80)
CUT = {'resized': {'scale': [0.5, 1.0], 'ratio': [1.05, 1.5]}}
SETTINGS = {
    'flip_horizontal': 1.0,
    'flip_vertical': 1.0,
    'affine': {'p': 1.0, 'degrees': 25, 'shear': 8},
    'skew': {'p': 1.0, 'distortion': 0.3},
    'color': {'p': 1.0, 'brightness': 0.2, 'contrast': 0.2, 'saturation': 0.2},
    'hue': {'p': 1.0, 'hue': 0.06},
    'brightness': {'p': 1.0, 'amount': 0.2},
    'gray': 1.0,
    'blur': {'p': 1.0, 'kernel_size': 5, 'sigma': [0.3, 1.0]},
    'fog': {'p': 1.0, 'strength': [0.3, 0.5]},
    'random_filter': {'p': 1.0, 'sizes': [3], 'share': [0.1, 0.3]},
    'gamma': {'p': 1.0, 'exponent': [1.3, 1.6]},
    'channel_gain': {'p': 1.0, 'amount': 0.3},
    'noise': {'p': 1.0, 'strength': [10, 20]},
    'sharpen': {'p': 1.0, 'strength': [0.5, 1.0], 'sigma': [1.0, 2.0]},
    'downscale': {'p': 1.0, 'fraction': [0.5, 0.7]},
    'jpeg': {'p': 1.0, 'quality': [30, 60]},
    'cover': {'p': 1.0, 'num': [1, 2], 'scale': [0.1, 0.2]},
}


@pytest.fixture
def bright_tool():
    """Return an image that is bright where its label is 1, and the labels."""
    torch.manual_seed(0)
    labels = torch.zeros(128, 160, dtype=torch.uint8)
    labels[30:90, 30:110] = 1
    tool = torch.where(labels > 0, 230, 25).to(torch.uint8)
    return tool.expand(3, -1, -1).contiguous(), labels


def test_the_settings_here_are_of_all_changes():
    assert SETTINGS.keys() == CHANGES.keys()


@pytest.mark.parametrize('cut', [{}, CUT, {'native': {}}], ids=['whole', 'resized', 'native'])
@pytest.mark.parametrize('name', SETTINGS)
def test_image_and_labels_stay_aligned(name, cut, bright_tool):
    augment = Augmentation(SIZE, cut, {name: SETTINGS[name]})
    for _ in range(4):
        image, labels = augment(*bright_tool)
        assert image.shape == (3, *SIZE)
        assert image.dtype == torch.uint8
        assert labels.shape == SIZE
        assert set(labels.unique().tolist()) <= {0, 1, UNLABELED}
        brightness = image.float().mean(dim=0)
        inside, outside = brightness[labels == 1], brightness[labels == 0]
        middle = (inside.median() + outside.median()) / 2 if len(outside) else 0
        known = labels != UNLABELED
        agreement = ((brightness > middle) == (labels == 1))[known].float().mean()
        assert agreement > 0.93


@pytest.mark.parametrize('name', SETTINGS)
def test_every_change_changes_the_image(name):
    torch.manual_seed(0)
    image = torch.randint(0, 255, (3, *SIZE), dtype=torch.uint8)
    labels = torch.zeros(SIZE, dtype=torch.uint8)
    changed, _ = Augmentation(SIZE, {}, {name: SETTINGS[name]})(image, labels)
    assert (changed != image).float().mean() > (0.005 if name == 'cover' else 0.3)


def test_fog_lightens_unevenly(bright_tool):
    dark = torch.zeros_like(bright_tool[0])
    fogged, _ = Augmentation(dark.shape[1:], {}, {'fog': SETTINGS['fog']})(dark, bright_tool[1])
    assert fogged.min() >= 0.3 * 0.4 * 0.9 * 215
    assert fogged.max() > fogged.min() + 10


def test_around_a_turned_image_there_is_nothing_to_learn(bright_tool):
    settings = {'affine': {'p': 1.0, 'degrees': [40, 45], 'shear': 0}}
    _, labels = Augmentation((128, 160), {}, settings)(*bright_tool)
    assert labels[0, 0] == UNLABELED


def test_a_small_image_is_padded_for_a_native_cut(bright_tool):
    image, labels = Augmentation((160, 192), {'native': {}}, {})(*bright_tool)
    assert image.shape == (3, 160, 192)
    assert (labels == UNLABELED).sum() == 160 * 192 - 128 * 160


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="augmentation 'blur': .*sigma"):
        Augmentation(SIZE, {}, {'blur': 0.5})
    with pytest.raises(ValueError, match='cut in one way, not in 2: resized, native'):
        Augmentation(SIZE, {**CUT, 'native': {}}, {})
