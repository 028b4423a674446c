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

"""The camera side and the tracker side of a running segmentation node."""

from collections.abc import Callable
from collections.abc import Sequence
import itertools

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from node_process import wait_until
import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter as RclpyParameter
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from station import MATCH_TIMEOUT_S
from station import MessageLog
from station import Station
from std_msgs.msg import Header
from surgseg_ros.msg import InstrumentArray
from targets import make_image
from targets import make_png
from targets import paint

HANDSHAKE_PERIOD_S = 0.2
HANDSHAKE_TRIES = 100
_stamps = itertools.count(1)


def next_header(frame_id: str = 'camera') -> Header:
    """Return a header with a stamp that no other header of this process has."""
    number = next(_stamps)
    header = Header(frame_id=frame_id)
    header.stamp.sec = 1_700_000_000 + number
    header.stamp.nanosec = 999_999_937 - number
    return header


class Rig:
    """
    Cameras and listeners around a segmentation node that is active.

    :param station: the test's node, in the namespace of the segmentation node
    :param eyes: cameras of the node
    :param compressed: send PNG files, to a node whose ``image_transport`` is compressed
    """

    def __init__(
        self,
        station: Station,
        eyes: Sequence[str] = ('left', 'right'),
        compressed: bool = False,
    ) -> None:
        self.station = station
        self._compressed = compressed
        message_type, suffix = (CompressedImage, '/compressed') if compressed else (Image, '')
        self.cameras = {
            eye: station.advertise(message_type, f'{eye}/image_raw{suffix}') for eye in eyes
        }
        self.labels = {
            eye: station.listen(Image, f'segmentation/{eye}/label_image') for eye in eyes
        }
        self.instruments = {
            eye: station.listen(InstrumentArray, f'segmentation/{eye}/instruments') for eye in eyes
        }
        self.diagnostics = station.listen(DiagnosticArray, '/diagnostics')
        for eye in eyes:
            self._shake_hands(eye)

    def send(
        self,
        eye: str,
        mask: np.ndarray,
        encoding: str = 'rgb8',
        padding: int = 0,
        frame_id: str = 'camera',
    ) -> Header:
        """Publish the image of a mask and return its header."""
        header = next_header(frame_id)
        if self._compressed:
            self.cameras[eye].publish(make_png(paint(mask), header))
        else:
            self.cameras[eye].publish(make_image(paint(mask), header, encoding, padding))
        return header

    def answer(self, eye: str, header: Header) -> tuple[np.ndarray, InstrumentArray]:
        """Return the label image (H, W) uint8 and the instruments of the image with a header."""
        msg = self.labels[eye].wait_for_header(header)
        assert (msg.encoding, msg.step) == ('mono8', msg.width)
        label_image = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.width)
        return label_image, self.instruments[eye].wait_for_header(header)

    def wait_for_status(
        self, eye: str, condition: Callable[[dict[str, str]], object]
    ) -> dict[str, str]:
        """Wait until the diagnostics of an eye fulfill a condition and return its values."""
        found: list[dict[str, str]] = []

        def fulfilled(messages: list[DiagnosticArray]) -> bool:
            statuses = [values for msg in messages if (values := self._values(msg, eye))]
            found[:] = statuses[-1:]
            return bool(found) and bool(condition(found[0]))

        self.diagnostics.wait_for(fulfilled)
        return found[0]

    def present_status(self, eye: str) -> dict[str, str]:
        """Return diagnostics of an eye that are written after this call and find it idle."""
        msg, _ = self.diagnostics.wait_for_news(
            lambda msg: self._values(msg, eye).get('pending') == '0'
        )
        return self._values(msg, eye)

    def settle(self) -> None:
        """
        Wait until the node has taken the images that were sent before this call.

        The node answers a service with the same executor that takes its images, after them. It
        may have looked for images just before one came, and for requests just after; then it
        takes the image before it answers once more.
        """
        request = GetParameters.Request(names=['eyes'])
        for _ in range(2):
            self.station.call(GetParameters, 'segmentation/get_parameters', request)

    def finish_views(self, eye: str, mask: np.ndarray) -> None:
        """Wait until the pictures of all images answered so far are drawn or left out."""
        # The worker draws those of an image before it begins with the next one.
        self.answer(eye, self.send(eye, mask))

    def wait_for_status_message(self, eye: str, text: str, level: bytes | None = None) -> None:
        """Wait until the diagnostics of an eye contain a text, at a level if one is given."""

        def fulfilled(messages: list[DiagnosticArray]) -> bool:
            status = self.status(messages[-1], eye) if messages else None
            return status is not None and text in status.message and level in (None, status.level)

        self.diagnostics.wait_for(fulfilled)

    def wait_for_subscriptions(self, count: int) -> None:
        """Wait until every camera knows of so many subscriptions of the node."""
        for eye, camera in self.cameras.items():
            wait_until(
                lambda camera=camera: camera.get_subscription_count() == count,
                MATCH_TIMEOUT_S,
                f'{count} subscriptions to the {eye} camera',
            )

    def reconnect(self) -> None:
        """Wait until the node hears the cameras again after it had unsubscribed."""
        for eye in self.cameras:
            self._shake_hands(eye)

    def watch(self, eye: str, name: str, mask: np.ndarray) -> MessageLog:
        """Subscribe to an image that is made only on demand, and send masks until it comes."""
        log = self.station.listen(Image, f'segmentation/{eye}/{name}')
        self.send_until(eye, mask, lambda: log.messages, name)
        return log

    def send_until(
        self, eye: str, mask: np.ndarray, condition: Callable[[], object], what: str
    ) -> None:
        """Send images of a mask one after the other, and check the answers, until something."""

        def fulfilled() -> object:
            label_image, _ = self.answer(eye, self.send(eye, mask))
            np.testing.assert_array_equal(label_image, mask)
            return condition()

        wait_until(fulfilled, MATCH_TIMEOUT_S, what)

    def status(self, msg: DiagnosticArray, part: str) -> DiagnosticStatus | None:
        """Return the status of this rig's node for ``'model'`` or an eye."""
        name = f'{self.station.namespace.lstrip("/")}/segmentation: {part}'
        return next((status for status in msg.status if status.name == name), None)

    def _values(self, msg: DiagnosticArray, part: str) -> dict[str, str]:
        status = self.status(msg, part)
        return {item.key: item.value for item in status.values} if status else {}

    def _shake_hands(self, eye: str) -> None:
        """Send small images until both answers come, so that all ends know each other."""
        mask = np.zeros((16, 16), np.uint8)
        logs = self.labels[eye], self.instruments[eye]
        marks = [len(log.messages) for log in logs]
        for _ in range(HANDSHAKE_TRIES):
            self.send(eye, mask)
            if all(_has_more(log, mark) for log, mark in zip(logs, marks, strict=True)):
                break
        self.answer(eye, self.send(eye, mask))


def _has_more(log: MessageLog, count: int) -> bool:
    try:
        log.wait_for_count(count + 1, HANDSHAKE_PERIOD_S)
    except AssertionError:
        return False
    return True


def change_parameter(station: Station, name: str, value: object) -> SetParametersResult:
    """Set a parameter of the segmentation node and return the result."""
    parameter = RclpyParameter(name, value=value).to_parameter_msg()
    request = SetParameters.Request(parameters=[parameter])
    return station.call(SetParameters, 'segmentation/set_parameters', request).results[0]


def parameters_for(checkpoint: object, **others: object) -> dict[str, object]:
    """Return parameters of a segmentation node with the given checkpoint on the CPU."""
    return {
        'checkpoint': str(checkpoint),
        'device': 'cpu',
        'threads': 1,
        # What others do to a network is not what most tests are about.
        'backend': 'torch',
        'reliability': 'reliable',
        **others,
    }
