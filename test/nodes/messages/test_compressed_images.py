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

"""Tests of JPEG messages that are written."""

import numpy as np
import pytest

pytest.importorskip('sensor_msgs')

from std_msgs.msg import Header

from surgseg_ros.decoding.compressed_images import compressed_to_array
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.nodes.messages.compressed_images import array_to_compressed


def make_picture(height=90, width=121):
    """Return a picture that JPEG keeps well: smooth, and red, green and blue differ."""
    y, x = np.mgrid[:height, :width]
    planes = (x * 255 // width, y * 255 // height, 128 + 100 * np.sin((x + y) / 40))
    return np.stack(planes, axis=-1).astype(np.uint8)


def test_written_as_image_transport_does_and_read_again():
    header = Header(frame_id='/eye')
    header.stamp.sec, header.stamp.nanosec = 12, 345678901
    picture = make_picture()
    sizes = {}
    for quality in (20, 95):
        msg = array_to_compressed(picture[:, 10:], header, quality)
        assert msg.header == header
        assert msg.format == 'rgb8; jpeg compressed bgr8'
        array = compressed_to_array(msg)
        assert np.abs(array.astype(int) - picture[:, 10:]).mean() < 10
        sizes[quality] = len(msg.data)
    assert sizes[20] < sizes[95]


@pytest.mark.parametrize(
    ('array', 'cause'),
    [
        (np.zeros((4, 4), np.uint8), 'encoding'),
        (np.zeros((4, 4, 4), np.uint8), 'encoding'),
        (np.zeros((4, 4, 3), np.float32), 'encoding'),
        (np.zeros((0, 4, 3), np.uint8), 'size'),
        (np.zeros((1, 65501, 3), np.uint8), 'size'),
    ],
)
def test_arrays_that_are_no_jpeg_image_are_refused(array, cause):
    with pytest.raises(ImageFormatError) as caught:
        array_to_compressed(array, Header(), 80)
    assert caught.value.cause == cause


@pytest.mark.parametrize('quality', [0, 101, -1])
def test_unknown_qualities_are_refused(quality):
    with pytest.raises(ValueError, match=f'1 to 100, got {quality}'):
        array_to_compressed(make_picture(), Header(), quality)
