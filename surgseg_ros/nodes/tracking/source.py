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

"""One tracked source of the tracking node: its subscription, its tracker, its publishers."""

from abc import ABC
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
import copy
import time
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time
from visualization_msgs.msg import MarkerArray

from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.problem_log import shorten
from surgseg_ros.nodes.messages.stereo_markers import make_stereo_markers
from surgseg_ros.nodes.messages.tracks import observe_instruments
from surgseg_ros.nodes.messages.tracks import observe_stereo_instruments
from surgseg_ros.nodes.messages.tracks import tracked_instrument
from surgseg_ros.nodes.messages.tracks import tracked_stereo_instrument
from surgseg_ros.nodes.messages.tracks import TrackedPoints
from surgseg_ros.nodes.tracking.overlay import TrackOverlay
from surgseg_ros.nodes.tracking.parameters import STEREO
from surgseg_ros.perception.overlay import track_color
from surgseg_ros.perception.track import Observation
from surgseg_ros.perception.track import Track
from surgseg_ros.perception.tracking import InstrumentTracker
from surgseg_ros.perception.tracking import TrackerOptions
from surgseg_ros.reporting.percentiles import Percentiles
from surgseg_ros.reporting.percentiles import percentiles

RELIABLE = QoSProfile(depth=10)
WINDOW = 300
ERROR_PERIOD_S = 10.0
INPUT_NODE = 'segmentation'


class TrackSource(ABC):
    """
    Track the instruments of one topic.

    :param node: owns subscription and publishers
    :param name: ``left``, ``right`` or ``stereo``
    :param parameters: read anew for every message
    """

    message_type: type

    def __init__(self, node: Node, name: str, parameters: ParameterTable) -> None:
        self._node = node
        self.name = name
        self._parameters = parameters
        self._tracker: InstrumentTracker | None = None
        self._last: dict[int, Any] = {}
        self._class_ids: dict[str, int] = {}
        self._times_ms: deque[float] = deque(maxlen=WINDOW)
        self._resets_asked = 0
        self.received = 0
        self.received_s: float | None = None
        self.tracks: list[Track] = []
        self._instruments = self.advertise(self.message_type, 'instruments')
        self._predicted = self.advertise(self.message_type, 'predicted_instruments')
        self._subscription = node.create_subscription(
            self.message_type,
            f'{INPUT_NODE}/{name}/instruments',
            self._take,
            RELIABLE,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    @property
    def topic(self) -> str:
        """Return the full name of the topic that is tracked."""
        return str(self._subscription.topic_name)

    @property
    def resets(self) -> int:
        """Return how often the tracks were given up, because time jumped or on request."""
        jumps = 0 if self._tracker is None else self._tracker.resets
        return self._resets_asked + jumps

    @property
    def times_ms(self) -> Percentiles | None:
        """Return the percentiles of the time for a message, ``None`` without one."""
        return percentiles(self._times_ms)

    def advertise(self, message_type: type, name: str) -> 'Publisher[Any]':
        """Create a publisher of this source."""
        return self._node.create_publisher(
            message_type,
            f'~/{self.name}/{name}',
            RELIABLE,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def reset(self) -> None:
        """Give up all tracks; no id comes again."""
        if self._tracker is not None:
            self._tracker.reset()
        self._last.clear()
        self._resets_asked += 1

    @abstractmethod
    def options(self, message: Any) -> TrackerOptions:
        """Return the present options for a message."""

    @abstractmethod
    def observe(self, message: Any) -> list[Observation]:
        """Return what a message says."""

    @abstractmethod
    def describe(self, last: Any, track: Track, points: TrackedPoints) -> Any:
        """Return the instrument of a track: as it was seen last, with filtered points."""

    @abstractmethod
    def follow_up(self, message: Any) -> None:
        """Publish what people look at."""

    def shared_options(self) -> dict[str, Any]:
        """Return the options that sources in the image and in space have in common."""
        names = (
            *('confirm_frames', 'coast_s', 'max_gap_s', 'fade_s'),
            *('gate_probability', 'class_cost'),
        )
        return {name: self._parameters[name] for name in names}

    def _take(self, message: Any) -> None:
        """Track what a message says; what fails is logged and costs one message."""
        self.received += 1
        self.received_s = time.monotonic()
        try:
            tracked = self._track(message)
            self.follow_up(tracked)
        except Exception as error:  # The next message may be a good one.
            self._node.get_logger().error(
                f'{self.name}: a message cannot be tracked: {shorten(error)}',
                throttle_duration_sec=ERROR_PERIOD_S,
            )

    def _track(self, message: Any) -> Any:
        start_s = time.monotonic()
        options = self.options(message)
        if self._tracker is None:
            self._tracker = InstrumentTracker(options)
        self._tracker.options = options
        self.tracks = self._tracker.update(self._time_of(message), self.observe(message))
        self._remember(message)
        tracked = self._fill(message, 0.0)
        self._instruments.publish(tracked)
        self._times_ms.append(1e3 * (time.monotonic() - start_s))
        latency_s = self._parameters['prediction_ms'] / 1e3
        if latency_s > 0:
            self._predicted.publish(self._fill(message, latency_s))
        return tracked

    def _time_of(self, message: Any) -> float:
        """Return the stamp in s; without one the time by the node's clock."""
        stamp_ns = Time.from_msg(message.header.stamp).nanoseconds
        return float((stamp_ns or self._node.get_clock().now().nanoseconds) / 1e9)

    def _remember(self, message: Any) -> None:
        """Keep the instruments of the tracks as they are seen; forget those of others."""
        for item in message.instruments:
            self._class_ids[item.class_name] = item.class_id
        seen = {
            track.track_id: message.instruments[track.index]
            for track in self.tracks
            if track.index is not None
        }
        known = {track.track_id for track in self.tracks}
        before = {key: item for key, item in self._last.items() if key in known}
        self._last = before | seen

    def _fill(self, message: Any, latency_s: float) -> Any:
        """
        Return a message with the tracks instead of its instruments.

        :param latency_s: so long after the images; the stamp says so
        """
        tracked = copy.copy(message)
        if latency_s > 0:
            tracked.header = copy.deepcopy(message.header)
            later = Time.from_msg(message.header.stamp) + Duration(seconds=latency_s)
            tracked.header.stamp = later.to_msg()
        now_s = self._time_of(message)
        tracked.instruments = [
            self._finish(track, now_s, latency_s)
            for track in self.tracks
            if track.track_id in self._last
        ]
        return tracked

    def _finish(self, track: Track, now_s: float, latency_s: float) -> Any:
        assert self._tracker is not None
        points = track.points_after(latency_s, self._tracker.options.acceleration_std)
        instrument = self.describe(self._last[track.track_id], track, points)
        instrument.track_id = track.track_id
        instrument.track_age = track.age
        instrument.time_since_seen = now_s - track.seen_s
        if track.class_name:
            instrument.class_name = track.class_name
            instrument.class_id = self._class_ids[track.class_name]
        return instrument


class ImageTrackSource(TrackSource):
    """Track the instruments in the image of one eye."""

    message_type = InstrumentArray

    def __init__(self, node: Node, name: str, parameters: ParameterTable) -> None:
        super().__init__(node, name, parameters)
        self._overlay = TrackOverlay(node, name, INPUT_NODE)

    def options(self, message: InstrumentArray) -> TrackerOptions:
        """Return the options in px of the message's image."""
        acceleration = self._parameters['acceleration_widths'] * max(message.image_width, 1)
        return TrackerOptions.for_pixels(
            max(message.image_width, 1), acceleration_std=acceleration, **self.shared_options()
        )

    def observe(self, message: InstrumentArray) -> list[Observation]:
        """Return the instruments in the image."""
        return observe_instruments(message)

    def describe(self, last: Any, track: Track, points: TrackedPoints) -> Any:
        """Return an instrument in the image."""
        return tracked_instrument(last, track, points)

    def follow_up(self, message: InstrumentArray) -> None:
        """Let the overlay be drawn."""
        self._overlay.add_tracks(message)

    def _fill(self, message: InstrumentArray, latency_s: float) -> InstrumentArray:
        tracked: InstrumentArray = super()._fill(message, latency_s)
        tracked.parts = self._parts_of(message.parts, tracked)
        return tracked

    def _parts_of(self, parts: Sequence[Any], tracked: InstrumentArray) -> list[Any]:
        """Return the parts of instruments that are tracked and seen, with their new indices."""
        places = {
            track.index: place
            for place, track in enumerate(self.tracks)
            if track.index is not None and place < len(tracked.instruments)
        }
        kept = []
        for part in parts:
            if part.instrument_index in places:
                kept.append(copy.copy(part))
                kept[-1].instrument_index = places[part.instrument_index]
        return kept


class StereoTrackSource(TrackSource):
    """Track the instruments in space."""

    message_type = StereoInstrumentArray

    def __init__(self, node: Node, name: str, parameters: ParameterTable) -> None:
        super().__init__(node, name, parameters)
        self._markers = self.advertise(MarkerArray, 'markers')

    def options(self, message: StereoInstrumentArray) -> TrackerOptions:
        """Return the options in m."""
        return TrackerOptions.for_metres(
            acceleration_std=self._parameters['acceleration_m'], **self.shared_options()
        )

    def observe(self, message: StereoInstrumentArray) -> list[Observation]:
        """Return the instruments in space."""
        return observe_stereo_instruments(message)

    def describe(self, last: Any, track: Track, points: TrackedPoints) -> Any:
        """Return an instrument in space."""
        return tracked_stereo_instrument(last, track, points)

    def follow_up(self, message: StereoInstrumentArray) -> None:
        """Publish markers while somebody subscribes."""
        if self._markers.get_subscription_count() > 0:
            self._markers.publish(
                make_stereo_markers(message, lambda item: track_color(item.track_id))
            )


def create_source(node: Node, name: str, parameters: ParameterTable) -> TrackSource:
    """Create the source of a name."""
    kind = StereoTrackSource if name == STEREO else ImageTrackSource
    return kind(node, name, parameters)
