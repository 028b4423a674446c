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

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
import threading
import time

import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from surgseg_ros.inference.crop import BorderFinder
from surgseg_ros.inference.crop import common_size
from surgseg_ros.inference.crop import CropMode
from surgseg_ros.inference.crop import Region
from surgseg_ros.inference.crop import size_of
from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.compressed_images import compressed_to_array
from surgseg_ros.nodes.eye_outputs import EyeOutputs
from surgseg_ros.nodes.eye_statistics import EyeStatistics
from surgseg_ros.nodes.eye_statistics import EyeSummary
from surgseg_ros.nodes.frame_slots import FrameCounts
from surgseg_ros.nodes.frame_slots import FrameSlots
from surgseg_ros.nodes.frame_slots import Outcome
from surgseg_ros.nodes.frame_slots import TakenFrame
from surgseg_ros.nodes.frame_stages import Answer
from surgseg_ros.nodes.frame_stages import ArrivedFrame
from surgseg_ros.nodes.frame_stages import DecodedFrame
from surgseg_ros.nodes.images import image_to_array
from surgseg_ros.nodes.images import ImageFormatError
from surgseg_ros.nodes.pairing_statistics import PairingStatistics
from surgseg_ros.nodes.parameters import ParameterTable
from surgseg_ros.perception.image_quality import ImageQualityMonitor
from surgseg_ros.perception.image_quality import QualityThresholds
from surgseg_ros.perception.instruments import find_instruments

LONGEST_TEXT = 300
"""A hostile encoding may have any length; log and diagnostics do not repeat all of it."""

MAX_BYTES_A_PIXEL = 8
"""Those of rgba16, the largest encoding that is read."""

NANOSECONDS = 1_000_000_000
VIEW_ERROR_PERIOD_S = 10.0

Recover = Callable[[Exception], Segmenter | None]


class FramePipeline:
    """
    Segment the newest frame of every eye in one worker thread and publish the results.

    The worker takes all filled slots as one batch and does not wait for a late partner, unless
    ``pair_wait_ms`` says so. A frame that cannot be read or segmented is counted, logged once a
    cause, and forgotten.

    :param node: for its clock and logger
    :param segmenter: ready to run; belongs to the worker until :meth:`stop`
    :param outputs: the publishers by eye
    :param parameters: those of the node, read anew for every frame
    :param recover: asked after a failed inference, in the worker; may return another segmenter
        to go on with
    """

    def __init__(
        self,
        node: LifecycleNode,
        segmenter: Segmenter,
        outputs: Mapping[str, EyeOutputs],
        parameters: ParameterTable,
        recover: Recover,
    ) -> None:
        self._node = node
        self._logger = node.get_logger()
        self._segmenter = segmenter
        self._next_segmenter: Segmenter | None = None
        self._exchange_lock = threading.Lock()
        self._outputs = outputs
        self._parameters = parameters
        self._recover = recover
        self._slots: FrameSlots[ArrivedFrame] = FrameSlots(list(outputs))
        self._statistics = {eye: EyeStatistics() for eye in outputs}
        self._quality = {eye: ImageQualityMonitor() for eye in outputs}
        self._border_finders = {eye: BorderFinder() for eye in outputs}
        self.pairing = PairingStatistics()
        self.failures_in_a_row = 0
        """Inferences that failed since the last that did not."""
        self._warned_stale: set[str] = set()
        self._worker = threading.Thread(target=self._run, name='segmentation', daemon=True)

    def start(self) -> None:
        """Start the worker thread."""
        self._worker.start()

    def stop(self) -> None:
        """Let the worker finish its batch and wait for it; waiting frames are dropped."""
        self._slots.close()
        self._worker.join()
        self._exchange_segmenter()

    def exchange(self, segmenter: Segmenter) -> None:
        """Go on with another segmenter after the present batch; the old one is then closed."""
        with self._exchange_lock:
            if self._next_segmenter is not None:
                self._next_segmenter.close()
            self._next_segmenter = segmenter

    def expect_images(self) -> None:
        """Note that the cameras are listened to from now on."""
        for statistics in self._statistics.values():
            statistics.expect_images()

    def submit(self, eye: str, msg: Image | CompressedImage) -> None:
        """Leave the newest image of an eye; returns at once."""
        self._statistics[eye].record_image()
        try:
            _check_stamp(msg)
            _check_load(msg, self._parameters['max_image_pixels'])
        except ImageFormatError as error:
            self._note_rejection(eye, error.cause, error)
            self._slots.refuse(eye)
            return
        arrival = ArrivedFrame(msg, self._node.get_clock().now(), time.monotonic())
        self._slots.put(eye, arrival)

    def record_loss(self, eye: str, count: int) -> None:
        """Note that the transport lost images of an eye."""
        self._statistics[eye].record_loss(count)

    def counts(self, eye: str) -> FrameCounts:
        """Return the frame counters of an eye."""
        return self._slots.counts(eye)

    def summary(self, eye: str) -> EyeSummary:
        """Return the statistics of an eye."""
        return self._statistics[eye].summary()

    def _run(self) -> None:
        while batch := self._slots.take(self._pair_wait_s, self._belong_together):
            self._exchange_segmenter()
            self._process(batch)

    def _exchange_segmenter(self) -> None:
        with self._exchange_lock:
            segmenter, self._next_segmenter = self._next_segmenter, None
        if segmenter is not None:
            self._segmenter.close()
            self._segmenter = segmenter

    def _pair_wait_s(self) -> float:
        return self._parameters['pair_wait_ms'] / 1e3

    def _belong_together(self, frames: Mapping[str, ArrivedFrame]) -> bool:
        tolerance_ns = self._parameters['pair_tolerance_ms'] * 1e6
        return _stamp_gap_ns([frame.msg for frame in frames.values()]) <= tolerance_ns

    def _process(self, batch: Mapping[str, TakenFrame[ArrivedFrame]]) -> None:
        readable = [frame for eye, taken in batch.items() if (frame := self._prepare(eye, taken))]
        if len(self._outputs) > 1 and readable:
            self.pairing.record(
                len(readable), _stamp_gap_ns([frame.arrival.msg for frame in readable])
            )
        published = [
            (answer, array)
            for answer in self._segment(readable)
            if (array := self._publish_result(answer)) is not None
        ]
        # What trackers wait for has gone out for both eyes before any picture is drawn.
        for answer, array in published:
            self._publish_views(answer, array)

    def _prepare(self, eye: str, taken: TakenFrame[ArrivedFrame]) -> DecodedFrame | None:
        """Decode a frame; ``None`` if it is too old or cannot be read."""
        try:
            return None if self._drop_stale(eye, taken) else self._decode(eye, taken)
        except ImageFormatError as error:
            self._reject(eye, error.cause, error)
        except Exception as error:  # The worker outlives whatever a camera sends.
            self._reject(eye, 'decoding', error)
        return None

    def _drop_stale(self, eye: str, taken: TakenFrame[ArrivedFrame]) -> bool:
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

    def _age_ms(self, msg: Image | CompressedImage) -> float | None:
        """Return the age of an image by its stamp, ``None`` for an unset stamp."""
        stamp = msg.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:
            return None
        clock = self._node.get_clock()
        stamped = Time.from_msg(stamp, clock_type=clock.clock_type)
        return (clock.now() - stamped).nanoseconds / 1e6

    def _decode(self, eye: str, taken: TakenFrame[ArrivedFrame]) -> DecodedFrame:
        start_s = time.monotonic()
        msg, max_pixels = taken.content.msg, self._parameters['max_image_pixels']
        is_raw = isinstance(msg, Image)
        image = image_to_array(msg, max_pixels) if is_raw else compressed_to_array(msg, max_pixels)
        decoded_s = time.monotonic()
        return DecodedFrame(
            eye=eye,
            arrival=taken.content,
            index=taken.index,
            dropped=taken.dropped,
            image=image,
            queue_s=start_s - taken.content.received_s,
            decode_s=decoded_s - start_s,
        )

    def _check_quality(self, frame: DecodedFrame, region: Region) -> None:
        report = self._quality[frame.eye].check(
            region.cut(frame.image), frame.arrival.received_s, self._quality_thresholds()
        )
        self._statistics[frame.eye].record_quality(report)

    def _quality_thresholds(self) -> QualityThresholds:
        names = ('black_below', 'overexposed_above', 'frozen_after_s', 'blurred_below')
        return QualityThresholds(**{name: self._parameters[f'quality.{name}'] for name in names})

    def _segment(self, frames: Sequence[DecodedFrame]) -> list[Answer]:
        crop: CropMode = self._parameters['crop']
        found = {frame.eye: self._find_region(frame, crop) for frame in frames}
        regions = {eye: region for eye, region in found.items() if region is not None}
        usable = [frame for frame in frames if frame.eye in regions]
        return self._infer(usable, _share_size(usable, regions))

    def _find_region(self, frame: DecodedFrame, crop: CropMode) -> Region | None:
        """Return the part of an image for the network; ``None`` if it has no such part."""
        try:
            region = crop.select_region(frame.image, self._border_finders[frame.eye])
            self._check_quality(frame, region)
        except ValueError as error:
            self._reject(frame.eye, 'crop', error)
        except Exception as error:  # The worker outlives whatever an image shows.
            self._reject(frame.eye, 'inspection', error)
        else:
            return region
        return None

    def _infer(
        self, frames: Sequence[DecodedFrame], regions: Mapping[str, Region]
    ) -> list[Answer]:
        if not frames:
            return []
        try:
            parts = [regions[frame.eye].cut(frame.image) for frame in frames]
            answers = [
                self._make_answer(frame, segmentation, regions[frame.eye])
                for frame, segmentation in zip(
                    frames, self._segmenter.segment(parts, confidence=True), strict=True
                )
            ]
        except Exception as error:  # The node outlives whatever one frame does to the network.
            self._survive(frames, error)
            return []
        self.failures_in_a_row = 0
        return answers

    def _survive(self, frames: Sequence[DecodedFrame], error: Exception) -> None:
        self.failures_in_a_row += 1
        for frame in frames:
            self._reject(frame.eye, 'inference', error)
        segmenter = self._recover(error)
        if segmenter is not None:
            self.exchange(segmenter)

    def _make_answer(
        self, frame: DecodedFrame, segmentation: Segmentation, region: Region
    ) -> Answer:
        start_s = time.monotonic()
        whole = self._restore(segmentation, region, size_of(frame.image))
        found = find_instruments(
            whole.label_image,
            self._segmenter.label_set,
            confidence=whole.confidence,
            min_area=self._parameters['min_area_px'],
        )
        find_s = time.monotonic() - start_s
        postprocess_s = segmentation.postprocess_s + find_s
        return Answer(frame, replace(whole, postprocess_s=postprocess_s), found)

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

    def _publish_result(self, answer: Answer) -> InstrumentArray | None:
        frame = answer.frame
        try:
            array = self._outputs[frame.eye].publish_result(
                answer, self._segmenter.checkpoint_name
            )
        except Exception as error:  # A failed publication must not end the worker.
            self._reject(frame.eye, 'publication', error)
            return None
        latency_s = time.monotonic() - frame.arrival.received_s
        age_ms = self._age_ms(frame.arrival.msg)
        self._statistics[frame.eye].record_result(latency_s, age_ms)
        self._statistics[frame.eye].record_header(array.header.frame_id, age_ms is not None)
        self._slots.finish(frame.eye, Outcome.PROCESSED)
        return array

    def _publish_views(self, answer: Answer, array: InstrumentArray) -> None:
        eye = answer.frame.eye
        for name, error in self._outputs[eye].publish_views(
            answer, array, self._segmenter.label_set
        ):
            self._logger.error(
                f'{eye}: {name} cannot be published: {_shorten(error)}',
                throttle_duration_sec=VIEW_ERROR_PERIOD_S,
            )

    def _reject(self, eye: str, cause: str, error: Exception) -> None:
        self._note_rejection(eye, cause, error)
        self._slots.finish(eye, Outcome.REJECTED)

    def _note_rejection(self, eye: str, cause: str, error: Exception) -> None:
        text = _shorten(error)
        if self._statistics[eye].record_rejection(cause, text):
            self._logger.error(
                f'{eye}: image rejected ({cause}): {text}. '
                'Further ones for this cause are only counted, see /diagnostics.'
            )


def _check_stamp(msg: Image | CompressedImage) -> None:
    stamp = msg.header.stamp
    if stamp.sec < 0 or stamp.nanosec >= NANOSECONDS:
        raise ImageFormatError(
            'stamp',
            f'the stamp is no time: {stamp.sec} s, {stamp.nanosec} ns; '
            'nanoseconds go from 0 to 999999999',
        )


def _check_load(msg: Image | CompressedImage, max_pixels: int) -> None:
    """Refuse at once what must not even wait in the slot."""
    if len(msg.data) > max_pixels * MAX_BYTES_A_PIXEL:
        raise ImageFormatError(
            'too_large',
            f'the image has {len(msg.data)} bytes, more than {MAX_BYTES_A_PIXEL} for each of '
            f'max_image_pixels ({max_pixels})',
        )


def _share_size(
    frames: Sequence[DecodedFrame], regions: Mapping[str, Region]
) -> dict[str, Region]:
    """Give the regions of equal images one size, so that both eyes remain one batch."""
    sizes = {size_of(frame.image) for frame in frames}
    if len(sizes) != 1:
        return dict(regions)
    return dict(zip(regions, common_size(list(regions.values()), *sizes), strict=True))


def _stamp_gap_ns(messages: Sequence[Image | CompressedImage]) -> int:
    stamps = [msg.header.stamp.sec * NANOSECONDS + msg.header.stamp.nanosec for msg in messages]
    return max(stamps) - min(stamps)


def _shorten(error: Exception) -> str:
    text = f'{type(error).__name__}: {error}'
    return text if len(text) <= LONGEST_TEXT else f'{text[:LONGEST_TEXT]} ...'
