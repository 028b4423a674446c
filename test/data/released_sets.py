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

"""Miniatures of released data sets, written as the releases are."""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from surgseg_ros.data.image_files import write_image


def write(path, pixels):
    """Write an image, or a mask as it is, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.asarray(pixels, np.uint8))
    return path


def noise(height=24, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def mask(values, columns=(), height=24, width=32):
    """Return a mask of zeros with values in single columns."""
    pixels = np.zeros((height, width), np.uint8)
    for value, column in zip(values, columns, strict=True):
        pixels[:, column] = value
    return pixels


def three_channels(pixels):
    return cv2.merge([pixels] * 3)


def hashes(folder):
    """Return the content of every file below a folder, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob('*'))
        if path.is_file()
    }


def endovis2017_training(root, frames=2):
    """
    Write dataset 1, with regular names and an overlap, and 6, with a folder without suffix.

    Rows of the masks are equal; the columns 0, 1, ... hold what the tests ask for.
    """
    for index in range(frames):
        name = f'frame{index:03d}.png'
        video = root / 'instrument_1_4_training' / 'instrument_dataset_1'
        write(video / 'left_frames' / name, noise(seed=index))
        write(video / 'right_frames' / name, noise(seed=index + 50))
        truth = video / 'ground_truth'
        write(truth / 'Left_Prograsp_Forceps_labels' / name,
              mask([10, 20, 30, 10], [0, 1, 2, 3]))  # fmt: skip
        write(truth / 'Maryland_Bipolar_Forceps_labels' / name,
              three_channels(mask([20, 30, 40], [3, 4, 5])))  # fmt: skip
        write(truth / 'Other_labels' / name, mask([40, 40], [2, 6]))
        (video / 'camera_calibration.txt').write_text('K')
        video = root / 'instrument_5_8_training' / 'instrument_dataset_6'
        write(video / 'left_frames' / name, noise(seed=index + 100))
        truth = video / 'ground_truth'
        write(truth / 'Left_Large_Needle_Driver_labels' / name, mask([10], [0]))
        write(truth / 'Monopolar_Curved_Scissors_labels' / name, mask([20], [1]))
        write(truth / 'Prograsp_Forceps' / name, mask([30], [2]))
    return root


def endovis2017_test(root):
    """Write one frame of the released test set with all its values."""
    video = root / 'instrument_dataset_10'
    write(video / 'left_frames' / 'frame300.png', noise())
    write(video / 'BinarySegmentation' / 'frame300.png', mask([255, 255, 255], [0, 1, 2]))
    write(video / 'PartsSegmentation' / 'frame300.png', mask([30, 100, 255], [0, 1, 2]))
    write(video / 'TypeSegmentation' / 'frame300.png', mask(range(1, 8), range(7)))
    return root


def endovis2017_test_apart(frames, labels, inside=''):
    """Write the test set as it is distributed: frames in one folder, labels in another."""
    endovis2017_test(frames)
    truth = labels / 'instrument_dataset_10' / inside
    truth.mkdir(parents=True)
    for name in ('BinarySegmentation', 'PartsSegmentation', 'TypeSegmentation'):
        (frames / 'instrument_dataset_10' / name).rename(truth / name)
    write(truth / 'TypeSegmentationRescaled' / 'frame300.png', mask([32], [0]))
    write(frames / 'instrument_dataset_10' / 'right_frames' / 'frame300.png', noise())


def isinet(root):
    write(root / 'fold2' / 'images' / 'seq4_frame007.png', noise())
    write(root / 'fold2' / 'annotations' / 'seq4_frame007.png', mask([3, 7, 2], [0, 1, 2]))
    instances = root / 'fold2' / 'binary_annotations'
    # The needle driver goes on below the other object.
    write(instances / 'seq4_frame007_class3_inst0.png', mask([255, 255], [0, 1]))
    write(instances / 'seq4_frame007_class2_inst0.png', mask([255], [2]))
    write(instances / 'seq4_frame007_class7_inst0.png', mask([255, 255], [1, 3]))
    return root


ENDOVIS2018_COLORS = [
    (0, 0, 0), (0, 255, 0), (0, 255, 255), (125, 255, 12), (255, 55, 0), (24, 55, 125),
    (187, 155, 25), (0, 255, 125), (255, 255, 125), (123, 15, 175), (124, 155, 5), (12, 255, 141),
]  # fmt: skip


def endovis2018(root):
    """Write one frame whose column k has class k."""
    video = root / 'miccai_challenge_2018_release_1' / 'seq_5'
    write(video / 'left_frames' / 'frame000.png', noise(8, 12))
    write(video / 'labels' / 'frame000.png', np.tile(ENDOVIS2018_COLORS, (8, 1, 1)))
    (video / 'labels.json').write_text('[]')
    return root


def sar_rarp50(root, rgb=True):
    """Write a video of 13 frames, the masks of frames 0 and 12, and unpacked frames 0, 6, 12."""
    video = root / 'train1' / 'video_11_1'
    video.mkdir(parents=True)
    writer = cv2.VideoWriter(
        str(video / 'video_left.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 60, (32, 24)
    )
    for index in range(13):
        writer.write(np.full((24, 32, 3), 10 * index, np.uint8))
    writer.release()
    for index in (0, 12):
        pixels = three_channels(mask(range(1, 10), range(9)))
        write(video / 'segmentation' / f'{index:09d}.png', pixels)
    for index in (0, 6, 12) if rgb else ():
        write(video / 'rgb' / f'{index:09d}.png', np.full((24, 32, 3), 10 * index))
    return root


def agsd(root):
    for folder, pixels in (
        ('image', noise()),
        ('ground_truth', mask([255], [3])),
        ('cues', mask([9], [0])),
        ('anchors/pos', mask([9], [0])),
        ('anchors/neg', mask([9], [0])),
        ('prediction', mask([9], [0])),
    ):
        write(root / folder / 'instrument_dataset_2_train' / 'frame000.png', pixels)
    return root


def cropped_endovis(root, video='clip_a'):
    write(root / video / 'images' / 'frame000.jpg', noise())
    write(root / video / 'binary_masks' / 'frame000.png', mask([255], [1]))
    write(root / video / 'parts_masks' / 'frame000.png', mask([85, 170, 255], [0, 1, 2]))
    write(root / video / 'instruments_masks' / 'frame000.png',
          mask([32 * k for k in range(1, 8)], range(7)))  # fmt: skip
    return root


def image_mask_folder(root, pixels, folder='masks'):
    write(root / 'images' / 'a.png', noise())
    write(root / folder / 'a.png', pixels)
    return root
