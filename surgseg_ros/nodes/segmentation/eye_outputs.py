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

"""The results of one eye: instruments found in its label image, and both published."""

from dataclasses import replace
import time

from builtin_interfaces.msg import Duration as DurationMsg
import numpy as np
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.inference.crop import Region
from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.msg import FrameTiming
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.common.managed_publishers import INSTRUMENTS_DEPTH
from surgseg_ros.nodes.common.managed_publishers import ManagedPublishers
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.messages import vision
from surgseg_ros.nodes.messages.images import array_to_image
from surgseg_ros.nodes.messages.instruments import region_to_instrument
from surgseg_ros.nodes.segmentation.eye_views import EyeViews
from surgseg_ros.nodes.segmentation.frames import FrameResult
from surgseg_ros.nodes.segmentation.frames import SegmentedBatch
from surgseg_ros.nodes.segmentation.frames import SegmentedFrame
from surgseg_ros.nodes.segmentation.slots import FramePlace
from surgseg_ros.perception.instruments import find_instruments

PublishedResult = tuple[FrameResult, InstrumentArray]


class EyeOutputs:
    """
    Create the publishers of one eye under ``~/<eye>/`` and fill their messages.

    They are reliable (REP-2003) and accept QoS overrides.

    :param node: owns the publishers
    :param eye: ``'left'`` or ``'right'``
    :param parameters: read for every frame: ``min_area_px``, ``confidence_threshold`` and those
        of :class:`~surgseg_ros.nodes.segmentation.eye_views.EyeViews`
    """

    def __init__(self, node: LifecycleNode, eye: str, parameters: ParameterTable) -> None:
        self._clock = node.get_clock()
        self._parameters = parameters
        self._publishers = ManagedPublishers(node, f'~/{eye}')
        self.camera_info: CameraInfo | None = None
        """The newest calibration that came from the camera."""
        self._label_image = self._publishers.create(Image, 'label_image')
        self._instruments = self._publishers.create(
            InstrumentArray, 'instruments', INSTRUMENTS_DEPTH
        )
        self._views = EyeViews(self._publishers, parameters)
        self._label_info: Publisher | None = None
        self._announced: tuple[str, float] | None = None
        if vision.AVAILABLE:
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
        header = Header(stamp=self._clock.now().to_msg())
        _, threshold = self._announced = announcement
        self._label_info.publish(vision.make_label_info(label_set, threshold, header))

    def publish_result(
        self, segmented: SegmentedFrame, batch: SegmentedBatch, place: FramePlace
    ) -> PublishedResult:
        """
        Find the instruments of a frame and publish what trackers wait for.

        :param segmented: the frame
        :param batch: that it was segmented in
        :param place: of the frame among those of its eye
        """
        result = self._make_result(segmented, batch, place)
        header = result.frame.arrival.msg.header
        label_image = array_to_image(result.segmentation.label_image, 'mono8', header)
        array = self._make_instrument_array(result)
        self._instruments.publish(array)
        self._label_image.publish(label_image)
        return result, array

    def publish_views(
        self, result: FrameResult, array: InstrumentArray
    ) -> list[tuple[str, Exception]]:
        """
        Publish what is made only while somebody subscribes.

        :return: name and error of each output that could not be made
        """
        return self._views.publish(result, array, self.camera_info)

    def _make_result(
        self, segmented: SegmentedFrame, batch: SegmentedBatch, place: FramePlace
    ) -> FrameResult:
        start_s = time.monotonic()
        size = size_of(segmented.frame.image)
        whole = self._restore(segmented.segmentation, segmented.region, size)
        found_s = time.monotonic()
        found = find_instruments(
            whole.label_image,
            batch.label_set,
            confidence=whole.confidence,
            min_area=self._parameters['min_area_px'],
        )
        end_s = time.monotonic()
        postprocess_s = whole.postprocess_s + end_s - start_s
        return FrameResult(
            frame=segmented.frame,
            region=segmented.region,
            place=place,
            segmentation=replace(whole, postprocess_s=postprocess_s),
            found=found,
            geometry_s=end_s - found_s,
            model=batch.model,
            label_set=batch.label_set,
        )

    def _restore(
        self, segmentation: Segmentation, region: Region, size: tuple[int, int]
    ) -> Segmentation:
        """Put the result of a cropped image back into the whole, uncertain pixels cleared."""
        labels, confidence = segmentation.label_image, segmentation.confidence
        assert confidence is not None
        threshold = self._parameters['confidence_threshold']
        if threshold > 0.0:
            labels = np.where(confidence < threshold * 255, np.uint8(0), labels)
        return replace(
            segmentation,
            label_image=region.paste(labels, size),
            confidence=region.paste(confidence, size),
        )

    def _make_instrument_array(self, result: FrameResult) -> InstrumentArray:
        frame, segmentation = result.frame, result.segmentation
        height, width = frame.image.shape[:2]
        network_width, network_height = segmentation.network_size
        return InstrumentArray(
            header=frame.arrival.msg.header,
            eye=frame.eye,
            model=result.model,
            branch=segmentation.branch,
            backend=segmentation.backend,
            network_width=network_width,
            network_height=network_height,
            image_width=width,
            image_height=height,
            frame_index=result.place.index,
            frames_dropped=result.place.dropped,
            instruments=[region_to_instrument(region) for region in result.found.instruments],
            parts=[region_to_instrument(region) for region in result.found.parts],
            timing=self._make_timing(result),
        )

    def _make_timing(self, result: FrameResult) -> FrameTiming:
        frame, segmentation = result.frame, result.segmentation
        return FrameTiming(
            received=frame.arrival.received.to_msg(),
            published=self._clock.now().to_msg(),
            queue=_duration(frame.queue_s),
            preprocess=_duration(frame.decode_s + segmentation.preprocess_s),
            inference=_duration(segmentation.inference_s),
            postprocess=_duration(segmentation.postprocess_s),
            geometry=_duration(result.geometry_s),
        )


def _duration(seconds: float) -> DurationMsg:
    return Duration(seconds=seconds).to_msg()
