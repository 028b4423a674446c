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

"""Views of the results of one eye, each made only while somebody subscribes to it."""

from collections.abc import Callable
import copy
from functools import cached_property
from typing import Any

import numpy as np
from rclpy.lifecycle import LifecyclePublisher
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.common.managed_publishers import INSTRUMENTS_DEPTH
from surgseg_ros.nodes.common.managed_publishers import ManagedPublishers
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.messages import vision
from surgseg_ros.nodes.messages.compressed_images import array_to_compressed
from surgseg_ros.nodes.messages.images import array_to_image
from surgseg_ros.nodes.messages.instrument_markers import make_instrument_markers
from surgseg_ros.nodes.segmentation.frames import FrameResult
from surgseg_ros.perception.overlay import draw_instruments
from surgseg_ros.perception.overlay import draw_overlay


class EyeViews:
    """
    Publish confidence, colors, overlays, markers, detections and calibration while wanted.

    :param publishers: create the publishers, and destroy them
    :param parameters: read for every frame: ``publish_...``, ``overlay_...``, ``marker_depth_m``
    """

    def __init__(self, publishers: ManagedPublishers, parameters: ParameterTable) -> None:
        self._parameters = parameters
        self._confidence = publishers.create(Image, 'confidence')
        self._color = publishers.create(Image, 'color')
        self._overlay = publishers.create(Image, 'overlay')
        self._overlay_jpeg = publishers.create(CompressedImage, 'overlay/compressed')
        self._markers = publishers.create(MarkerArray, 'markers')
        self._camera_info = publishers.create(CameraInfo, 'camera_info')
        self._detections: LifecyclePublisher | None = None
        if vision.AVAILABLE:
            self._detections = publishers.create(
                vision.Detection2DArray, 'detections', INSTRUMENTS_DEPTH
            )

    def publish(
        self, result: FrameResult, array: InstrumentArray, camera_info: CameraInfo | None
    ) -> list[tuple[str, Exception]]:
        """
        Publish the views of a result that somebody wants.

        :param result: of a frame
        :param array: its instruments, as they were published
        :param camera_info: the calibration of the eye, ``None`` if there is none
        :return: name and error of each view that could not be made
        """
        failures = []
        views = _ViewMessages(result, array, self._parameters, camera_info)
        for name, publisher, make in (
            ('confidence', self._confidence, views.make_confidence),
            ('color', self._color, views.make_color),
            ('overlay', self._overlay, views.make_overlay),
            ('overlay', self._overlay_jpeg, views.make_overlay_jpeg),
            ('markers', self._markers, views.make_markers),
            ('detections', self._detections, views.make_detections),
            ('camera_info', self._camera_info, views.make_camera_info),
        ):
            if publisher is None or not self._is_wanted(name, publisher):
                continue
            try:
                _publish_unless_none(publisher, make)
            except Exception as error:  # One picture for people must not cost the others.
                failures.append((name, error))
        return failures

    def _is_wanted(self, name: str, publisher: LifecyclePublisher) -> bool:
        switch = f'publish_{name}'
        allowed = switch not in self._parameters or self._parameters[switch]
        return allowed and publisher.get_subscription_count() > 0


class _ViewMessages:
    """Messages of one frame that are made only when somebody wants them."""

    def __init__(
        self,
        result: FrameResult,
        array: InstrumentArray,
        parameters: ParameterTable,
        camera_info: CameraInfo | None,
    ) -> None:
        self._result = result
        self._array = array
        self._label_set = result.label_set
        self._parameters = parameters
        self._calibration = camera_info
        self._header = result.frame.arrival.msg.header

    @cached_property
    def _picture(self) -> np.ndarray:
        painted = draw_overlay(
            self._result.frame.image,
            self._result.segmentation.label_image,
            self._label_set,
            alpha=self._parameters['overlay_alpha'],
        )
        return draw_instruments(painted, self._result.found.instruments)

    def make_confidence(self) -> Image | None:
        confidence = self._result.segmentation.confidence
        return None if confidence is None else array_to_image(confidence, 'mono8', self._header)

    def make_color(self) -> Image:
        colors = self._label_set.colorize(self._result.segmentation.label_image)
        return array_to_image(colors, 'rgb8', self._header)

    def make_overlay(self) -> Image:
        return array_to_image(self._picture, 'rgb8', self._header)

    def make_overlay_jpeg(self) -> CompressedImage:
        quality = self._parameters['overlay_jpeg_quality']
        return array_to_compressed(self._picture, self._header, quality)

    def make_markers(self) -> MarkerArray | None:
        if self._calibration is None:
            return None
        return make_instrument_markers(
            self._array, self._calibration, self._label_set, self._parameters['marker_depth_m']
        )

    def make_detections(self) -> Any:
        return vision.make_detections(self._array)

    def make_camera_info(self) -> CameraInfo | None:
        if self._calibration is None:
            return None
        relayed = copy.copy(self._calibration)
        relayed.header = self._header
        return relayed


def _publish_unless_none(publisher: LifecyclePublisher, make: Callable[[], Any]) -> None:
    message = make()
    if message is not None:
        publisher.publish(message)
