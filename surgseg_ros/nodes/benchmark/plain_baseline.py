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

"""
The yardstick of the node benchmark: a segmentation node as a careful newcomer writes it.

It converts with cv_bridge, runs the network eagerly in single precision, in the callback, and
subscribes with the default queue of ten. Nothing in it is slow on purpose. It is no executable of
this package; ``surgseg benchmark --node --compare plain`` starts it.
"""

from collections.abc import Sequence
from functools import partial
import sys
from typing import Any

import cv2
from cv_bridge import CvBridge
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
import torch
import torch.nn.functional as F

from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.nodes.common.running import run_node

EYES = ('left', 'right')
QUEUE_DEPTH = 10


class PlainNetwork:
    """
    A network in eager PyTorch: float32, channels first.

    :param checkpoint: file or shipped name
    :param input_size: (width, height) that images are resized to, ``(0, 0)``: not at all
    :param device: ``'cpu'``, ``'cuda'`` or ``'cuda:<index>'``
    :param branch: output of the network
    """

    def __init__(
        self, checkpoint: str, input_size: Sequence[int], device: str, branch: str = 'main'
    ) -> None:
        model, info = load_checkpoint(resolve_checkpoint(checkpoint))
        self._model = model.to(device).eval()
        self._info = info
        self._device = device
        self._branch = branch
        self._size = tuple(input_size) if all(input_size) else None
        self._mean = np.array(info.mean, np.float32)
        self._std = np.array(info.std, np.float32)

    @torch.no_grad()
    def segment(self, image: np.ndarray) -> np.ndarray:
        """
        Return the class of every pixel.

        :param image: (H, W, 3) uint8 RGB
        :return: (H, W) uint8
        """
        height, width = image.shape[:2]
        if self._size is not None and self._size != (width, height):
            image = cv2.resize(image, self._size)
        normalized = (image.astype(np.float32) / 255.0 - self._mean) / self._std
        # Contiguous, as torchvision's ToTensor makes it.
        channels_first = np.ascontiguousarray(normalized.transpose(2, 0, 1))
        batch = torch.from_numpy(channels_first).unsqueeze(0).to(self._device)
        logits = self._model(batch, self._branch)
        if logits.shape[-2:] != (height, width):
            logits = F.interpolate(logits, (height, width), mode='bilinear', align_corners=False)
        return self._classify(logits)[0].to(torch.uint8).cpu().numpy()

    def _classify(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the most probable class of (N, C, H, W) logits, where C may be 1."""
        if logits.shape[1] == 1:
            return logits[:, 0].sigmoid() > self._info.threshold
        return logits.softmax(dim=1).argmax(dim=1)


class PlainNode(Node):
    """Publish a label image for every image of both eyes, one after the other."""

    def __init__(self) -> None:
        super().__init__('segmentation')
        checkpoint = self._declare('checkpoint', DEFAULT_CHECKPOINT)
        input_size = self._declare('input_size', [0, 0])
        device = self._declare('device', 'auto')
        branch = self._declare('branch', 'main')
        threads = self._declare('threads', 0)
        is_compressed = self._declare('image_transport', 'raw') == 'compressed'
        if threads:
            torch.set_num_threads(threads)
        if device == 'auto':
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self._network = PlainNetwork(checkpoint, input_size, device, branch)
        self._bridge = CvBridge()
        self._label_images = {
            eye: self.create_publisher(Image, f'~/{eye}/label_image', QUEUE_DEPTH) for eye in EYES
        }
        for eye in EYES:
            self.create_subscription(
                CompressedImage if is_compressed else Image,
                f'{eye}/image_raw/compressed' if is_compressed else f'{eye}/image_raw',
                partial(self._answer, eye),
                QUEUE_DEPTH,
            )

    def _declare(self, name: str, default: Any) -> Any:
        return self.declare_parameter(name, default).value

    def _answer(self, eye: str, msg: Image | CompressedImage) -> None:
        labels = self._network.segment(to_rgb(self._bridge, msg))
        answer = self._bridge.cv2_to_imgmsg(labels, 'mono8')
        answer.header = msg.header
        self._label_images[eye].publish(answer)


def to_rgb(bridge: CvBridge, msg: Image | CompressedImage) -> np.ndarray:
    """
    Convert a message with cv_bridge.

    :param msg: of encoding rgb8, or compressed
    :return: (H, W, 3) uint8 RGB
    """
    if isinstance(msg, CompressedImage):
        return bridge.compressed_imgmsg_to_cv2(msg, 'rgb8')
    try:
        return bridge.imgmsg_to_cv2(msg, 'rgb8')
    except TypeError:
        # The cv_bridge of PyPI reads no color with OpenCV 5; this is what it would have done.
        return np.ndarray((msg.height, msg.width, 3), np.uint8, msg.data)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until a signal comes."""
    return run_node(lambda: PlainNode, args)


if __name__ == '__main__':
    sys.exit(main())
