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
from typing import NoReturn

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from surgseg_ros.calibration.baseline import ENDOSCOPE
from surgseg_ros.calibration.baseline import parse_limits
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.nodes.cameras.publisher import CameraPublisher
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

DEFAULT_RATE_HZ = 30.0

PARAMETERS = (
    NodeParameter('left', '', 'Video file, image folder or image of the left camera.'),
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
        f"Frames a second; 0: the file's own, {DEFAULT_RATE_HZ:g} for images.",
        bounds=(0.0, 240.0),
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

    Both eyes of a frame carry the same stamp, the time of publication. A mono recording gives the
    left eye only. A thread decodes ahead, so that the rate is steady.

    :raises NodeError: if the recording or a calibration cannot be used
    """

    def __init__(self) -> None:
        super().__init__('video_publisher')
        # rclpy destroys a half-made node too.
        self._frames: ReadAhead[StereoImages] | None = None
        self._settings = ParameterTable(self, PARAMETERS)
        self._published = 0
        try:
            recording = StereoRecording(
                self._settings['left'], self._settings['right'], self._settings['layout']
            )
            self._frames = ReadAhead(play(recording, self._settings['loop']))
            first = self._frames.get()
            self._cameras = self._create_cameras(first)
        except (FrameSourceError, CalibrationError) as error:
            raise NodeError(str(error)) from error
        rate_hz = self._settings['rate_hz'] or recording.rate_hz or DEFAULT_RATE_HZ
        self._first: StereoImages | None = first
        self.create_timer(1.0 / rate_hz, partial(self._publish_next, self._frames))
        height, width = first['left'].shape[:2]
        self.get_logger().info(
            f'playing {" and ".join(self._cameras)} images of {width}x{height} pixels '
            f'at {rate_hz:g} Hz'
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

    def _publish_next(self, frames: ReadAhead[StereoImages]) -> None:
        if self._first is not None and self._must_wait():
            return
        if self._first is None and not frames.is_ready():
            self.get_logger().warning('decoding is slower than the frame rate', once=True)
            return
        images = self._first or self._take(frames)
        self._first = None
        stamp = self.get_clock().now().to_msg()
        for eye, image in images.items():
            self._cameras[eye].publish(image, stamp)
        self._published += 1

    def _must_wait(self) -> bool:
        return self._settings['wait_for_subscribers'] and not all(
            camera.has_subscribers() for camera in self._cameras.values()
        )

    def _take(self, frames: ReadAhead[StereoImages]) -> StereoImages:
        try:
            return frames.get()
        except EndOfRecording:
            self._finish()
        except FrameSourceError as error:
            raise NodeError(str(error)) from error

    def _finish(self) -> NoReturn:
        for camera in self._cameras.values():
            camera.wait_until_delivered()
        self.get_logger().info(f'end of the recording after {self._published} frames')
        raise NodeFinished
