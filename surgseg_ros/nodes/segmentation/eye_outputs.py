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

"""The outputs of one eye: always labels and instruments, everything else while wanted."""

from collections.abc import Callable
import copy
from functools import cached_property
from typing import Any

from builtin_interfaces.msg import Duration as DurationMsg
import numpy as np
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecyclePublisher
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.msg import FrameTiming
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.common.managed_publishers import INSTRUMENTS_DEPTH
from surgseg_ros.nodes.common.managed_publishers import ManagedPublishers
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.messages import vision
from surgseg_ros.nodes.messages.compressed_images import array_to_compressed
from surgseg_ros.nodes.messages.images import array_to_image
from surgseg_ros.nodes.messages.instrument_markers import make_instrument_markers
from surgseg_ros.nodes.messages.instruments import region_to_instrument
from surgseg_ros.nodes.segmentation.frames import Answer
from surgseg_ros.perception.overlay import draw_instruments
from surgseg_ros.perception.overlay import draw_overlay


class EyeOutputs:
    """
    Create the publishers of one eye under ``~/<eye>/`` and fill their messages.

    They are reliable (REP-2003) and accept QoS overrides.

    :param node: owns the publishers
    :param eye: ``'left'`` or ``'right'``
    :param parameters: read for every frame: ``publish_...``, ``overlay_...``, ``marker_depth_m``
    """

    def __init__(self, node: LifecycleNode, eye: str, parameters: ParameterTable) -> None:
        self._node = node
        self._eye = eye
        self._parameters = parameters
        self._publishers = ManagedPublishers(node, f'~/{eye}')
        self.camera_info: CameraInfo | None = None
        """The newest calibration that came from the camera."""
        self._label_image = self._publishers.create(Image, 'label_image')
        self._instruments = self._publishers.create(
            InstrumentArray, 'instruments', INSTRUMENTS_DEPTH
        )
        self._confidence = self._publishers.create(Image, 'confidence')
        self._color = self._publishers.create(Image, 'color')
        self._overlay = self._publishers.create(Image, 'overlay')
        self._overlay_jpeg = self._publishers.create(CompressedImage, 'overlay/compressed')
        self._markers = self._publishers.create(MarkerArray, 'markers')
        self._camera_info = self._publishers.create(CameraInfo, 'camera_info')
        self._detections: LifecyclePublisher | None = None
        self._label_info: Publisher | None = None
        self._announced: tuple[str, float] | None = None
        if vision.AVAILABLE:
            self._detections = self._publishers.create(
                vision.Detection2DArray, 'detections', INSTRUMENTS_DEPTH
            )
            self._label_info = self._publishers.create_latched(vision.LabelInfo, 'label_info')

    def destroy(self) -> None:
        """Destroy all publishers."""
        self._publishers.destroy()

    @property
    def refused(self) -> dict[str, str]:
        """Return an explanation for each topic with a subscriber whose QoS does not fit."""
        return self._publishers.refused

    def announce_classes(self, label_set: LabelSet) -> None:
        """Tell everybody, late joiners too, what the label image means; no news, no message."""
        announcement = (label_set.name, self._parameters['confidence_threshold'])
        if self._label_info is None or announcement == self._announced:
            return
        header = Header(stamp=self._node.get_clock().now().to_msg())
        _, threshold = self._announced = announcement
        self._label_info.publish(vision.make_label_info(label_set, threshold, header))

    def publish_result(self, answer: Answer) -> InstrumentArray:
        """
        Publish label image and instruments.

        :return: the instruments
        """
        header = answer.frame.arrival.msg.header
        label_image = array_to_image(answer.segmentation.label_image, 'mono8', header)
        array = self._make_instrument_array(answer)
        self._instruments.publish(array)
        self._label_image.publish(label_image)
        return array

    def publish_views(self, answer: Answer, array: InstrumentArray) -> list[tuple[str, Exception]]:
        """
        Publish what is made only while somebody subscribes.

        :return: name and error of each output that could not be made
        """
        failures = []
        views = _Views(answer, array, self._parameters, self.camera_info)
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

    def _make_instrument_array(self, answer: Answer) -> InstrumentArray:
        frame, segmentation = answer.frame, answer.segmentation
        height, width = frame.image.shape[:2]
        network_width, network_height = segmentation.network_size
        return InstrumentArray(
            header=frame.arrival.msg.header,
            eye=frame.eye,
            model=answer.model,
            branch=segmentation.branch,
            backend=segmentation.backend,
            network_width=network_width,
            network_height=network_height,
            image_width=width,
            image_height=height,
            frame_index=answer.place.index,
            frames_dropped=answer.place.dropped,
            instruments=[region_to_instrument(region) for region in answer.found.instruments],
            parts=[region_to_instrument(region) for region in answer.found.parts],
            timing=self._make_timing(answer),
        )

    def _make_timing(self, answer: Answer) -> FrameTiming:
        frame, segmentation = answer.frame, answer.segmentation
        return FrameTiming(
            received=frame.arrival.received.to_msg(),
            published=self._node.get_clock().now().to_msg(),
            queue=_duration(frame.queue_s),
            preprocess=_duration(frame.decode_s + segmentation.preprocess_s),
            inference=_duration(segmentation.inference_s),
            postprocess=_duration(segmentation.postprocess_s),
            geometry=_duration(answer.geometry_s),
        )


class _Views:
    """Messages of one frame that are made only when somebody wants them."""

    def __init__(
        self,
        answer: Answer,
        array: InstrumentArray,
        parameters: ParameterTable,
        camera_info: CameraInfo | None,
    ) -> None:
        self._answer = answer
        self._array = array
        self._label_set = answer.label_set
        self._parameters = parameters
        self._calibration = camera_info
        self._header = answer.frame.arrival.msg.header

    @cached_property
    def _picture(self) -> np.ndarray:
        painted = draw_overlay(
            self._answer.frame.image,
            self._answer.segmentation.label_image,
            self._label_set,
            alpha=self._parameters['overlay_alpha'],
        )
        return draw_instruments(painted, self._answer.found.instruments)

    def make_confidence(self) -> Image | None:
        confidence = self._answer.segmentation.confidence
        return None if confidence is None else array_to_image(confidence, 'mono8', self._header)

    def make_color(self) -> Image:
        colors = self._label_set.colorize(self._answer.segmentation.label_image)
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


def _duration(seconds: float) -> DurationMsg:
    return Duration(seconds=seconds).to_msg()
