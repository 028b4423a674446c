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

"""What the segmentation node answers to images, on the wire."""

from collections.abc import Iterator

import numpy as np
import pytest
from rcl_interfaces.srv import DescribeParameters
from rclpy.duration import Duration
from rig import change_parameter
from rig import next_header
from rig import parameters_for
from rig import Rig
from targets import centroid_of
from targets import draw_rectangle
from targets import draw_target
from targets import make_image
from targets import paint
from targets import TISSUE_RGB

MAX_AGE_S = 10.0
SIZES = [(1920, 1080), (1300, 1024), (1280, 1024), (1280, 720), (720, 576), (641, 481)]


@pytest.fixture(scope='module')
def rig(module_station, start_module_node, target_checkpoint) -> Iterator[Rig]:
    start_module_node('segmentation_node', parameters_for(target_checkpoint))
    return Rig(module_station)


@pytest.fixture
def setting(rig):
    """Return a function that changes a parameter for the duration of the test."""
    restored = []

    def change(name, value, before):
        restored.append((name, before))
        result = change_parameter(rig.station, name, value)
        assert result.successful, result.reason

    yield change
    for name, before in restored:
        assert change_parameter(rig.station, name, before).successful


@pytest.mark.parametrize(('width', 'height'), SIZES)
def test_label_image_is_the_drawn_mask_at_every_size(rig, width, height):
    mask = draw_target(width, height, (width * 0.4, height * 0.6), (width / 6, height / 12), 25)
    header = rig.send('left', mask, padding=5 if width == 641 else 0)
    label_image, instruments = rig.answer('left', header)
    np.testing.assert_array_equal(label_image, mask)
    assert (instruments.image_width, instruments.image_height) == (width, height)


@pytest.mark.parametrize('encoding', ['bgr8', 'rgba8', 'bgra8', '8UC3'])
@pytest.mark.parametrize('padding', [0, 3])
def test_label_image_is_the_drawn_mask_in_every_color_encoding(rig, encoding, padding):
    mask = draw_target(321, 240, (100, 120), (60, 20), 70)
    header = rig.send('right', mask, encoding, padding)
    label_image, _ = rig.answer('right', header)
    np.testing.assert_array_equal(label_image, mask)


@pytest.mark.parametrize(
    ('center', 'axes', 'angle'),
    [
        ((200.0, 150.0), (90, 25), 0),
        ((311.5, 240.25), (120, 18), 30),
        ((90.0, 300.0), (70, 30), -60),
    ],
)
def test_instrument_geometry_is_that_of_the_drawn_ellipse(rig, center, axes, angle):
    mask = draw_target(640, 480, center, axes, angle)
    _, msg = rig.answer('left', rig.send('left', mask))
    [instrument] = msg.instruments
    x, y = centroid_of(mask)
    assert instrument.centroid.x == pytest.approx(x, abs=0.01)
    assert instrument.centroid.y == pytest.approx(y, abs=0.01)
    assert instrument.centroid.x == pytest.approx(center[0], abs=0.5)
    assert instrument.centroid.y == pytest.approx(center[1], abs=0.5)
    assert instrument.area == mask.sum()
    assert instrument.orientation == pytest.approx(np.deg2rad(angle), abs=0.01)
    assert instrument.major_axis_length == pytest.approx(2 * axes[0], abs=1)
    assert instrument.minor_axis_length == pytest.approx(2 * axes[1], abs=1)
    assert instrument.class_name == 'instrument'
    assert instrument.track_id == -1
    assert 0.99 < instrument.score <= 1.0
    assert not instrument.touches_border


def test_instruments_lists_every_region_with_its_box(rig):
    small = draw_rectangle(640, 480, (10, 20), (30, 40))
    large = draw_rectangle(640, 480, (300, 0), (100, 200))
    _, msg = rig.answer('left', rig.send('left', small | large))
    boxes = {
        (box.x_offset, box.y_offset, box.width, box.height): instrument.touches_border
        for instrument in msg.instruments
        for box in [instrument.bounding_box]
    }
    assert boxes == {(10, 20, 30, 40): False, (300, 0, 100, 200): True}


def test_instruments_is_published_for_frames_without_any(rig):
    _, msg = rig.answer('left', rig.send('left', np.zeros((120, 160), np.uint8)))
    assert msg.instruments == []
    assert msg.eye == 'left'
    assert msg.model == 'targets'


@pytest.mark.parametrize('frame_id', ['', '/jhu_daVinci_left_frame', 'a b/ü', 'x' * 300])
def test_headers_are_those_of_the_input(rig, frame_id):
    header = rig.send('right', np.zeros((32, 32), np.uint8), frame_id=frame_id)
    label = rig.labels['right'].wait_for_header(header)
    instruments = rig.instruments['right'].wait_for_header(header)
    for received in (label.header, instruments.header):
        assert received.frame_id == frame_id
        assert received.stamp == header.stamp


def test_frames_are_counted_one_by_one(rig):
    mask = draw_target(160, 120, (80, 60), (30, 10), 0)
    arrays = [rig.answer('left', rig.send('left', mask))[1] for _ in range(5)]
    first = arrays[0].frame_index
    assert [array.frame_index for array in arrays] == list(range(first, first + 5))
    assert [array.frames_dropped for array in arrays[1:]] == [0] * 4


def test_timing_adds_up(rig):
    def seconds(time):
        return time.sec + time.nanosec * 1e-9

    _, msg = rig.answer('left', rig.send('left', draw_target(640, 480, (300, 200), (99, 40), 0)))
    timing = msg.timing
    spent = [timing.queue, timing.preprocess, timing.inference, timing.postprocess]
    assert all(seconds(step) > 0 for step in spent)
    total = seconds(timing.published) - seconds(timing.received)
    assert sum(map(seconds, spent)) <= total + 1e-3


def test_overlay_comes_while_somebody_wants_it(rig, setting):
    mask = draw_target(320, 240, (160, 120), (60, 25), 0)
    log = rig.watch('left', 'overlay', mask)
    header = rig.send('left', mask)
    msg = log.wait_for_header(header)
    assert (msg.encoding, msg.width, msg.height, msg.step) == ('rgb8', 320, 240, 960)
    picture = np.frombuffer(msg.data, np.uint8).reshape(240, 320, 3)
    np.testing.assert_array_equal(picture[5, 5], TISSUE_RGB)
    assert (picture != paint(mask)).any()

    setting('publish_overlay', False, before=True)
    unseen = rig.send('left', mask)
    rig.answer('left', unseen)
    rig.finish_views('left', mask)
    setting('publish_overlay', True, before=True)
    seen = rig.send('left', mask)
    log.wait_for_header(seen)
    assert all(message.header != unseen for message in log.messages)


def test_overlay_alpha_acts_without_restart(rig, setting):
    mask = draw_target(320, 240, (160, 120), (60, 25), 0)
    log = rig.watch('right', 'overlay', mask)

    def distance_from_input():
        msg = log.wait_for_header(rig.send('right', mask))
        picture = np.frombuffer(msg.data, np.uint8).reshape(240, 320, 3)
        return np.abs(picture.astype(int) - paint(mask))[mask > 0].mean()

    setting('overlay_alpha', 0.0, before=0.45)
    clear = distance_from_input()
    setting('overlay_alpha', 1.0, before=0.45)
    assert distance_from_input() > clear + 20


def test_confidence_is_high_on_a_plain_target(rig):
    mask = draw_target(320, 240, (160, 120), (60, 25), 0)
    log = rig.watch('left', 'confidence', mask)
    msg = log.wait_for_header(rig.send('left', mask))
    assert (msg.encoding, msg.step, len(msg.data)) == ('mono8', 320, 320 * 240)
    assert min(msg.data) > 250


def broken(kind):
    """Return an image message with one fault."""
    msg = make_image(paint(np.zeros((48, 64), np.uint8)), next_header())
    if kind == 'data_length':
        msg.data = msg.data[:-1]
    elif kind == 'step':
        msg.step = 64
    elif kind == 'encoding':
        msg.encoding = 'rgb9'
    elif kind == 'size':
        msg.width = 0
    return msg


@pytest.mark.parametrize('kind', ['data_length', 'step', 'encoding', 'size'])
def test_broken_images_are_counted_and_survived(rig, kind):
    key = f'rejected_{kind}'
    before = int(rig.wait_for_status('right', bool).get(key, 0))
    rig.cameras['right'].publish(broken(kind))
    status = rig.wait_for_status('right', lambda values: int(values.get(key, 0)) == before + 1)
    assert 'ImageFormatError' in status['last_error']
    mask = draw_target(64, 48, (30, 20), (15, 8), 0)
    label_image, instruments = rig.answer('right', rig.send('right', mask))
    np.testing.assert_array_equal(label_image, mask)
    assert instruments.frames_dropped == 1


def test_min_area_acts_without_restart(rig, setting):
    mask = draw_rectangle(320, 240, (50, 50), (20, 20))
    assert len(rig.answer('left', rig.send('left', mask))[1].instruments) == 1
    setting('min_area_px', 401, before=100)
    assert rig.answer('left', rig.send('left', mask))[1].instruments == []


def test_old_images_are_dropped_and_counted(rig, setting):
    before = int(rig.present_status('left')['stale'])
    mask = np.zeros((32, 32), np.uint8)
    clock = rig.station.node.get_clock()
    setting('max_image_age_ms', MAX_AGE_S * 1e3, before=0.0)
    old = make_image(paint(mask), next_header())
    old.header.stamp = (clock.now() - Duration(seconds=MAX_AGE_S)).to_msg()
    rig.cameras['left'].publish(old)
    rig.wait_for_status('left', lambda values: int(values['stale']) == before + 1)
    unstamped = make_image(paint(mask), next_header('no clock'))
    unstamped.header.stamp.sec = unstamped.header.stamp.nanosec = 0
    rig.cameras['left'].publish(unstamped)
    rig.labels['left'].wait_for_header(unstamped.header)
    # Far younger than the limit, however busy the computer is.
    fresh = make_image(paint(mask), next_header())
    fresh.header.stamp = clock.now().to_msg()
    rig.cameras['left'].publish(fresh)
    rig.labels['left'].wait_for_header(fresh.header)
    assert all(message.header != old.header for message in rig.labels['left'].messages)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('eyes', ['left'], 'read-only'),
        ('reliability', 'best_effort', 'read-only'),
        ('checkpoint', 'other', 'clean up'),
        ('device', 'cuda', 'clean up'),
        ('overlay_alpha', 1.5, 'range'),
        ('min_area_px', -1, 'range'),
        ('max_image_age_ms', 'soon', 'must be a number'),
        ('min_area_px', 1.5, 'type'),
    ],
)
def test_unusable_parameter_changes_are_refused_with_a_reason(rig, name, value, reason):
    result = change_parameter(rig.station, name, value)
    assert not result.successful
    assert reason in result.reason.lower()


def test_parameters_describe_themselves(rig):
    names = ['overlay_alpha', 'branch', 'eyes']
    descriptors = rig.station.call(
        DescribeParameters,
        'segmentation/describe_parameters',
        DescribeParameters.Request(names=names),
    ).descriptors
    assert all(descriptor.description for descriptor in descriptors)
    assert descriptors[0].floating_point_range[0].to_value == 1.0
    assert 'auxiliary' in descriptors[1].additional_constraints
    assert descriptors[2].read_only


def test_diagnostics_name_model_and_latency(rig):
    rig.answer('left', rig.send('left', np.zeros((32, 32), np.uint8)))
    values = rig.present_status('left')
    assert 0 < float(values['latency_p50_ms']) <= float(values['latency_p99_ms'])
    assert float(values['rate_hz']) > 0
    model = rig.status(rig.diagnostics.messages[-1], 'model')
    described = {item.key: item.value for item in model.values}
    assert described['model'] == 'color_linear'
    assert described['device'] == 'cpu'
    assert described['branch'] == 'main'
    assert described['backend'] == 'torch'
