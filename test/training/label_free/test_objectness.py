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

"""Tests of the objectness cue."""

import cv2
import numpy as np
import pytest

from surgseg_ros.training.label_free.objectness import _make_windows
from surgseg_ros.training.label_free.objectness import make_superpixels
from surgseg_ros.training.label_free.objectness import objectness_cue
from surgseg_ros.training.label_free.objectness import spectral_residual


@pytest.fixture
def scene():
    """Return an image of a gray tool on mottled tissue, and the tool's mask."""
    rng = np.random.default_rng(0)
    image = np.zeros((128, 160, 3), np.uint8)
    image[:] = (150, 60, 60)
    image += cv2.resize(rng.integers(0, 25, (16, 20, 3), np.uint8), (160, 128))
    mask = np.zeros((128, 160), np.uint8)
    cv2.rectangle(mask, (95, 60), (135, 100), 1, -1)
    image[mask > 0] = (180, 185, 190)
    return image, mask > 0


def test_an_object_stands_out(scene):
    image, mask = scene
    cue = objectness_cue(image)
    assert cue.shape == mask.shape
    assert cue.dtype == np.float32
    assert cue.min() == 0
    assert cue[mask].mean() > 3 * cue[~mask].mean()
    assert mask[np.unravel_index(cue.argmax(), cue.shape)]


def test_it_is_the_same_every_time_and_at_any_size(scene):
    image, mask = scene
    np.testing.assert_array_equal(objectness_cue(image), objectness_cue(image))
    large = cv2.resize(image, (400, 320))
    shrunk = cv2.resize(objectness_cue(large), (160, 128))
    assert shrunk[mask].mean() > 3 * shrunk[~mask].mean()


def test_an_empty_image_has_no_object():
    assert not objectness_cue(np.full((64, 80, 3), 90, np.uint8)).any()


def test_sums_of_windows():
    windows = _make_windows((40, 32))
    image = np.random.default_rng(1).random((32, 40))
    sums = windows.sums(image)
    boxes = zip(windows.left, windows.top, windows.right, windows.bottom, strict=True)
    expected = [image[top:bottom, left:right].sum() for left, top, right, bottom in boxes]
    np.testing.assert_allclose(sums, expected, rtol=1e-4, atol=1e-3)
    assert len(sums) > 500


def test_the_spectral_residual_finds_the_odd_spot():
    image = np.random.default_rng(2).integers(0, 60, (64, 64, 3), np.uint8)
    image[40:46, 20:26] = 255
    row, column = np.unravel_index(spectral_residual(image, 64).argmax(), (64, 64))
    assert abs(row - 43) < 6
    assert abs(column - 23) < 6


def test_superpixels_follow_the_edges(scene):
    image, mask = scene
    regions = make_superpixels(image)
    assert regions.min() >= 0
    inside = [mask[regions == number].mean() for number in np.unique(regions)]
    assert np.mean([min(share, 1 - share) for share in inside]) < 0.05
