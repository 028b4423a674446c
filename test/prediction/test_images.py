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

"""Tests of what `surgseg predict` writes."""

import cv2
import numpy as np
import pytest
from small_videos import cut_off
from small_videos import write_video

from surgseg_ros.cli import main
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.image_files import write_image
from surgseg_ros.inference.crop import parse_crop
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.prediction.images import predict

CROP = (32, 20, 128, 96)


@pytest.fixture
def frame_with_border(tmp_path):
    """Return a folder with one frame, tool reaching out of the crop, and its (H, W) mask."""
    mask = np.zeros((140, 200), np.uint8)
    cv2.rectangle(mask, (0, 50), (90, 70), 1, -1)
    image = np.full((140, 200, 3), 90, np.uint8)
    image[mask > 0] = (230, 30, 30)
    folder = tmp_path / 'frames'
    folder.mkdir()
    write_image(folder / 'frame.png', image)
    return folder, mask


def run(folder, output, checkpoint, **options):
    predict(FrameSource(folder), output, Segmenter(checkpoint, 'cpu', backend='torch'), **options)
    return cv2.imread(str(output / 'frame.png'), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize('factor', [1, 255])
def test_what_is_outside_of_the_crop_is_background(
    frame_with_border, red_checkpoint, tmp_path, factor
):
    folder, mask = frame_with_border
    x, y, width, height = CROP
    expected = np.zeros_like(mask)
    expected[y : y + height, x : x + width] = mask[y : y + height, x : x + width]
    found = run(
        folder, tmp_path / 'out', red_checkpoint, crop=parse_crop(CROP), mask_factor=factor
    )
    np.testing.assert_array_equal(found, expected * factor)


def test_the_black_border_can_be_left_out(frame_with_border, red_checkpoint, tmp_path):
    folder, _ = frame_with_border
    image = cv2.imread(str(folder / 'frame.png'))
    image[:, :16] = image[:, 176:] = 0
    cv2.imwrite(str(folder / 'frame.png'), image)
    found = run(folder, tmp_path / 'out', red_checkpoint, crop=parse_crop('auto'))
    assert found.shape == (140, 200)
    assert not found[:, :16].any()
    assert found[60, 16:90].all()


@pytest.mark.parametrize(('factor', 'largest'), [(0, 85), (86, 85), (-1, 85)])
def test_factors_that_do_not_fit_into_a_byte(
    frame_with_border, mffnet_checkpoint, tmp_path, factor, largest
):
    folder, _ = frame_with_border
    with pytest.raises(
        ValueError, match=f"task 'parts': with 4 classes it must be 1 to {largest}"
    ):
        run(folder, tmp_path / 'out', mffnet_checkpoint, mask_factor=factor)
    assert not (tmp_path / 'out').exists()


def test_a_crop_beyond_the_frame_is_refused(frame_with_border, red_checkpoint, tmp_path):
    folder, _ = frame_with_border
    with pytest.raises(ValueError, match='200 x 140 px'):
        run(folder, tmp_path / 'out', red_checkpoint, crop=parse_crop('320,28,1280,1024'))


def test_a_cut_off_video_keeps_what_decodes_and_the_last_line_tells_the_rest(
    tmp_path, red_checkpoint, capsys
):
    path = write_video(tmp_path / 'clip.mp4', range(20), container={'movflags': 'faststart'})
    cut_off(path, 0.7)
    options = ['--checkpoint', str(red_checkpoint), '--device', 'cpu', '--output', f'{tmp_path}/o']
    assert main(['predict', '--input', str(path), *options]) == 1
    count = len(list((tmp_path / 'o').glob('clip_*.png')))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f'read {count} frames of {path}, used {count}; ')
    assert f'{20 - count} of 20 frames missing in {path}: ' in last


def test_every_page_has_its_label_image(tmp_path, red_checkpoint, capsys):
    pages = [np.full((32, 48, 3), level, np.uint8) for level in (10, 20, 30)]
    cv2.imwritemulti(str(tmp_path / 'stack.tif'), pages)
    options = ['--checkpoint', str(red_checkpoint), '--device', 'cpu', '--output', f'{tmp_path}/o']
    assert main(['predict', '--input', f'{tmp_path}/stack.tif', *options]) == 0
    assert len(list((tmp_path / 'o').glob('stack_*.png'))) == 3
    assert 'read 3 frames' in capsys.readouterr().out


def test_images_are_never_overwritten_by_their_labels(frame_with_border, red_checkpoint):
    folder, _ = frame_with_border
    before = (folder / 'frame.png').read_bytes()
    with pytest.raises(ValueError, match=r'frame\.png would overwrite what is read'):
        run(folder, folder, red_checkpoint)
    assert (folder / 'frame.png').read_bytes() == before
