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

"""A node that plays recordings as the images of a stereo camera."""

from functools import partial

import numpy as np
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo

from surgseg_ros.calibration.baseline import ENDOSCOPE
from surgseg_ros.calibration.baseline import parse_limits
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.decoding.bit_depth import WHOLE_RANGE
from surgseg_ros.decoding.image_files import FILE_DEPTH
from surgseg_ros.nodes.cameras.publisher import CameraPublisher
from surgseg_ros.nodes.cameras.recordings import DEFAULT_RATE_HZ
from surgseg_ros.nodes.cameras.recordings import DueFrame
from surgseg_ros.nodes.cameras.recordings import EndOfRecording
from surgseg_ros.nodes.cameras.recordings import LAYOUTS
from surgseg_ros.nodes.cameras.recordings import play
from surgseg_ros.nodes.cameras.recordings import ReadAhead
from surgseg_ros.nodes.cameras.recordings import StereoImages
from surgseg_ros.nodes.cameras.recordings import StereoRecording
from surgseg_ros.nodes.common.parameters import NodeParameter
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.running import NodeError
from surgseg_ros.nodes.common.running import NodeFinished
from surgseg_ros.nodes.messages.camera_info import camera_info_from_yaml

POLL_NS = 5_000_000
"""How often to look for a frame, or for subscribers, that is waited for."""

LARGEST_DELAY_NS = 500_000_000
"""Behind the times of the file; with more of it, a stamp says little about when it was."""

PARAMETERS = (
    NodeParameter(
        'left', '', 'Video, image folder, image or rosbag2 recording of the left camera.'
    ),
    NodeParameter('right', '', 'The same for the right camera; empty: none.'),
    NodeParameter(
        'layout',
        'mono',
        'What a frame of the left recording holds: one eye, or both, left eye first.',
        choices=LAYOUTS,
    ),
    NodeParameter(
        'rate_hz',
        0.0,
        f"Frames a second; 0: at the file's own times, {DEFAULT_RATE_HZ:g} for images.",
        bounds=(0.0, 240.0),
    ),
    NodeParameter(
        'bits',
        0,
        'Bits of 16-bit samples that the camera filled, from below: 10, 12 or 14; 16: all of '
        'them; 0: all, with a warning where the images come out nearly black.',
        bounds=(0, WHOLE_RANGE),
    ),
    NodeParameter('loop', False, 'Start again at the end instead of exiting.'),
    NodeParameter(
        'wait_for_subscribers',
        False,
        'Hold the first frame until every image topic has a subscriber.',
    ),
    NodeParameter('encoding', 'rgb8', 'Encoding of the images.', choices=('rgb8', 'bgr8')),
    NodeParameter('left_frame_id', 'endoscope_left_optical_frame', 'frame_id of the left images.'),
    NodeParameter(
        'right_frame_id', 'endoscope_right_optical_frame', 'frame_id of the right images.'
    ),
    NodeParameter(
        'left_camera_info',
        '',
        'Calibration file of the left camera, or of both; empty: no camera_info.',
    ),
    NodeParameter(
        'right_camera_info',
        '',
        'Calibration file of the right camera, or of both; empty: no camera_info.',
    ),
    NodeParameter(
        'stereo_baseline_mm',
        [ENDOSCOPE.low_mm, ENDOSCOPE.high_mm],
        'Smallest and largest distance of the eyes that a calibration can have (mm).',
        parse=parse_limits,
    ),
)


class VideoPublisherNode(Node):
    """
    Play a recording on ``left/image_raw`` and ``right/image_raw``.

    A frame is published, and stamped, as long after the first one as it is in the file. Both eyes
    carry the same stamp. A mono recording gives the left eye only. A thread decodes ahead; where
    it falls behind by more than :data:`LARGEST_DELAY_NS`, what follows is played that much later.

    :raises NodeError: if the recording or a calibration cannot be used
    """

    def __init__(self) -> None:
        super().__init__('video_publisher')
        # rclpy destroys a half-made node too.
        self._frames: ReadAhead[DueFrame] | None = None
        self._settings = ParameterTable(self, PARAMETERS)
        self._published = 0
        self._start_ns: int | None = None
        rate_hz = self._settings['rate_hz']
        FILE_DEPTH.set_bits(self._settings['bits'])
        try:
            recording = StereoRecording(
                self._settings['left'], self._settings['right'], self._settings['layout']
            )
            frames = play(recording, self._settings['loop'], rate_hz, self._report_loss)
            self._frames = ReadAhead(frames)
            self._next: DueFrame | None = self._frames.get()
            images = self._next.images
            self._cameras = self._create_cameras(images)
        except (FrameSourceError, CalibrationError) as error:
            raise NodeError(str(error)) from error
        self._timer = self.create_timer(POLL_NS * 1e-9, partial(self._play, self._frames))
        height, width = images['left'].shape[:2]
        self.get_logger().info(
            f'playing {" and ".join(self._cameras)} images of {width}x{height} pixels '
            f'at {rate_hz or recording.rate_hz or DEFAULT_RATE_HZ:.4g} Hz'
        )

    def destroy_node(self) -> None:
        """Stop decoding and destroy the node."""
        if self._frames is not None:
            self._frames.close()
        super().destroy_node()

    def _create_cameras(self, first: StereoImages) -> dict[str, CameraPublisher]:
        return {
            eye: CameraPublisher(
                self,
                eye,
                self._settings['encoding'],
                self._settings[f'{eye}_frame_id'],
                self._load_camera_info(eye, image),
            )
            for eye, image in first.items()
        }

    def _load_camera_info(self, eye: str, image: np.ndarray) -> CameraInfo | None:
        path = self._settings[f'{eye}_camera_info']
        if not path:
            return None
        height, width = image.shape[:2]
        return camera_info_from_yaml(
            path,
            eye,
            (width, height),
            self._settings['stereo_baseline_mm'],
            lambda note: self.get_logger().info(f'{eye}/camera_info: {note}'),
        )

    def _play(self, frames: ReadAhead[DueFrame]) -> None:
        """Publish the next frame if it is time, and wait for the one after it."""
        if self._start_ns is None:
            if self._must_wait():
                return
            self._start_ns = self._now_ns()
        if self._next is None:
            if not frames.is_ready():
                self._wait(POLL_NS)
                return
            self._next = self._take(frames)
        remaining_ns = self._start_ns + self._next.due_ns - self._now_ns()
        if remaining_ns > 0:
            self._wait(remaining_ns)
            return
        self._start_ns += self._catch_up(-remaining_ns)
        self._publish(self._next.images, self._start_ns + self._next.due_ns)
        self._next = None
        self._wait(0)

    def _publish(self, images: StereoImages, stamp_ns: int) -> None:
        stamp = Time(nanoseconds=stamp_ns).to_msg()
        for eye, image in images.items():
            self._cameras[eye].publish(image, stamp)
        self._published += 1

    def _catch_up(self, delay_ns: int) -> int:
        """Return by how much to delay all that follows, 0 unless playing is far behind."""
        if delay_ns <= LARGEST_DELAY_NS:
            return 0
        self.get_logger().warning(
            f'decoding is slower than the recording: {delay_ns * 1e-9:.1f} s behind its times, '
            'with which the rest is played later'
        )
        return delay_ns

    def _report_loss(self, losses: str) -> None:
        self.get_logger().error(losses)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _wait(self, duration_ns: int) -> None:
        """Let the timer call once more, after so long."""
        self._timer.timer_period_ns = max(duration_ns, 1)
        self._timer.reset()

    def _must_wait(self) -> bool:
        return self._settings['wait_for_subscribers'] and not all(
            camera.has_subscribers() for camera in self._cameras.values()
        )

    def _take(self, frames: ReadAhead[DueFrame]) -> DueFrame:
        try:
            return frames.get()
        except EndOfRecording:
            self._wait_until_delivered()
            raise NodeFinished from None
        except FrameSourceError as error:
            self._wait_until_delivered()
            raise NodeError(str(error)) from error

    def _wait_until_delivered(self) -> None:
        for camera in self._cameras.values():
            camera.wait_until_delivered()
        self.get_logger().info(f'end of the recording after {self._published} frames')
