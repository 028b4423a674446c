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

"""Colored targets: images whose exact segmentation is known, and a network that finds them."""

from pathlib import Path

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
import torch

from surgseg_ros.inference.checkpoints import CheckpointInfo
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.models import create_model

TARGET_RGB = (250, 10, 10)
TISSUE_RGB = (60, 90, 60)


def write_target_checkpoint(path: Path) -> None:
    """Write a checkpoint of task ``binary`` that calls every red pixel an instrument."""
    model = create_model('color_linear', task='binary')
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
        model.classifier.weight[1, :, 0, 0] = torch.tensor([40.0, -20.0, -20.0])
        model.classifier.bias[1] = -10.0
    save_checkpoint(path, model, CheckpointInfo('color_linear', 'binary'))


def draw_target(
    width: int, height: int, center: tuple[float, float], axes: tuple[float, float], angle: float
) -> np.ndarray:
    """Return the (H, W) uint8 mask, 0 or 1, of an ellipse; lengths in px, angle in degrees."""
    y, x = np.mgrid[:height, :width]
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    along = (x - center[0]) * cos + (y - center[1]) * sin
    across = (y - center[1]) * cos - (x - center[0]) * sin
    return ((along / axes[0]) ** 2 + (across / axes[1]) ** 2 <= 1).astype(np.uint8)


def draw_rectangle(
    width: int, height: int, corner: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """Return the (H, W) uint8 mask, 0 or 1, of a rectangle."""
    mask = np.zeros((height, width), np.uint8)
    mask[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]] = 1
    return mask


def paint(mask: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB image of a mask."""
    return np.where(mask[..., None] > 0, np.uint8(TARGET_RGB), np.uint8(TISSUE_RGB))


def make_image(rgb: np.ndarray, header: Header, encoding: str = 'rgb8', padding: int = 0) -> Image:
    """Make the message of an image as a camera driver would, rows padded by some bytes."""
    pixels = {
        'rgb8': rgb,
        'bgr8': rgb[..., ::-1],
        '8UC3': rgb[..., ::-1],
        'rgba8': np.dstack([rgb, np.full(rgb.shape[:2], 128, np.uint8)]),
        'bgra8': np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 128, np.uint8)]),
        'mono8': cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY),
    }[encoding]
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xA5)
    msg = Image(header=header, encoding=encoding)
    msg.height, msg.width = rgb.shape[:2]
    msg.step = rows.shape[1]
    msg.data = rows.tobytes()
    return msg


def make_png(rgb: np.ndarray, header: Header) -> CompressedImage:
    """Make the message of an image as a PNG file, from which it is read exactly."""
    data = cv2.imencode('.png', rgb[..., ::-1])[1].tobytes()
    return CompressedImage(header=header, format='rgb8; png compressed bgr8', data=data)


def centroid_of(mask: np.ndarray) -> tuple[float, float]:
    """Return the mean pixel position of a mask, x and y."""
    y, x = np.nonzero(mask)
    return float(x.mean()), float(y.mean())
