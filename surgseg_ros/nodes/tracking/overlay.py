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

"""The overlay of an eye with the ids of the tracks, made while somebody looks."""

from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.raw_images import image_to_array
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.messages.images import array_to_image
from surgseg_ros.perception.overlay import draw_tracks
from surgseg_ros.perception.overlay import TrackMark

IMAGE_QOS = QoSProfile(depth=2)
WAITING = 10
CHECK_PERIOD_S = 0.5


class TrackOverlay:
    """
    Write ids and velocities of tracks into the overlay of the segmentation node.

    That overlay is subscribed to only while this one has a subscriber, so that nothing is drawn
    or sent for nobody.

    :param node: owns publisher and subscription
    :param eye: ``left`` or ``right``
    :param input_node: name of the segmentation node
    """

    def __init__(self, node: Node, eye: str, input_node: str) -> None:
        self._node = node
        self._input = f'{input_node}/{eye}/overlay'
        self._publisher = node.create_publisher(Image, f'~/{eye}/overlay', IMAGE_QOS)
        self._images: dict[tuple[int, int], Image] = {}
        self._tracks: dict[tuple[int, int], InstrumentArray] = {}
        self._subscription: Subscription[Image] | None = None
        # A clock that goes on when simulated time stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(CHECK_PERIOD_S, self._follow_subscribers, clock=steady)

    def add_tracks(self, message: InstrumentArray) -> None:
        """Draw the tracks of an image, now or when it comes."""
        if self._subscription is not None:
            self._tracks[_stamp(message)] = message
            self._finish(_stamp(message))

    def _follow_subscribers(self) -> None:
        """Subscribe to the overlay without ids while somebody wants the one with ids."""
        is_wanted = self._publisher.get_subscription_count() > 0
        if is_wanted and self._subscription is None:
            self._subscription = self._node.create_subscription(
                Image, self._input, self._add_image, IMAGE_QOS
            )
        elif not is_wanted and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            self._images.clear()
            self._tracks.clear()

    def _add_image(self, message: Image) -> None:
        self._images[_stamp(message)] = message
        self._finish(_stamp(message))

    def _finish(self, stamp: tuple[int, int]) -> None:
        """Publish the picture of a stamp once all of it is there; forget what is older."""
        _forget_oldest(self._images)
        _forget_oldest(self._tracks)
        if stamp not in self._images or stamp not in self._tracks:
            return
        image, tracks = self._images.pop(stamp), self._tracks.pop(stamp)
        try:
            picture = draw_tracks(image_to_array(image), [_mark(t) for t in tracks.instruments])
        except ImageFormatError as error:
            self._node.get_logger().warning(f'{self._input}: {error}', throttle_duration_sec=5.0)
            return
        self._publisher.publish(array_to_image(picture, 'rgb8', image.header))


def _forget_oldest(waiting: dict[tuple[int, int], Any]) -> None:
    for old in sorted(waiting)[:-WAITING]:
        del waiting[old]


def _stamp(message: Image | InstrumentArray) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def _mark(instrument: Instrument) -> TrackMark:
    return TrackMark(
        instrument.track_id,
        (instrument.centroid.x, instrument.centroid.y),
        (instrument.velocity.x, instrument.velocity.y),
        instrument.time_since_seen == 0,
    )
