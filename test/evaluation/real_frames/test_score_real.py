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


"""Tests of scoring networks on a small copy of a collection of real scenes, drawn here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.scenes import DEFAULT_FILE
from surgseg_ros.data.scenes import load_scenes
from surgseg_ros.data.scenes import SceneError
from surgseg_ros.evaluation.real_frames.score_real import cue_mask
from surgseg_ros.evaluation.real_frames.score_real import score_real
from surgseg_ros.inference.segmenter import Segmenter

REAL_DATA = Path(__file__).resolve().parents[4] / 'shared' / 'data'
RED, TISSUE = (255, 0, 0), (80, 80, 80)
DESCRIPTION = """
tissue: {frames: frames, masks: masks, other: other}
porcine: {frames: frames, masks: masks}
gray: {frames: frames, masks: masks, look: gray}
clip: {frames: clip.avi, instruments: false, side_by_side: true, consecutive: true}
"""


def columns(count, first=0):
    """Return (10, 20) uint8, 1 in so many columns."""
    mask = np.zeros((10, 20), np.uint8)
    mask[:, first : first + count] = 1
    return mask


def write(data, name, pixels):
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, pixels)


def paint(mask):
    return np.where(mask[..., None] > 0, RED, TISSUE).astype(np.uint8)


@pytest.fixture
def data(tmp_path):
    """
    Return a folder of scenes; the checkpoint of the tests finds exactly what is red.

    tissue/a: 10 red columns, of which 5 are instrument and 5 another tool. tissue/b: 5 red ones
    of 10. porcine: nothing red. gray: 5 red of 5. clip: in the left eye an eighth red, then a
    quarter; nothing in the right one.
    """
    for name, red, true in (
        ('tissue/{}/a.png', 10, 5),
        ('tissue/{}/b.png', 5, 10),
        ('porcine/{}/c.png', 0, 5),
        ('gray/{}/d.png', 5, 5),
    ):
        write(tmp_path, name.format('frames'), paint(columns(red)))
        write(tmp_path, name.format('masks'), columns(true))
    write(tmp_path, 'tissue/other/a.png', columns(5, first=5))
    (tmp_path / 'clip').mkdir()
    writer = cv2.VideoWriter(
        str(tmp_path / 'clip' / 'clip.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 10, (128, 32)
    )
    for width in (16, 32):
        mask = np.zeros((32, 128), np.uint8)
        mask[:16, :width] = 1
        writer.write(np.ascontiguousarray(paint(mask)[..., ::-1]))
    writer.release()
    (tmp_path / 'scenes.yaml').write_text(DESCRIPTION, encoding='utf-8')
    return tmp_path


def score(data, checkpoint, names=None, **options):
    scenes = load_scenes(data, data / 'scenes.yaml', names)
    return score_real(scenes, Segmenter(checkpoint, 'cpu', 'auto', backend='torch'), **options)


def test_the_whole_collection(data, red_checkpoint, tmp_path):
    scores = score(data, red_checkpoint)
    result = scores.result
    assert result['methods'] == ['main', 'cue']
    color = result['averages']['color']
    assert color['scenes'] == ['tissue', 'porcine']
    # tissue: a 1 or, with the other tool as background, 2 * 50 / 150; b 2 * 50 / 150. porcine: 0.
    assert color['dice']['main'] == pytest.approx(((1 + 2 / 3) / 2 + 0) / 2, abs=1e-4)
    assert color['dice_other_as_background']['main'] == pytest.approx((2 / 3 + 0) / 2, abs=1e-4)
    assert result['averages']['gray']['dice']['main'] == 1
    clip = result['scenes']['clip']
    assert clip['images'] == 4
    assert [image['name'] for image in clip['by_image']] == [
        *('clip_000000_left', 'clip_000000_right', 'clip_000001_left', 'clip_000001_right'),
    ]
    assert clip['false_positive_percent']['main'] == {'mean': (12.5 + 25) / 4, 'worst': 25}
    assert clip['flicker']['main'] == 0.25  # half of the left mask is new, the right one empty
    assert result['checkpoint']['name'] == 'red'
    files = scores.write(tmp_path / 'out', worst=2)
    assert [path.name for path in files] == [
        'scores.json', 'scores.md', 'contact_sheet.png', 'worst.png',
    ]  # fmt: skip
    assert all(path.stat().st_size for path in files)


def test_both_branches_of_a_network_of_parts(data, mffnet_checkpoint):
    write(data, 'tissue/parts/a.png', 2 * columns(5))
    text = (data / 'scenes.yaml').read_text(encoding='utf-8')
    (data / 'scenes.yaml').write_text(text.replace('other:', 'parts: parts, other:'))
    result = score(data, mffnet_checkpoint, ['tissue']).result
    assert result['methods'] == ['main', 'auxiliary', 'cue']
    assert set(result['scenes']['tissue']['dice']) == {'main', 'auxiliary', 'cue'}
    parts = result['averages']['color']['parts_dice']
    assert set(parts) == {'main', 'auxiliary'}
    assert set(parts['main']) >= {'wrist', 'mean'}


def test_what_is_outside_of_the_crop_is_background(data, red_checkpoint):
    result = score(data, red_checkpoint, ['gray'], crop='4,0,16,10').result
    # 1 of 5 red columns is left.
    assert result['scenes']['gray']['dice']['main'] == pytest.approx(2 / 6, abs=1e-4)
    assert result['inference']['crop'] == '4,0,16,10'


def test_a_labeled_scene_needs_a_label_among_its_first_frames(data, red_checkpoint):
    write(data, 'tissue/frames/0.png', paint(columns(0)))
    assert score(data, red_checkpoint, ['tissue'], limit=2).result['frame_limit'] == 2
    with pytest.raises(SceneError, match="'tissue': none of the 1 images has a mask"):
        score(data, red_checkpoint, ['tissue'], limit=1)


def test_a_picture_of_earlier_failures_does_not_stay(data, red_checkpoint, tmp_path):
    output = tmp_path / 'out'
    score(data, red_checkpoint, ['porcine']).write(output, 1)
    assert (output / 'worst.png').exists()
    score(data, red_checkpoint, ['gray']).write(output, 1)
    assert not (output / 'worst.png').exists()


def test_the_cue_finds_what_is_without_color():
    image = np.full((20, 20, 3), (180, 60, 50), np.uint8)
    image[:, :10] = 140
    np.testing.assert_array_equal(cue_mask(image), image[..., 0] == 140)


@pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason='needs the real frames in ../shared/data, which are not shipped'
)
def test_the_shipped_network_on_a_few_real_frames():
    names = ['ev18_video1', 'surgt_stereo_clip', 'endonerf_pulling']
    scenes = load_scenes(REAL_DATA, DEFAULT_FILE, names)
    segmenter = Segmenter(device='cpu', branch='auto', backend='torch')
    result = score_real(scenes, segmenter, limit=2).result
    tools, empty, rough = (result['scenes'][name] for name in names)
    assert result['averages']['color']['scenes'] == ['ev18_video1']
    # Whatever the weights: they find something, and calling a suction tool one costs.
    assert 0 < tools['dice']['main'] < 1
    assert tools['dice_other_as_background']['cue'] < tools['dice']['cue']
    assert set(tools['parts_dice']['main']) == {'shaft', 'wrist', 'clasper', 'mean'}
    assert empty['images'] == 4  # two eyes
    worst = empty['false_positive_percent']['main']['worst']
    assert worst == max(image['area_percent']['main'] for image in empty['by_image'])
    assert (rough['pairs'], rough['labeled_images']) == (1, 2)
