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

"""Tests of the image quality measures on images whose faults are known."""

import cv2
import numpy as np
import pytest

from surgseg_ros.perception.image_quality import DEFAULT_BLURRED_BELOW
from surgseg_ros.perception.image_quality import ImageQualityMonitor
from surgseg_ros.perception.image_quality import QualityThresholds
from surgseg_ros.perception.image_quality import sharpness_of

DEFAULTS = QualityThresholds()
OFF = QualityThresholds(0.0, 0.0, 0.0, 0.0)


def tissue(size: tuple[int, int] = (1280, 1024), seed: int = 0) -> np.ndarray:
    """Return uneven red tissue with sharp vessels and instruments, (H, W, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    width, height = size
    coarse = rng.uniform(0.5, 1.0, (6, 8, 1)).astype(np.float32)
    shading = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)[..., None]
    image = (shading * np.array([200, 90, 80], np.float32)).clip(0, 255).astype(np.uint8)
    for _ in range(120):
        start, end = rng.integers(0, (width, height), (2, 2))
        color = tuple(int(value) for value in rng.integers(40, 220, 3))
        cv2.line(image, start, end, color, int(rng.integers(1, 30)), cv2.LINE_AA)
    return image


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by a standard deviation that is given for images 1280 px wide."""
    return cv2.GaussianBlur(image, (0, 0), sigma * image.shape[1] / 1280)


def fogged(image: np.ndarray, amount: float = 0.7) -> np.ndarray:
    return ((1 - amount) * image + amount * 235).astype(np.uint8)


def noisy(image: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return (image + noise).round().clip(0, 255).astype(np.uint8)


def problems_of(image: np.ndarray, thresholds: QualityThresholds = DEFAULTS) -> tuple[str, ...]:
    return ImageQualityMonitor().check(image, 0.0, thresholds).problems


@pytest.mark.parametrize('size', [(1920, 1080), (1280, 1024), (640, 512), (470, 320)])
def test_good_image_has_no_problem(size):
    report = ImageQualityMonitor().check(tissue(size), 0.0, DEFAULTS)
    assert report.problems == ()
    assert 40 < report.mean_luminance < 200
    assert report.overexposed_fraction < 0.01
    assert report.sharpness > 0.65
    assert report.unchanged_s == 0


@pytest.mark.parametrize('level', [0, 16])
def test_black_image_is_called_black_and_nothing_else(level):
    monitor = ImageQualityMonitor()
    black = np.full((512, 640, 3), level, np.uint8)
    for time_s in range(10):
        report = monitor.check(black, time_s, DEFAULTS)
    assert report.mean_luminance == pytest.approx(level)
    (problem,) = report.problems
    assert problem == f'black image (mean {level} of 255): light source, cable or lens cap?'


def test_nothing_is_said_of_a_black_image_with_its_check_off():
    monitor = ImageQualityMonitor()
    thresholds = QualityThresholds(black_below=0.0)
    for time_s in range(10):
        report = monitor.check(np.zeros((512, 640, 3), np.uint8), time_s, thresholds)
    assert report.problems == ()


def test_overexposed_fraction():
    image = tissue()
    image[:, :640] = 255
    report = ImageQualityMonitor().check(image, 0.0, DEFAULTS)
    assert report.overexposed_fraction == pytest.approx(0.5, abs=0.01)
    (problem,) = report.problems
    assert problem.startswith('over-exposed (50% of the pixels are white)')
    assert problems_of(image, QualityThresholds(overexposed_above=0.6)) == ()


def test_bright_red_is_not_overexposed():
    image = tissue()
    image[..., 0] = 255
    assert ImageQualityMonitor().check(image, 0.0, DEFAULTS).overexposed_fraction < 0.01


def test_white_image_is_not_called_frozen():
    monitor = ImageQualityMonitor()
    for time_s in range(10):
        report = monitor.check(np.full((512, 640, 3), 255, np.uint8), time_s, DEFAULTS)
    assert [problem.split()[0] for problem in report.problems] == ['over-exposed']


def test_repeated_image_is_frozen_after_a_while():
    monitor = ImageQualityMonitor()
    image = tissue((640, 512))
    reports = [monitor.check(image, 100 + step / 10, DEFAULTS) for step in range(31)]
    assert reports[20].problems == ()
    assert reports[20].unchanged_s == pytest.approx(2.0)
    assert reports[30].problems[0].startswith('frozen image (the same for 3.0 s while messages')
    changed = monitor.check(tissue((640, 512), seed=1), 104.0, DEFAULTS)
    assert changed.unchanged_s == 0
    assert changed.problems == ()


def test_frozen_image_that_an_encoder_refines_is_frozen():
    monitor = ImageQualityMonitor()
    image = tissue((640, 512))
    for time_s in range(5):
        _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 94 + time_s % 2])
        refined = np.where(np.arange(512)[:, None, None] < 16, cv2.imdecode(data, 1), image)
        report = monitor.check(refined, time_s, DEFAULTS)
    assert report.unchanged_s == 4


def test_sensor_noise_of_a_still_scene_is_not_frozen():
    monitor = ImageQualityMonitor()
    image = tissue((640, 512))
    for time_s in range(5):
        report = monitor.check(noisy(image, 0.5, seed=time_s), time_s, DEFAULTS)
        assert report.unchanged_s == 0


def test_slow_movement_is_not_frozen():
    monitor = ImageQualityMonitor()
    image = tissue((1280, 1024))
    reports = [
        monitor.check(image[:, step // 2 : step // 2 + 1200], step / 10, DEFAULTS)
        for step in range(60)
    ]
    assert max(report.unchanged_s for report in reports) < 0.5


@pytest.mark.parametrize(
    ('second_size', 'second_time_s'), [((640, 512), 5.0), ((640, 512), 9.9), ((320, 256), 20.0)]
)
def test_another_size_or_an_earlier_time_starts_anew(second_size, second_time_s):
    monitor = ImageQualityMonitor()
    image = np.full((512, 640, 3), 100, np.uint8)
    monitor.check(image, 0.0, OFF)
    assert monitor.check(image, 10.0, OFF).unchanged_s == 10
    second = np.full((second_size[1], second_size[0], 3), 100, np.uint8)
    assert monitor.check(second, second_time_s, OFF).unchanged_s == 0
    assert monitor.check(second, second_time_s + 1, OFF).unchanged_s == 1


def test_reset_starts_anew():
    monitor = ImageQualityMonitor()
    image = tissue((640, 512))
    monitor.check(image, 0.0, OFF)
    monitor.reset()
    assert monitor.check(image, 10.0, OFF).unchanged_s == 0


@pytest.mark.parametrize('size', [(1920, 1080), (1280, 1024), (640, 512)])
@pytest.mark.parametrize('sigma', [4, 5, 6])
def test_blurred(size, sigma):
    (problem,) = problems_of(blurred(tissue(size), sigma))
    assert problem.startswith('blurred or fogged (sharpness 0.')


def test_fogged():
    assert problems_of(fogged(tissue()))[0].startswith('blurred or fogged')


@pytest.mark.parametrize('seed', range(4))
def test_noise_neither_blurs_nor_sharpens(seed):
    image = tissue(seed=seed)
    assert sharpness_of(noisy(image, 8)) == pytest.approx(sharpness_of(image), abs=0.08)
    assert sharpness_of(noisy(blurred(image, 5), 8)) < DEFAULT_BLURRED_BELOW


def test_contrast_above_that_of_fog_does_not_matter():
    image = tissue()
    halved = (image * 0.5).astype(np.uint8)
    assert sharpness_of(halved) == pytest.approx(sharpness_of(image), rel=0.02)


def test_outline_of_the_border_does_not_hide_a_blur():
    frame = np.zeros((1080, 1920, 3), np.uint8)
    frame[28:-28, 320:-320] = blurred(tissue(), 5)
    circle = np.zeros((1080, 1920, 1), np.uint8)
    cv2.circle(circle, (960, 540), 300, 1, -1)
    assert sharpness_of(frame) < DEFAULT_BLURRED_BELOW
    assert sharpness_of(frame * circle) < DEFAULT_BLURRED_BELOW
    frame[28:-28, 320:-320] = tissue()
    assert sharpness_of(frame * circle) > DEFAULT_BLURRED_BELOW


def test_text_drawn_into_the_image_does_not_hide_a_blur():
    image = blurred(tissue(), 5)
    for row in (60, 780, 980):
        position = (40, row)
        cv2.putText(image, 'MONOPOLAR CURVED SCISSORS', position, 0, 1.5, (255,) * 3, 3)
    assert sharpness_of(image) < DEFAULT_BLURRED_BELOW


def test_checks_can_be_turned_off():
    for image in (np.full((512, 640, 3), 255, np.uint8), blurred(tissue(), 8)):
        monitor = ImageQualityMonitor()
        monitor.check(image, 0.0, OFF)
        assert monitor.check(image, 100.0, OFF).problems == ()


@pytest.mark.parametrize('size', [(1, 1), (2, 3), (16, 2000), (3000, 8)])
def test_odd_sizes(size):
    report = ImageQualityMonitor().check(np.full((size[1], size[0], 3), 90, np.uint8), 0.0, OFF)
    assert report.mean_luminance == pytest.approx(90, abs=1)
    assert report.sharpness == 0
