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

"""The tracking node as a process, fed with instruments over DDS."""

import math

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point
from geometry_msgs.msg import Vector3
from node_process import wait_until
import numpy as np
import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.time import Time
from sensor_msgs.msg import Image
from station import MATCH_TIMEOUT_S
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import Point2D
from surgseg_ros.msg import StereoInstrument
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.msg import StereoPoint
from visualization_msgs.msg import MarkerArray

from surgseg_ros.decoding.raw_images import image_to_array
from surgseg_ros.nodes.messages.images import array_to_image

PERIOD_S = 1 / 30
WIDTH, HEIGHT = 640, 512
NAN = math.nan
SPEED_PX, SPEED_M = 90.0, 0.03


def instrument(x, y, class_name='prograsp forceps', class_id=2):
    """Return an instrument that comes from the right border."""
    return Instrument(
        class_id=class_id,
        class_name=class_name,
        score=0.9,
        track_id=-1,
        centroid=Point2D(x=x, y=y),
        centroid_covariance=[0.4, 0.0, 0.4],
        velocity=Point2D(x=NAN, y=NAN),
        minor_axis_length=40.0,
        tip=Point2D(x=x - 80, y=y + 5),
        tip_valid=True,
        jaw_tips=[Point2D(x=x - 80, y=y + 5)],
        entry=Point2D(x=639.0, y=y + 40),
        entry_valid=True,
        area=9000,
    )


def point_in_space(x, y, z):
    return StereoPoint(
        valid=True, position=Point(x=x, y=y, z=z), covariance=np.diag([1e-8, 1e-8, 2e-7]).ravel()
    )


def stereo_instrument(x, y, z):
    return StereoInstrument(
        class_name='prograsp forceps',
        class_id=2,
        score=0.9,
        centroid=point_in_space(x, y, z),
        tip=point_in_space(x - 0.01, y, z + 0.005),
        axis=Vector3(x=-1.0),
    )


class Feed:
    """A camera clock, publishers in place of the segmentation node, and what the tracker says."""

    def __init__(self, station, name='left'):
        self.station = station
        kind = StereoInstrumentArray if name == 'stereo' else InstrumentArray
        self.kind = kind
        self.publisher = station.advertise(kind, f'segmentation/{name}/instruments')
        self.tracks = station.listen(kind, f'tracking/{name}/instruments')
        self.diagnostics = station.listen(DiagnosticArray, '/diagnostics')
        self.time = Time(seconds=1_700_000_000)
        wait_until(self._is_heard, MATCH_TIMEOUT_S, 'the tracking node')

    def _is_heard(self):
        self.send([])
        return self.tracks.messages

    def send(self, instruments, after_s=PERIOD_S):
        self.time += Duration(seconds=after_s)
        header = Header(frame_id='left_optical', stamp=self.time.to_msg())
        message = self.kind(header=header, instruments=instruments)
        if self.kind is InstrumentArray:
            message.eye, message.image_width, message.image_height = 'left', WIDTH, HEIGHT
        self.publisher.publish(message)
        return message

    def track(self, instruments, after_s=PERIOD_S):
        """Send instruments and return the tracker's message about them."""
        return self.tracks.wait_for_header(self.send(instruments, after_s).header)

    def follow(self, count, start=0, **changes):
        """Let one instrument move for some images and return the last message."""
        for index in range(start, start + count):
            message = self.track([instrument(300 + SPEED_PX * PERIOD_S * index, 200.0, **changes)])
        return message


@pytest.fixture
def feed(station, start_node):
    start_node('tracking_node')
    return Feed(station)


def test_an_instrument_keeps_its_id_and_gets_a_velocity(feed):
    assert feed.track([instrument(300.0, 200.0)]).instruments == []
    sent = feed.send([instrument(303.0, 200.0)])
    feed.tracks.wait_for_header(sent.header)
    message = feed.follow(30, 2)
    (tracked,) = message.instruments
    assert tracked.track_id > 0
    assert tracked.track_age >= 30
    assert tracked.time_since_seen == 0.0
    assert tracked.velocity.x == pytest.approx(SPEED_PX, rel=0.1)
    assert abs(tracked.velocity.y) < 10.0
    assert tracked.velocity_covariance[0] > 0
    assert tracked.centroid.x == pytest.approx(300 + SPEED_PX * PERIOD_S * 31, abs=2.0)
    assert 0 < tracked.centroid_covariance[0] < 3.0
    assert (tracked.area, tracked.class_name) == (9000, 'prograsp forceps')
    assert (message.eye, message.image_width) == ('left', WIDTH)
    assert feed.follow(5, 32).instruments[0].track_id == tracked.track_id


def test_an_unseen_instrument_goes_on_for_a_while_and_comes_back(feed):
    tracked = feed.follow(15).instruments[0]
    coasting = feed.track([]).instruments[0]
    assert coasting.track_id == tracked.track_id
    assert coasting.time_since_seen == pytest.approx(PERIOD_S, abs=1e-3)
    assert coasting.centroid_covariance[0] > tracked.centroid_covariance[0]
    for _ in range(20):
        message = feed.track([])
    assert message.instruments == []
    assert feed.follow(3, 36).instruments[0].track_id == tracked.track_id


def test_a_jump_of_the_clock_and_a_request_give_new_ids(feed):
    first = feed.follow(5).instruments[0].track_id
    feed.track([instrument(300.0, 200.0)], after_s=-100.0)
    second = feed.follow(5, 1).instruments[0].track_id
    assert feed.station.call(Trigger, 'tracking/reset', Trigger.Request()).success
    third = feed.follow(5, 6).instruments[0].track_id
    assert first < second < third
    _, status = wait_for_status(feed, 'left', lambda values: values['ids'] == str(third))
    assert int(status['resets']) >= 2


def wait_for_status(feed, source, condition):
    """Return status and values of a source once these fulfill a condition."""
    name = f'{feed.station.namespace.lstrip("/")}/tracking: {source}'
    found = []

    def fulfilled(messages):
        found[:] = [
            (status, {item.key: item.value for item in status.values})
            for message in messages[-1:]
            for status in message.status
            if status.name == name
        ]
        return found and condition(found[0][1])

    feed.diagnostics.wait_for(fulfilled)
    return found[0]


def test_predictions_are_ahead_of_the_images(feed):
    predictions = feed.station.listen(InstrumentArray, 'tracking/left/predicted_instruments')
    parameter = Parameter('prediction_ms', value=200.0).to_parameter_msg()
    request = SetParameters.Request(parameters=[parameter])
    assert (
        feed.station.call(SetParameters, 'tracking/set_parameters', request).results[0].successful
    )
    now = feed.follow(20)

    def is_of_now(messages):
        ahead = Time.from_msg(now.header.stamp) + Duration(seconds=0.2)
        return [msg for msg in messages if msg.header.stamp == ahead.to_msg()]

    (predicted,) = is_of_now(predictions.wait_for(is_of_now))[0].instruments
    (tracked,) = now.instruments
    assert predicted.track_id == tracked.track_id
    moved = predicted.centroid.x - tracked.centroid.x
    assert moved == pytest.approx(0.2 * tracked.velocity.x, abs=0.01)
    assert predicted.centroid_covariance[0] > tracked.centroid_covariance[0]


def test_what_cannot_be_tracked_costs_no_other_message(feed):
    broken = instrument(NAN, NAN)
    broken.centroid_covariance = [NAN, NAN, NAN]
    unknown = instrument(100.0, 100.0)
    unknown.centroid_covariance = [-1.0, 0.0, 0.0]
    for _ in range(4):
        assert feed.track([broken, unknown]).instruments == []
    assert len(feed.follow(5).instruments) == 1


def test_the_overlay_shows_the_ids_while_somebody_looks(feed):
    overlays = feed.station.listen(Image, 'tracking/left/overlay')
    camera = feed.station.advertise(Image, 'segmentation/left/overlay')
    gray = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)

    def is_drawn():
        message = feed.track([instrument(300.0, 200.0)])
        camera.publish(array_to_image(gray, 'rgb8', message.header))
        pictures = [image_to_array(msg) for msg in overlays.messages]
        return any((picture != gray).any() for picture in pictures)

    wait_until(is_drawn, MATCH_TIMEOUT_S, 'an overlay with an id')


def test_instruments_in_space(station, start_node):
    start_node('tracking_node', {'sources': ['stereo']})
    feed = Feed(station, 'stereo')
    markers = station.listen(MarkerArray, 'tracking/stereo/markers')

    def follow(count, start=0):
        for index in range(start, start + count):
            x = 0.01 + SPEED_M * PERIOD_S * index
            message = feed.track([
                stereo_instrument(x, 0.0, 0.08), stereo_instrument(-x, 0.01, 0.1)
            ])  # fmt: skip
        return message

    first, second = follow(30).instruments
    assert first.track_id != second.track_id
    assert first.centroid.velocity.x == pytest.approx(SPEED_M, rel=0.1)
    assert second.centroid.velocity.x == pytest.approx(-SPEED_M, rel=0.1)
    assert first.tip.velocity.x == pytest.approx(SPEED_M, rel=0.1)
    assert first.centroid.position.z == pytest.approx(0.08, abs=1e-3)
    assert first.centroid.velocity_covariance[0] > 0
    wait_until(lambda: follow(1, 30) and markers.messages, MATCH_TIMEOUT_S, 'markers')
    texts = [marker.text for marker in markers.messages[-1].markers if marker.text]
    assert texts[0].startswith(f'{first.track_id} ')


def test_silence_is_explained(station, start_node):
    start_node('tracking_node', {'input_timeout_s': 0.5, 'sources': ['right']})
    diagnostics = station.listen(DiagnosticArray, '/diagnostics')

    def warned(messages):
        return [
            status
            for message in messages
            for status in message.status
            if status.name.endswith('tracking: right') and status.level == DiagnosticStatus.WARN
        ]

    (status, *_) = warned(diagnostics.wait_for(warned))
    assert 'nobody publishes' in status.message
