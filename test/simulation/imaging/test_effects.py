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

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation.imaging.effects import ImageEffects

CLEAN = {'noise': 0.0, 'vignetting': 0.0, 'defocus': 0.0, 'width': 160, 'height': 128}


@pytest.fixture
def radiance() -> np.ndarray:
    x = np.linspace(0.05, 0.6, 160, dtype=np.float32)
    image = np.tile(x, (128, 1))
    image[40:80, 60:100] = 0.9
    return np.stack((image, 0.5 * image, 0.5 * image), axis=-1)


def apply(radiance, eye=0, index=0, time=0.0, **options):
    return ImageEffects(SceneOptions(**{**CLEAN, **options}), eye).apply(
        radiance.copy(), index, time
    )


def test_a_plain_image_is_the_square_root_of_the_light(radiance):
    image = apply(radiance)
    assert image.dtype == np.uint8
    assert image[100, 20, 0] == pytest.approx(255 * np.sqrt(radiance[100, 20, 0]), abs=2)


def test_brighter_light_never_gets_darker():
    ramp = np.linspace(0, 3, 160, dtype=np.float32)
    image = apply(np.broadcast_to(ramp[:, None], (128, 160, 3)).copy())
    assert (np.diff(image[60, :, 0].astype(int)) >= 0).all()
    assert image[60, -5, 0] > 250


@pytest.mark.parametrize('defocus', [0.0, 2.0])
@pytest.mark.parametrize('motion_blur', [0.0, 9.0])
def test_blur_does_not_move_anything(defocus, motion_blur):
    light = np.full((128, 160, 3), 1e-4, np.float32)
    light[60:69, 80:89] = 0.5
    image = apply(light, defocus=defocus, motion_blur=motion_blur)[..., 0].astype(float) ** 2
    image -= image[0, 0]
    rows, columns = np.indices(image.shape)
    assert (rows * image).sum() / image.sum() == pytest.approx(64, abs=0.1)
    assert (columns * image).sum() / image.sum() == pytest.approx(84, abs=0.1)


@pytest.mark.parametrize(
    'option',
    [
        {'smoke': 0.8},
        {'defocus': 3.0},
        {'motion_blur': 8.0},
        {'noise': 5.0},
        {'vignetting': 1.0},
        {'black_border': 'circle'},
        {'black_border': 'frame'},
        {'exposure': 1.5},
        {'contrast': 1.4},
        {'saturation': 0.4},
        {'white_balance': (0.8, 1.0, 1.2)},
        {'grayscale': True},
        {'jpeg_quality': 20},
        {'sharpening': 0.8},
        {'bloom': 1.0, 'exposure': 2.0},
        {'black_level': 0.1},
        {'black_level': -0.1},
        {'color_cast': 'cold'},
        {'chroma_noise': 10.0},
        {'near_infrared': 0.8},
        {'misregistration': 4.0},
        {'fog': 0.7, 'eyes': ('left',)},
        {'lens_dirt': 1.0, 'eyes': ('left',)},
        {'interlacing': 8.0},
        {'video_compression': 0.7},
        {'overlay': 'console'},
        {'black_border': 'small circle'},
        {'black_border': 'pillar'},
    ],
    ids=str,
)
def test_every_effect_changes_the_image(radiance, option):
    assert np.any(apply(radiance, **option) != apply(radiance))


def test_noise_has_the_strength_asked_for(radiance):
    difference = apply(radiance, noise=4.0).astype(int) - apply(radiance)
    assert difference.std() == pytest.approx(4.0, rel=0.1)


def test_noise_differs_between_frames_and_eyes_and_repeats_with_the_seed(radiance):
    first = apply(radiance, noise=4.0)
    assert np.array_equal(first, apply(radiance, noise=4.0))
    assert np.any(first != apply(radiance, noise=4.0, index=1))
    assert np.any(first != apply(radiance, noise=4.0, eye=1))


def test_corners_are_darker_with_vignetting():
    even = np.full((128, 160, 3), 0.3, np.float32)
    image = apply(even, vignetting=1.0)
    assert image[0, 0, 0] < 0.6 * image[64, 80, 0]


def test_blotches_of_color_leave_the_brightness_alone(radiance):
    difference = apply(radiance, chroma_noise=6.0).astype(int) - apply(radiance)
    shown = (apply(radiance) < 250).all(axis=2)
    assert difference[shown].std() > 2
    assert np.abs(difference[shown].mean(axis=1)).mean() < 0.5


def test_what_an_overlay_hides_is_not_visible(radiance):
    effects = ImageEffects(SceneOptions(**CLEAN, overlay='console'), 0)
    assert 0 < (~effects.visible).mean() < 0.5


@pytest.mark.parametrize('shape', ['frame', 'rounded', 'circle', 'small circle', 'pillar'])
def test_the_border_is_black_and_reported(radiance, shape):
    options = SceneOptions(**CLEAN, black_border=shape)
    effects = ImageEffects(options, 0)
    image = effects.apply(radiance, 0, 0.0)
    assert not effects.visible[64, 0] or not effects.visible[0, 0]
    assert effects.visible[64, 80]
    assert not image[~effects.visible].any()


def test_gray_images_have_equal_channels(radiance):
    image = apply(radiance, grayscale=True)
    assert np.array_equal(image[..., 0], image[..., 1])
    assert np.array_equal(image[..., 0], image[..., 2])


def test_metering_brightens_dark_scenes(radiance):
    effects = ImageEffects(SceneOptions(**CLEAN), 0)
    assert effects.metered_gain(0.1 * radiance) == pytest.approx(
        10 * effects.metered_gain(radiance), rel=1e-3
    )
