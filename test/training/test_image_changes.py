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

import numpy as np
import pytest
import torch

from surgseg_ros.training.augmentation import Augmentation

SIZE = (128, 160)


@pytest.fixture
def image():
    """Return a colored image of gentle slopes, (3, 128, 160) uint8."""
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(160), indexing='ij')
    return torch.stack([60 + rows // 2, 40 + columns // 2, 20 + rows // 4]).to(torch.uint8)


@pytest.fixture
def labels():
    return torch.ones(SIZE, dtype=torch.uint8)


def change(image, labels, name, seed=0, **settings):
    torch.manual_seed(seed)
    return Augmentation(SIZE, {}, {name: {'p': 1.0, **settings}})(image, labels)


def test_gamma_keeps_black_and_white(labels):
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    image[:, :40], image[:, 40:80] = 128, 255
    changed, _ = change(image, labels, 'gamma', exponent=[2.0, 2.0])
    assert changed[:, 0, 0].tolist() == [64] * 3
    assert changed[:, 50, 0].tolist() == [255] * 3
    assert changed[:, 100, 0].tolist() == [0] * 3


def test_gains_differ_between_the_channels(labels):
    image = torch.full((3, *SIZE), 100, dtype=torch.uint8)
    changed, _ = change(image, labels, 'channel_gain', amount=0.5)
    values = changed.flatten(1).float()
    assert (values.std(dim=1) == 0).all()
    assert len(values[:, 0].unique()) == 3
    assert values.min() >= 66
    assert values.max() <= 150


def test_noise_has_the_strength_that_was_asked_for(labels):
    image = torch.full((3, *SIZE), 128, dtype=torch.uint8)
    kinds = set()
    for seed in range(6):
        changed, _ = change(image, labels, 'noise', seed, strength=[10, 10])
        difference = changed.float() - 128
        assert difference.std() == pytest.approx(10, abs=0.5)
        assert difference.mean() == pytest.approx(0, abs=0.3)
        kinds.add(bool((changed[0] == changed[1]).all()))
    assert kinds == {True, False}


def test_a_random_filter_changes_colors_but_not_contrast(image, labels):
    changed, _ = change(image, labels, 'random_filter', sizes=[3], share=[1.0, 1.0])
    before, after = image.flatten(1).float(), changed.flatten(1).float()
    assert after.mean(dim=1).tolist() == pytest.approx(before.mean(dim=1).tolist(), abs=1.5)
    assert after.std(dim=1).tolist() == pytest.approx(before.std(dim=1).tolist(), abs=1.5)
    # Each channel was a slope in one direction; now it is a mixture.
    assert np.corrcoef(before.numpy(), after.numpy())[:3, 3:].diagonal().min() < 0.9


def test_a_filter_with_no_share_changes_nothing(image, labels):
    changed, _ = change(image, labels, 'random_filter', sizes=[5], share=[0.0, 0.0])
    assert (changed.int() - image.int()).abs().max() <= 1


def test_a_flat_image_survives_a_random_filter(labels):
    image = torch.full((3, *SIZE), 77, dtype=torch.uint8)
    changed, _ = change(image, labels, 'random_filter', sizes=[3], share=[0.5, 0.5])
    assert (changed.int() - 77).abs().max() <= 1


def edge_contrast(image):
    return (image[:, :, 80].float() - image[:, :, 79].float()).abs().mean()


def test_sharpening_raises_and_downscaling_lowers_the_contrast_of_edges(labels):
    image = torch.full((3, *SIZE), 100, dtype=torch.uint8)
    image[:, :, 80:] = 140
    sharp, _ = change(image, labels, 'sharpen', strength=[1, 1], sigma=[1.0, 1.0])
    coarse, _ = change(image, labels, 'downscale', fraction=[0.25, 0.25])
    assert edge_contrast(sharp) > 50 > 30 > edge_contrast(coarse)


def test_compression_spoils_little_of_a_smooth_image(image, labels):
    changed, _ = change(image, labels, 'jpeg', quality=[50, 60])
    difference = (changed.int() - image.int()).abs().float()
    assert 0 < difference.mean() < 3


def test_what_is_covered_is_background(image, labels):
    for seed in range(8):
        changed, left = change(image, labels, 'cover', seed, num=[3, 3], scale=[0.2, 0.4])
        covered = left == 0
        assert 0.02 < covered.float().mean() < 0.6
        outside = (changed == image).all(dim=0)
        assert outside[~covered].all()
        assert outside[covered].float().mean() < 0.2


@pytest.mark.parametrize(
    ('name', 'settings'),
    [
        ('noise', {'strength': [5, 20]}),
        ('random_filter', {'sizes': [1, 3, 5], 'share': [0.0, 1.0]}),
        ('cover', {'num': [1, 3], 'scale': [0.1, 0.5]}),
        ('affine', {'degrees': 30, 'shear': 10}),
    ],
)
def test_changes_depend_on_the_seed_of_torch_alone(name, settings, image, labels):
    first, first_labels = change(image, labels, name, 3, **settings)
    np.random.seed(1)
    again, again_labels = change(image, labels, name, 3, **settings)
    other, _ = change(image, labels, name, 4, **settings)
    assert torch.equal(first, again)
    assert torch.equal(first_labels, again_labels)
    assert not torch.equal(first, other)
