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

"""The way of a frame through the segmentation node: slot, decode, segment, publish."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import threading
import time

from builtin_interfaces.msg import Duration as DurationMsg
import numpy as np
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecyclePublisher
from rclpy.time import Time
from sensor_msgs.msg import Image

from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.msg import FrameTiming
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.eye_outputs import EyeOutputs
from surgseg_ros.nodes.eye_statistics import EyeStatistics
from surgseg_ros.nodes.eye_statistics import EyeSummary
from surgseg_ros.nodes.frame_slots import FrameCounts
from surgseg_ros.nodes.frame_slots import FrameSlots
from surgseg_ros.nodes.frame_slots import Outcome
from surgseg_ros.nodes.frame_slots import TakenFrame
from surgseg_ros.nodes.images import array_to_image
from surgseg_ros.nodes.images import image_to_array
from surgseg_ros.nodes.images import ImageFormatError
from surgseg_ros.nodes.instrument_messages import region_to_instrument
from surgseg_ros.nodes.parameters import ParameterTable
from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.instruments import InstrumentSet
from surgseg_ros.perception.overlay import draw_instruments
from surgseg_ros.perception.overlay import draw_overlay


@dataclass(frozen=True)
class _Arrival:
    """An image and when it came, by the node's clock and by the monotonic one (s)."""

    msg: Image
    received: Time
    received_s: float


@dataclass(frozen=True)
class _Job:
    """A readable frame: (H, W, 3) uint8 RGB, and how long it waited and was decoded (s)."""

    eye: str
    arrival: _Arrival
    index: int
    dropped: int
    image: np.ndarray
    queue_s: float
    decode_s: float


@dataclass(frozen=True)
class _Answer:
    """A segmented frame."""

    job: _Job
    segmentation: Segmentation
    found: InstrumentSet


class FramePipeline:
    """
    Segment the newest frame of every eye in one worker thread and publish the results.

    The worker takes all filled slots as one batch and never waits for a late partner. A frame
    that cannot be read or segmented is counted, logged once a cause, and forgotten.

    :param node: for its clock and logger
    :param segmenter: ready to run; belongs to the worker until :meth:`stop`
    :param outputs: the publishers by eye
    :param parameters: read for every frame: ``min_area_px``, ``max_image_age_ms``,
        ``publish_overlay``, ``overlay_alpha``, ``publish_confidence``
    """

    def __init__(
        self,
        node: LifecycleNode,
        segmenter: Segmenter,
        outputs: Mapping[str, EyeOutputs],
        parameters: ParameterTable,
    ) -> None:
        self._node = node
        self._logger = node.get_logger()
        self._segmenter = segmenter
        self._outputs = outputs
        self._parameters = parameters
        self._slots: FrameSlots[_Arrival] = FrameSlots(list(outputs))
        self._statistics = {eye: EyeStatistics() for eye in outputs}
        self._warned_stale: set[str] = set()
        self._worker = threading.Thread(target=self._run, name='segmentation', daemon=True)

    def start(self) -> None:
        """Start the worker thread."""
        self._worker.start()

    def stop(self) -> None:
        """Let the worker finish its batch and wait for it; waiting frames are dropped."""
        self._slots.close()
        self._worker.join()

    def submit(self, eye: str, msg: Image) -> None:
        """Leave the newest image of an eye; returns at once."""
        self._statistics[eye].record_image()
        self._slots.put(eye, _Arrival(msg, self._node.get_clock().now(), time.monotonic()))

    def counts(self, eye: str) -> FrameCounts:
        """Return the frame counters of an eye."""
        return self._slots.counts(eye)

    def summary(self, eye: str) -> EyeSummary:
        """Return the timing of an eye."""
        return self._statistics[eye].summary()

    def _run(self) -> None:
        while batch := self._slots.take():
            self._process(batch)

    def _process(self, batch: Mapping[str, TakenFrame[_Arrival]]) -> None:
        jobs = [job for eye, taken in batch.items() if (job := self._prepare(eye, taken))]
        answers = self._segment(jobs) if jobs else []
        answered = [answer for answer in answers if self._publish_result(answer)]
        for answer in answered:
            self._publish_views(answer)

    def _prepare(self, eye: str, taken: TakenFrame[_Arrival]) -> _Job | None:
        """Decode a frame; ``None`` if it is too old or cannot be read."""
        try:
            return None if self._drop_stale(eye, taken) else self._decode(eye, taken)
        except ImageFormatError as error:
            self._reject(eye, error.cause, error)
        except Exception as error:  # The worker outlives whatever a camera sends.
            self._reject(eye, 'decoding', error)
        return None

    def _drop_stale(self, eye: str, taken: TakenFrame[_Arrival]) -> bool:
        limit_ms = self._parameters['max_image_age_ms']
        age_ms = self._age_ms(taken.content.msg)
        if limit_ms == 0.0 or age_ms is None or age_ms <= limit_ms:
            return False
        self._slots.finish(eye, Outcome.STALE)
        if eye not in self._warned_stale:
            self._warned_stale.add(eye)
            self._logger.warning(
                f'{eye}: dropped an image that is {age_ms:.0f} ms old, max_image_age_ms is '
                f'{limit_ms:g}; further ones are only counted. If they come from a bag or '
                'a computer with another clock, set use_sim_time or max_image_age_ms to 0.'
            )
        return True

    def _age_ms(self, msg: Image) -> float | None:
        """Return the age of an image by its stamp, ``None`` for an unset stamp."""
        stamp = msg.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:
            return None
        clock = self._node.get_clock()
        stamped = Time.from_msg(stamp, clock_type=clock.clock_type)
        return (clock.now() - stamped).nanoseconds / 1e6

    def _decode(self, eye: str, taken: TakenFrame[_Arrival]) -> _Job:
        start_s = time.monotonic()
        image = image_to_array(taken.content.msg)
        return _Job(
            eye=eye,
            arrival=taken.content,
            index=taken.index,
            dropped=taken.dropped,
            image=image,
            queue_s=start_s - taken.content.received_s,
            decode_s=time.monotonic() - start_s,
        )

    def _segment(self, jobs: Sequence[_Job]) -> list[_Answer]:
        try:
            segmentations = self._segmenter.segment([job.image for job in jobs], confidence=True)
            return [
                self._find_instruments(job, segmentation)
                for job, segmentation in zip(jobs, segmentations, strict=True)
            ]
        except Exception as error:  # The node outlives whatever one frame does to the network.
            for job in jobs:
                self._reject(job.eye, 'inference', error)
            return []

    def _find_instruments(self, job: _Job, segmentation: Segmentation) -> _Answer:
        start_s = time.monotonic()
        found = find_instruments(
            segmentation.label_image,
            self._segmenter.label_set,
            confidence=segmentation.confidence,
            min_area=self._parameters['min_area_px'],
        )
        find_s = time.monotonic() - start_s
        return _Answer(
            job, replace(segmentation, postprocess_s=segmentation.postprocess_s + find_s), found
        )

    def _publish_result(self, answer: _Answer) -> bool:
        job = answer.job
        try:
            self._outputs[job.eye].instruments.publish(self._instrument_array(answer))
            self._publish_image(
                self._outputs[job.eye].label_image, job, answer.segmentation.label_image, 'mono8'
            )
        except Exception as error:  # A failed publication must not end the worker.
            self._reject(job.eye, 'publication', error)
            return False
        latency_s = time.monotonic() - job.arrival.received_s
        self._statistics[job.eye].record_result(latency_s, self._age_ms(job.arrival.msg))
        self._slots.finish(job.eye, Outcome.PROCESSED)
        return True

    def _instrument_array(self, answer: _Answer) -> InstrumentArray:
        job = answer.job
        height, width = job.image.shape[:2]
        return InstrumentArray(
            header=job.arrival.msg.header,
            eye=job.eye,
            model=self._segmenter.checkpoint_name,
            image_width=width,
            image_height=height,
            timing=self._timing(job, answer.segmentation),
            frame_index=job.index,
            frames_dropped=job.dropped,
            instruments=[region_to_instrument(region) for region in answer.found.instruments],
            parts=[region_to_instrument(region) for region in answer.found.parts],
        )

    def _timing(self, job: _Job, segmentation: Segmentation) -> FrameTiming:
        return FrameTiming(
            received=job.arrival.received.to_msg(),
            published=self._node.get_clock().now().to_msg(),
            queue=_duration(job.queue_s),
            preprocess=_duration(job.decode_s + segmentation.preprocess_s),
            inference=_duration(segmentation.inference_s),
            postprocess=_duration(segmentation.postprocess_s),
        )

    def _publish_views(self, answer: _Answer) -> None:
        """Publish the images that are made only while somebody subscribes."""
        job = answer.job
        outputs = self._outputs[job.eye]
        try:
            confidence = answer.segmentation.confidence
            if confidence is not None and self._is_wanted(
                outputs.confidence, 'publish_confidence'
            ):
                self._publish_image(outputs.confidence, job, confidence, 'mono8')
            if self._is_wanted(outputs.overlay, 'publish_overlay'):
                self._publish_image(outputs.overlay, job, self._draw(answer), 'rgb8')
        except Exception as error:  # A picture for people must not end the worker.
            self._logger.error(f'{job.eye}: no overlay or confidence image: {error}', once=True)

    def _is_wanted(self, publisher: LifecyclePublisher, switch: str) -> bool:
        return self._parameters[switch] and publisher.get_subscription_count() > 0

    def _draw(self, answer: _Answer) -> np.ndarray:
        painted = draw_overlay(
            answer.job.image,
            answer.segmentation.label_image,
            self._segmenter.label_set,
            alpha=self._parameters['overlay_alpha'],
        )
        return draw_instruments(painted, answer.found.instruments)

    @staticmethod
    def _publish_image(
        publisher: LifecyclePublisher, job: _Job, array: np.ndarray, encoding: str
    ) -> None:
        publisher.publish(array_to_image(array, encoding, job.arrival.msg.header))

    def _reject(self, eye: str, cause: str, error: Exception) -> None:
        text = f'{type(error).__name__}: {error}'
        is_first = self._statistics[eye].record_rejection(cause, text)
        self._slots.finish(eye, Outcome.REJECTED)
        if is_first:
            self._logger.error(
                f'{eye}: image rejected ({cause}): {text}. '
                'Further ones for this cause are only counted, see /diagnostics.'
            )


def _duration(seconds: float) -> DurationMsg:
    return Duration(seconds=seconds).to_msg()
