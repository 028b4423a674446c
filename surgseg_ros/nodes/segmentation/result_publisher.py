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

"""From label images to messages: results of all eyes first, then what people look at."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
import time

import numpy as np
from rclpy.lifecycle import LifecycleNode

from surgseg_ros.inference.crop import Region
from surgseg_ros.inference.crop import size_of
from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.problem_log import shorten
from surgseg_ros.nodes.segmentation.dropped_frames import FrameLedger
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs
from surgseg_ros.nodes.segmentation.frames import Answer
from surgseg_ros.nodes.segmentation.frames import DecodedFrame
from surgseg_ros.nodes.segmentation.frames import SegmentedBatch
from surgseg_ros.nodes.segmentation.frames import SegmentedFrame
from surgseg_ros.nodes.segmentation.slots import Outcome
from surgseg_ros.perception.image_quality import ImageQualityMonitor
from surgseg_ros.perception.image_quality import QualityThresholds
from surgseg_ros.perception.instruments import find_instruments

VIEW_ERROR_PERIOD_S = 10.0

PublishedResult = tuple[Answer, InstrumentArray]


class ResultPublisher:
    """
    Find the instruments of segmented frames and publish all that is to be known of them.

    :param node: for its clock and logger
    :param outputs: the publishers by eye
    :param parameters: read anew for every frame
    :param ledger: learns what became of the frames
    """

    def __init__(
        self,
        node: LifecycleNode,
        outputs: Mapping[str, EyeOutputs],
        parameters: ParameterTable,
        ledger: FrameLedger,
    ) -> None:
        self._clock = node.get_clock()
        self._logger = node.get_logger()
        self._outputs = outputs
        self._parameters = parameters
        self._ledger = ledger
        self._quality = {eye: ImageQualityMonitor() for eye in outputs}

    def publish_results(self, batch: SegmentedBatch) -> list[PublishedResult]:
        """Publish what trackers wait for, of all eyes; what fails is rejected and left out."""
        results = [self._publish_result(segmented, batch) for segmented in batch.frames]
        return [result for result in results if result is not None]

    def follow_up(self, results: Sequence[PublishedResult]) -> None:
        """Do what nobody waits for: views for people, and a judgment of the images."""
        for answer, array in results:
            eye = answer.frame.eye
            try:
                for name, error in self._outputs[eye].publish_views(answer, array):
                    self._log_failure(f'{eye}: {name} cannot be published', error)
                self._check_quality(answer)
            except Exception as error:  # The result is out, and the next one is due.
                self._log_failure(f'{eye}: cannot follow up a result', error)

    def _publish_result(
        self, segmented: SegmentedFrame, batch: SegmentedBatch
    ) -> PublishedResult | None:
        frame = segmented.frame
        try:
            answer = self._make_answer(segmented, batch)
            array = self._outputs[frame.eye].publish_result(answer)
        except Exception as error:  # A failed publication must not end the worker.
            self._ledger.reject(frame.eye, frame.taken, 'publication', error)
            return None
        self._note_result(frame, array)
        return answer, array

    def _make_answer(self, segmented: SegmentedFrame, batch: SegmentedBatch) -> Answer:
        start_s = time.monotonic()
        frame = segmented.frame
        whole = self._restore(segmented.segmentation, segmented.region, size_of(frame.image))
        found_s = time.monotonic()
        found = find_instruments(
            whole.label_image,
            batch.label_set,
            confidence=whole.confidence,
            min_area=self._parameters['min_area_px'],
        )
        end_s = time.monotonic()
        postprocess_s = whole.postprocess_s + end_s - start_s
        return Answer(
            frame=frame,
            region=segmented.region,
            place=self._ledger.slots.place(frame.eye, frame.taken),
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

    def _note_result(self, frame: DecodedFrame, array: InstrumentArray) -> None:
        latency_s = time.monotonic() - frame.arrival.received_s
        age_ms = frame.arrival.age_ms(self._clock)
        statistics = self._ledger.statistics[frame.eye]
        statistics.record_result(latency_s, age_ms)
        statistics.record_header(array.header.frame_id, age_ms is not None)
        self._ledger.slots.finish(frame.eye, frame.taken, Outcome.PROCESSED)

    def _check_quality(self, answer: Answer) -> None:
        frame = answer.frame
        part = answer.region.cut(frame.image)
        report = self._quality[frame.eye].check(
            part, frame.arrival.received_s, self._quality_thresholds()
        )
        self._ledger.statistics[frame.eye].record_quality(report)

    def _quality_thresholds(self) -> QualityThresholds:
        names = ('black_below', 'overexposed_above', 'frozen_after_s', 'blurred_below')
        return QualityThresholds(**{name: self._parameters[f'quality.{name}'] for name in names})

    def _log_failure(self, what: str, error: Exception) -> None:
        self._logger.error(f'{what}: {shorten(error)}', throttle_duration_sec=VIEW_ERROR_PERIOD_S)
