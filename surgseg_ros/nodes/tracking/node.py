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

"""The node that gives instruments identities that last."""

from collections.abc import Iterator
import time

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger

from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.messages.diagnostics import make_key_values
from surgseg_ros.nodes.tracking.parameters import PARAMETERS
from surgseg_ros.nodes.tracking.source import create_source
from surgseg_ros.nodes.tracking.source import TrackSource

DIAGNOSTICS_PERIOD_S = 1.0


class TrackingNode(Node):
    """
    Follow the instruments of the segmentation node, in the images and in space.

    Each source is tracked by itself: an id belongs to its topic.
    """

    def __init__(self) -> None:
        super().__init__('tracking')
        self._settings = ParameterTable(self, PARAMETERS)
        self._started_s = time.monotonic()
        self._sources = [
            create_source(self, name, self._settings)
            for name in dict.fromkeys(self._settings['sources'])
        ]
        self.create_service(Trigger, '~/reset', self._reset)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # A clock that goes on when simulated time stands still or jumps.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._report, clock=steady)
        topics = ', '.join(source.topic for source in self._sources)
        self.get_logger().info(f'tracking the instruments on {topics}')

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        for source in self._sources:
            source.reset()
        response.success = True
        response.message = 'all tracks are given up; no id comes again'
        self.get_logger().info(response.message)
        return response

    def _report(self) -> None:
        array = DiagnosticArray(status=list(self._statuses()))
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _statuses(self) -> Iterator[DiagnosticStatus]:
        name = self.get_fully_qualified_name().lstrip('/')
        limit_s = self._settings['input_timeout_s']
        for source in self._sources:
            since_s = time.monotonic() - (source.received_s or self._started_s)
            publishers = self.count_publishers(source.topic)
            yield source_status(f'{name}: {source.name}', source, since_s, limit_s, publishers)


def source_status(
    name: str, source: TrackSource, silence_s: float, limit_s: float, publishers: int
) -> DiagnosticStatus:
    """
    Describe how a source is doing.

    :param name: of the status
    :param silence_s: time since its last message, or since the start
    :param limit_s: longest that is in order
    :param publishers: on its topic
    """
    is_silent = silence_s > limit_s
    silent = f'no message on {source.topic} for {silence_s:.0f} s: ' + (
        'nobody publishes there; is the segmentation node active, and in this namespace?'
        if publishers == 0
        else 'its publisher is silent; look at the diagnostics of the segmentation node'
    )
    times = source.times_ms
    values = {
        'received': source.received,
        'tracks': len(source.tracks),
        'ids': ' '.join(str(track.track_id) for track in source.tracks),
        'resets': source.resets,
        'tracking_p50_ms': 'n/a' if times is None else f'{times.p50:.3f}',
        'tracking_p95_ms': 'n/a' if times is None else f'{times.p95:.3f}',
    }
    return DiagnosticStatus(
        name=name,
        level=DiagnosticStatus.WARN if is_silent else DiagnosticStatus.OK,
        message=silent if is_silent else f'{len(source.tracks)} instruments',
        values=make_key_values(values),
    )
