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

"""Tests of the yardstick: it segments as the real one does."""

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('cv_bridge')

from cv_bridge import CvBridge
from std_msgs.msg import Header

from surgseg_ros.decoding.compressed_images import compressed_to_array
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.benchmark.camera import make_pictures
from surgseg_ros.nodes.benchmark.plain_baseline import PlainNetwork
from surgseg_ros.nodes.benchmark.plain_baseline import to_rgb
from surgseg_ros.nodes.messages.compressed_images import array_to_compressed
from surgseg_ros.nodes.messages.images import array_to_image


@pytest.fixture(scope='module')
def picture():
    return make_pictures(160, 128, pairs=1)[0, 0]


def assert_same_labels(found, expected, least_agreement):
    assert found.dtype == np.uint8
    assert len(np.unique(expected)) > 1
    assert np.mean(found == expected) >= least_agreement


def test_it_runs_the_same_network(picture):
    (expected,) = Segmenter(
        DEFAULT_CHECKPOINT, 'cpu', input_size=(0, 0), threads=1, backend='torch', precision='fp32'
    ).segment([picture])
    found = PlainNetwork(DEFAULT_CHECKPOINT, (0, 0), 'cpu').segment(picture)
    assert found.dtype == np.uint8
    assert len(np.unique(expected.label_image)) > 1
    assert np.mean(found == expected.label_image) >= 0.999


def test_it_resizes_to_the_size_of_the_network_and_back(picture, red_checkpoint):
    full, small = (
        PlainNetwork(str(red_checkpoint), size, 'cpu').segment(picture)
        for size in ((0, 0), (128, 96))
    )
    assert small.shape == full.shape == picture.shape[:2]
    assert np.mean(small == full) >= 0.9


def test_it_applies_the_threshold_of_a_single_logit(one_logit_checkpoint):
    image = np.zeros((8, 256, 3), np.uint8)
    image[..., 0] = np.arange(256)
    (expected,) = Segmenter(one_logit_checkpoint, 'cpu', backend='torch').segment([image])
    found = PlainNetwork(str(one_logit_checkpoint), (0, 0), 'cpu').segment(image)
    np.testing.assert_array_equal(found, expected.label_image)


def test_it_reads_what_the_camera_sends(picture):
    bridge = CvBridge()
    raw = array_to_image(picture, 'rgb8', Header())
    np.testing.assert_array_equal(to_rgb(bridge, raw), picture)
    compressed = array_to_compressed(picture, Header(), 90)
    decoded = compressed_to_array(compressed)
    np.testing.assert_array_equal(cv2.absdiff(to_rgb(bridge, compressed), decoded), 0)
