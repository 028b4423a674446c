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


"""Tests of what a description of scenes makes of folders."""

import cv2
import numpy as np
import pytest

from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.scenes import DEFAULT_FILE
from surgseg_ros.data.scenes import find_description
from surgseg_ros.data.scenes import load_scenes
from surgseg_ros.data.scenes import SceneError
from surgseg_ros.data.scenes import undescribed_folders

SIZE = (10, 20)


@pytest.fixture
def data(tmp_path):
    """Return a folder with the scene 'tissue': frames f1 and f2, a mask of f2 alone."""
    write(tmp_path, 'tissue/frames/f1.png', np.zeros((*SIZE, 3)))
    write(tmp_path, 'tissue/frames/f2.jpg', np.full((*SIZE, 3), 90))
    write(tmp_path, 'tissue/masks/f2.png', np.eye(*SIZE) * 255)
    return tmp_path


def write(root, name, pixels):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.asarray(pixels, np.uint8))


def describe(data, text):
    (data / 'scenes.yaml').write_text(text, encoding='utf-8')
    return load_scenes(data, find_description(data))


def write_video(path, frames):
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (width, height))
    for frame in frames:
        writer.write(np.asarray(frame, np.uint8))
    writer.release()


def test_frames_come_with_the_labels_of_their_name(data):
    write(data, 'tissue/parts/f2.png', 3 * np.eye(*SIZE))
    write(data, 'tissue/other/f2.png', np.full(SIZE, 7))
    (scene,) = describe(data, 'tissue: {frames: frames, masks: masks, parts: parts, other: other}')
    assert scene.count() == 2
    first, second = scene.read()
    assert (first.stem, first.mask, first.parts, first.other) == ('f1', None, None, None)
    np.testing.assert_array_equal(second.mask, np.eye(*SIZE))
    np.testing.assert_array_equal(second.parts, 3 * np.eye(*SIZE))
    np.testing.assert_array_equal(second.other, np.ones(SIZE))
    assert [frame.stem for frame in scene.read(limit=1)] == ['f1']


def test_two_eyes_side_by_side_are_two_images(data):
    image = np.zeros((*SIZE, 3))
    image[:, 10:] = 200
    mask = np.zeros(SIZE)
    mask[:, :3] = 1
    write(data, 'tissue/frames/f2.png', image)
    write(data, 'tissue/masks/f2.png', mask)
    (data / 'tissue/frames/f1.png').unlink()
    (data / 'tissue/frames/f2.jpg').unlink()
    (scene,) = describe(data, 'tissue: {frames: frames, masks: masks, side_by_side: true}')
    left, right = scene.read()
    assert scene.count() == 2
    assert [(frame.stem, frame.eye) for frame in (left, right)] == [
        ('f2_left', 'left'),
        ('f2_right', 'right'),
    ]
    assert left.image.shape == right.image.shape == (10, 10, 3)
    assert left.image.max() == 0
    assert right.image.min() == 200
    assert left.mask[:, :3].all()
    assert left.mask.sum() == 30
    assert not right.mask.any()


def test_an_odd_width_is_not_two_eyes(data):
    write(data, 'odd/frames/f.png', np.zeros((10, 21, 3)))
    (scene,) = describe(data, 'odd: {frames: frames, side_by_side: true}')
    with pytest.raises(SceneError, match='f is 21 px wide'):
        list(scene.read())


def test_masks_of_a_video_are_named_after_frame_numbers(data):
    (data / 'clip').mkdir()
    write_video(data / 'clip' / 'clip.avi', [np.zeros((16, 32, 3))] * 3)
    write(data, 'clip/masks/0001.png', np.ones((16, 32)))
    description = 'clip: {frames: clip.avi, masks: masks}'
    (scene,) = describe(data, description)
    assert [frame.mask is not None for frame in scene.read()] == [False, True, False]
    write(data, 'clip/masks/0003.png', np.ones((16, 32)))
    with pytest.raises(SceneError, match=r'labels of no frame: 0003\.png'):
        describe(data, description)
    write(data, 'clip/masks/last.png', np.ones((16, 32)))
    with pytest.raises(SceneError, match=r'last\.png should be named after the number'):
        describe(data, description)


@pytest.mark.parametrize(
    ('description', 'message'),
    [
        ('', 'describes no scenes'),
        ('tissue: [1', 'cannot be read as YAML'),
        ('tissue: frames', "expected keys and values, with at least 'frames'"),
        ('tissue: {masks: masks}', "at least 'frames'"),
        ('tissue: {frames: frames, mask: masks}', 'unknown keys mask; there are: frames, masks'),
        ('tissue: {frames: frames, name: other}', 'unknown keys name'),
        ('tissue: {frames: frames, look: colour}', "'look' is 'colour', not color or gray"),
        ('tissue: {frames: frames, instruments: none}', "'none', expected true or false"),
        ('tissue: {frames: frames, note: 3}', "'note' is 3, expected text"),
        ('tissue: {frames: frames, parts: masks}', "'parts' and 'other' need 'masks'"),
        ('tissue: {frames: frames, masks: masks, instruments: false}', "remove 'masks'"),
        ('lost: {frames: frames}', 'no folder of the scenes lost'),
        ('tissue: {frames: frames, masks: lost}', r'tissue/lost is missing or has no images'),
    ],
)
def test_a_wrong_description_is_refused(data, description, message):
    with pytest.raises(SceneError, match=message):
        describe(data, description)


def test_a_scene_without_frames_is_refused(data):
    (data / 'empty' / 'frames').mkdir(parents=True)
    with pytest.raises(FrameSourceError, match='empty/frames holds no images'):
        describe(data, 'empty: {frames: frames}')


def test_a_mask_of_another_size_is_refused(data):
    write(data, 'tissue/masks/f2.png', np.zeros((10, 21)))
    (scene,) = describe(data, 'tissue: {frames: frames, masks: masks}')
    with pytest.raises(SceneError, match=r'f2\.png is 21x10 but its frame is 20x10'):
        list(scene.read())


def test_unreadable_files_and_unknown_values_are_named(data):
    write(data, 'tissue/masks/f2.png', np.full(SIZE, 9))
    (scene,) = describe(data, 'tissue: {frames: frames, masks: masks}')
    with pytest.raises(SceneError, match=r'f2\.png.*unknown values 9'):
        list(scene.read())
    (data / 'tissue/frames/f1.png').write_bytes(b'nothing')
    with pytest.raises(SceneError, match='frame f1 is no readable image'):
        list(scene.read())


def test_scenes_are_chosen_by_name_and_the_rest_is_told(data):
    write(data, 'other/frames/f.png', np.zeros((*SIZE, 3)))
    describe(data, 'tissue: {frames: frames}')
    description = find_description(data)
    assert [scene.name for scene in load_scenes(data, description, ['tissue'])] == ['tissue']
    with pytest.raises(SceneError, match='no scene lost; it has: tissue'):
        load_scenes(data, description, ['lost'])
    assert undescribed_folders(data, description) == ['other']


def test_the_description_given_comes_before_that_of_the_data_and_of_the_package(data):
    assert find_description(data) == DEFAULT_FILE
    (data / 'scenes.yaml').touch()
    assert find_description(data) == data / 'scenes.yaml'
    assert find_description(data, data / 'mine.yaml') == data / 'mine.yaml'
    with pytest.raises(SceneError, match='is no folder'):
        load_scenes(data / 'lost', DEFAULT_FILE)
    with pytest.raises(SceneError, match=r'mine\.yaml cannot be read'):
        load_scenes(data, data / 'mine.yaml')


def test_the_description_of_the_package_is_a_valid_one(tmp_path):
    with pytest.raises(SceneError, match='no folder of the scenes ev17_ds1_stereo, ev17_ds4_left'):
        load_scenes(tmp_path, DEFAULT_FILE)
