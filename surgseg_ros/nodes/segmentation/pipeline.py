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
import threading
import time

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.messages.image_encoding import ImageFormatError
from surgseg_ros.nodes.segmentation.dropped_frames import FrameLedger
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs
from surgseg_ros.nodes.segmentation.eye_statistics import EyeSummary
from surgseg_ros.nodes.segmentation.frames import ArrivedFrame
from surgseg_ros.nodes.segmentation.frames import NANOSECONDS
from surgseg_ros.nodes.segmentation.frames import SegmentedBatch
from surgseg_ros.nodes.segmentation.hand_over import HandOver
from surgseg_ros.nodes.segmentation.inference_stage import InferenceStage
from surgseg_ros.nodes.segmentation.inference_stage import Recover
from surgseg_ros.nodes.segmentation.pairing_statistics import PairingStatistics
from surgseg_ros.nodes.segmentation.preparation import ImagePreparation
from surgseg_ros.nodes.segmentation.preparation import stamp_gap_ns
from surgseg_ros.nodes.segmentation.result_publisher import ResultPublisher
from surgseg_ros.nodes.segmentation.slots import FrameCounts
from surgseg_ros.nodes.segmentation.slots import TakenFrame
from surgseg_ros.nodes.segmentation.stereo_stage import StereoStage
from surgseg_ros.nodes.segmentation.variant_choice import CameraInterval
from surgseg_ros.nodes.segmentation.variant_choice import VariantState

MAX_BYTES_A_PIXEL = 8
"""Those of rgba16, the largest encoding that is read."""

VARIANT_LOG_PERIOD_S = 1.0


class FramePipeline:
    """
    Segment the newest frame of every eye in one thread, publish the results in another.

    The inference thread takes all filled slots as one batch when the network can begin at once,
    not earlier: a newer frame would be missed. It does not wait for a late partner, unless
    ``pair_wait_ms`` says so. Meanwhile the last batch is published; at most one more waits for
    that. On the CPU, where both would only slow each other down, a batch is begun when all of the
    last one is published.

    A frame that cannot be read or segmented is counted, logged once a cause, and forgotten.

    :param node: for its clock and logger
    :param segmenter: ready to run; belongs to the pipeline until :meth:`stop`
    :param outputs: the publishers by eye
    :param parameters: those of the node, read anew for every frame
    :param recover: asked after a failed inference, in the inference thread; may return another
        segmenter to go on with
    :param stereo: gets the results of both eyes, if there are two
    """

    def __init__(
        self,
        node: LifecycleNode,
        segmenter: Segmenter,
        outputs: Mapping[str, EyeOutputs],
        parameters: ParameterTable,
        recover: Recover,
        stereo: StereoStage | None = None,
    ) -> None:
        self.stereo = stereo
        self._clock = node.get_clock()
        self._logger = node.get_logger()
        self._parameters = parameters
        self._interval = CameraInterval(list(outputs))
        self._ledger = FrameLedger(list(outputs), node.get_logger())
        self._preparation = ImagePreparation(self._clock, list(outputs), parameters, self._ledger)
        self._inference = InferenceStage(segmenter, self._ledger, recover)
        self._finished: HandOver[SegmentedBatch] = HandOver()
        self._publisher = ResultPublisher(node, outputs, parameters, self._ledger)
        self._workers = [
            threading.Thread(target=self._infer, name='inference', daemon=True),
            threading.Thread(target=self._publish, name='publication', daemon=True),
        ]

    def start(self) -> None:
        """Start the worker threads."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Wait until the batches at work are published; frames in the slots are dropped."""
        self._ledger.slots.close()
        for worker in self._workers:
            worker.join()
        self._inference.finish_exchange()

    def exchange(self, segmenter: Segmenter) -> None:
        """Go on with another segmenter after the present batch; the old one is then closed."""
        self._inference.exchange(segmenter)

    def expect_images(self) -> None:
        """Note that the cameras are listened to from now on."""
        for statistics in self._ledger.statistics.values():
            statistics.expect_images()

    def submit(self, eye: str, msg: Image | CompressedImage) -> None:
        """Leave the newest image of an eye; returns at once."""
        self._ledger.statistics[eye].record_image()
        try:
            _check_stamp(msg)
            _check_load(msg, self._parameters['max_image_pixels'])
        except ImageFormatError as error:
            self._ledger.refuse(eye, error.cause, error)
            return
        arrival = ArrivedFrame(msg, self._clock.now(), time.monotonic())
        self._interval.note(eye, arrival.received_s)
        self._ledger.slots.put(eye, arrival)

    def record_loss(self, eye: str, count: int) -> None:
        """Note that the transport lost images of an eye."""
        self._ledger.statistics[eye].record_loss(count)

    def counts(self, eye: str) -> FrameCounts:
        """Return the frame counters of an eye."""
        return self._ledger.slots.counts(eye)

    def summary(self, eye: str) -> EyeSummary:
        """Return the statistics of an eye."""
        return self._ledger.statistics[eye].summary()

    @property
    def pairing(self) -> PairingStatistics:
        """Return how well the images of the eyes belong together."""
        return self._preparation.pairing

    @property
    def variant(self) -> VariantState:
        """Return branch and size of the network in use, and why."""
        return self._inference.choice.state

    @property
    def failures_in_a_row(self) -> int:
        """Return the number of inferences that failed since the last that did not."""
        return self._inference.failures_in_a_row

    def _infer(self) -> None:
        try:
            while taken := self._take():
                self._inference.finish_exchange()
                batch = self._inference.run(self._preparation.prepare(taken))
                if batch is not None:
                    self._finished.put(batch)
        finally:
            self._finished.close()

    def _take(self) -> dict[str, TakenFrame[ArrivedFrame]]:
        """Wait until the network may begin, then for frames; empty once the slots are closed."""
        self._finished.wait_until_free(alone=self._inference.needs_all_cores)
        return self._ledger.slots.take(self._pair_wait_s, self._belong_together)

    def _publish(self) -> None:
        while batch := self._finished.take():
            results = self._publisher.publish_results(batch)
            self._judge_latency(batch)
            if self.stereo is not None:
                self.stereo.process([answer for answer, _ in results])
            self._publisher.follow_up(results)

    def _judge_latency(self, batch: SegmentedBatch) -> None:
        """Let the next batches keep the deadline."""
        now_s = time.monotonic()
        deadline_s = self._parameters['deadline_ms'] / 1e3 or None
        choice = self._inference.choice
        changed = choice.report(
            batch.variant,
            now_s - batch.newest_received_s,
            batch.segment_s,
            now_s - batch.taken_s,
            deadline_s,
            self._interval.seconds,
        )
        if changed:
            self._logger.info(
                f'now {choice.variant}: {choice.state.reason}',
                throttle_duration_sec=VARIANT_LOG_PERIOD_S,
            )

    def _pair_wait_s(self) -> float:
        return float(self._parameters['pair_wait_ms'] / 1e3)

    def _belong_together(self, frames: Mapping[str, ArrivedFrame]) -> bool:
        tolerance_ns = self._parameters['pair_tolerance_ms'] * 1e6
        return bool(stamp_gap_ns(list(frames.values())) <= tolerance_ns)


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
