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
from surgseg_ros.simulation.imaging.recording import Recording

SIZE = {'width': 640, 'height': 128}


@pytest.fixture
def step_edge() -> np.ndarray:
    pixels = np.full((128, 640, 3), (140, 80, 90), np.uint8)
    pixels[:, 320:] = (200, 150, 140)
    return pixels


def processed(pixels, index=0, eye=0, **options):
    recording = Recording(SceneOptions(**SIZE, **options), eye)
    return recording.compress(recording.process(pixels.copy(), index))


def test_a_plain_recording_changes_nothing(step_edge):
    assert np.array_equal(processed(step_edge), step_edge)


def test_sharpening_leaves_halos_at_edges_and_nothing_elsewhere(step_edge):
    sharp = processed(step_edge, sharpening=1.0).astype(int)
    assert sharp[64, 319, 1] < 70
    assert sharp[64, 320, 1] > 160
    assert np.array_equal(sharp[:, :300], step_edge[:, :300])


def test_interlacing_moves_lines_to_both_sides(step_edge):
    combed = processed(step_edge, interlacing=6.0)
    bright = combed[..., 0] > 170
    first = bright.argmax(axis=1)
    assert sorted({*first[::2], *first[1::2]}) == [317, 323]
    assert len({*first[::2]}) == len({*first[1::2]}) == 1


def test_near_infrared_images_are_gray_and_grainy_where_bright(step_edge):
    step_edge[:, :320] = 10
    infrared = processed(step_edge, near_infrared=1.0)
    assert np.array_equal(infrared[..., 0], infrared[..., 2])
    assert infrared[:, 340:, 0].std() > 2 * infrared[:, :300, 0].std()
    assert infrared[:, :300, 0].mean() < 10
    assert np.any(infrared != processed(step_edge, near_infrared=1.0, index=1))
    assert np.any(infrared != processed(step_edge, near_infrared=1.0, eye=1))
    assert np.array_equal(infrared, processed(step_edge, near_infrared=1.0))


def test_compression_loses_more_with_less_bandwidth():
    noise = np.random.default_rng(1).integers(0, 256, (128, 640, 3)).astype(np.uint8)
    losses = [
        np.abs(processed(noise, video_compression=loss).astype(int) - noise).mean()
        for loss in (0.0, 0.2, 1.0)
    ]
    assert losses[0] == 0
    assert 5 < losses[1] < losses[2]


def test_jpeg_blurs_color():
    stripes = np.zeros((128, 640, 3), np.uint8)
    stripes[:, ::2] = (200, 60, 60)
    stripes[:, 1::2] = (60, 100, 200)
    coded = processed(stripes, jpeg_quality=90).astype(int)
    assert np.abs(coded[:, ::2, 2] - coded[:, 1::2, 2]).mean() < 70
