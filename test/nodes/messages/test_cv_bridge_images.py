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

"""Tests of the encodings that are left to cv_bridge."""

import sys

import numpy as np
import pytest

pytest.importorskip('sensor_msgs')

from sensor_msgs.msg import Image

from surgseg_ros.nodes.messages.cv_bridge_images import CV_BRIDGE_ENCODINGS
from surgseg_ros.nodes.messages.image_encoding import ImageFormatError
from surgseg_ros.nodes.messages.images import image_to_array
from surgseg_ros.nodes.messages.images import SUPPORTED_ENCODINGS

REASON = 'cv_bridge is not installed (ros-<distro>-cv-bridge, or the PyPI package cv-bridge)'
HEIGHT, WIDTH = 24, 31
ORDERS = {1: [0, 0, 0], 3: [2, 1, 0], 4: [2, 1, 0]}

# Copies of cv_bridge that cannot work, as found on computers with another NumPy or OpenCV.
BROKEN_COPIES = {
    'does not import': "raise AttributeError('_ARRAY_API not found')",
    'has no class': '',
    'fails': """
class CvBridge:
    def imgmsg_to_cv2(self, msg, desired_encoding):
        raise KeyError(msg.encoding)
""",
    'reads other types': """
import numpy as np
class CvBridge:
    def imgmsg_to_cv2(self, msg, desired_encoding):
        return np.ndarray((msg.height, msg.width), np.uint8, msg.data)
""",
}


@pytest.fixture
def bridge():
    return pytest.importorskip('cv_bridge', reason=REASON).CvBridge()


def make_samples(encoding):
    layout = CV_BRIDGE_ENCODINGS[encoding]
    rng = np.random.default_rng(0)
    shape = (HEIGHT, WIDTH, layout.channels)
    if np.dtype(layout.dtype).kind == 'f':
        return rng.uniform(-0.2, 1.2, shape).astype(layout.dtype)
    limits = np.iinfo(layout.dtype)
    return rng.integers(limits.min, limits.max, shape, layout.dtype, endpoint=True)


def make_message(samples, encoding, padding=0, is_bigendian=False):
    stored = samples.astype(samples.dtype.newbyteorder('>' if is_bigendian else '<'))
    rows = [row.tobytes() + b'\xee' * padding for row in stored]
    msg = Image(encoding=encoding, height=len(rows), width=samples.shape[1])
    msg.is_bigendian, msg.step, msg.data = is_bigendian, len(rows[0]), b''.join(rows)
    return msg


def read_as_documented(samples):
    """Scale to 8 bits: floats from 0.0 to 1.0, integers over the whole range of their type."""
    values = samples.astype(float)
    if samples.dtype.kind == 'i':
        limits = np.iinfo(samples.dtype)
        values = (values - limits.min) / (float(limits.max) - limits.min)
    return np.round(np.clip(values, 0, 1) * 255)[..., ORDERS[samples.shape[2]]]


@pytest.mark.parametrize('padding', [0, 1, 7, 64])
@pytest.mark.parametrize('is_bigendian', [False, True])
@pytest.mark.parametrize('encoding', CV_BRIDGE_ENCODINGS)
def test_images_are_read_as_documented(bridge, encoding, padding, is_bigendian):
    samples = make_samples(encoding)
    msg = make_message(samples, encoding, padding, is_bigendian)
    try:
        plain = bridge.imgmsg_to_cv2(make_message(samples, encoding), 'passthrough')
    except Exception:
        with pytest.raises(ImageFormatError, match=encoding) as caught:
            image_to_array(msg)
        assert caught.value.cause == 'encoding'
        return
    array = image_to_array(msg)
    assert array.dtype == np.uint8
    expected = read_as_documented(plain.reshape(samples.shape))
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize('width', [30, 31])
@pytest.mark.parametrize(
    'encoding',
    [name for name in SUPPORTED_ENCODINGS if name.endswith('8') or name in ('8UC1', 'yuv422')],
)
def test_own_path_and_cv_bridge_agree_where_cv_bridge_reads(bridge, encoding, width):
    if encoding == 'yuv422' and width % 2:
        pytest.skip('yuv422 has even widths only')
    channels = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'yuv422': 2}.get(encoding, 1)
    samples = np.random.default_rng(0).integers(0, 256, (HEIGHT, width, channels), np.uint8)
    msg = make_message(samples, encoding)
    try:
        expected = bridge.imgmsg_to_cv2(msg, 'rgb8')
    except Exception as error:
        pytest.skip(f'this cv_bridge cannot read {encoding}: {error!r}')
    np.testing.assert_array_equal(image_to_array(msg), expected)


def test_no_number_is_black(bridge):
    samples = np.array([[[np.nan], [np.inf], [-np.inf], [0.5]]], np.float32)
    array = image_to_array(make_message(samples, '32FC1'))
    np.testing.assert_array_equal(array[0, :, 0], [0, 255, 0, 128])


@pytest.mark.parametrize('encoding', CV_BRIDGE_ENCODINGS)
def test_without_cv_bridge_the_remedy_is_named(encoding, monkeypatch):
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    with pytest.raises(ImageFormatError) as caught:
        image_to_array(make_message(make_samples(encoding), encoding))
    assert caught.value.cause == 'encoding'
    for words in (f"'{encoding}' needs cv_bridge", 'install ros-kilted-cv-bridge', 'rgb8, bgr8'):
        assert words in str(caught.value)


@pytest.mark.parametrize('source', BROKEN_COPIES.values(), ids=BROKEN_COPIES.keys())
def test_a_broken_cv_bridge_is_an_image_error(source, tmp_path, monkeypatch):
    (tmp_path / 'cv_bridge.py').write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'cv_bridge', raising=False)
    with pytest.raises(ImageFormatError, match="installed cv_bridge .* '32FC1'") as caught:
        image_to_array(make_message(make_samples('32FC1'), '32FC1'))
    assert caught.value.cause == 'encoding'
    sys.modules.pop('cv_bridge', None)


@pytest.mark.parametrize(
    ('change', 'cause'),
    [
        ({'width': 0}, 'size'),
        ({'step': WIDTH * 4 - 1}, 'step'),
        ({'step': 0}, 'step'),
        ({'step': 2**32 - 1}, 'data_length'),
        ({'height': HEIGHT + 1}, 'data_length'),
        ({'data': b''}, 'data_length'),
    ],
)
def test_sizes_are_checked_before_cv_bridge_is_asked(change, cause, monkeypatch):
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    msg = make_message(make_samples('32FC1'), '32FC1')
    for name, value in change.items():
        setattr(msg, name, value)
    with pytest.raises(ImageFormatError) as caught:
        image_to_array(msg)
    assert caught.value.cause == cause
