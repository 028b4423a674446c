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

"""The two worker threads of the segmentation node: one infers, the other publishes."""

from collections.abc import Mapping
from queue import SimpleQueue
import threading
import time

from rclpy.lifecycle import LifecycleNode

from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.problem_log import shorten
from surgseg_ros.nodes.segmentation.dropped_frames import DroppedFrames
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs
from surgseg_ros.nodes.segmentation.eye_outputs import PublishedResult
from surgseg_ros.nodes.segmentation.eye_statistics import EyeStatistics
from surgseg_ros.nodes.segmentation.frames import ArrivedFrame
from surgseg_ros.nodes.segmentation.frames import FrameResult
from surgseg_ros.nodes.segmentation.frames import SegmentedBatch
from surgseg_ros.nodes.segmentation.frames import SegmentedFrame
from surgseg_ros.nodes.segmentation.inference_stage import InferenceStage
from surgseg_ros.nodes.segmentation.inference_stage import Recover
from surgseg_ros.nodes.segmentation.pairing_statistics import PairingStatistics
from surgseg_ros.nodes.segmentation.preparation import ImagePreparation
from surgseg_ros.nodes.segmentation.preparation import stamp_gap_ns
from surgseg_ros.nodes.segmentation.slots import FrameSlots
from surgseg_ros.nodes.segmentation.slots import Outcome
from surgseg_ros.nodes.segmentation.slots import TakenFrame
from surgseg_ros.nodes.segmentation.stereo_stage import StereoStage
from surgseg_ros.nodes.segmentation.variant_choice import CameraInterval
from surgseg_ros.nodes.segmentation.variant_choice import VariantState
from surgseg_ros.perception.image_quality import ImageQualityMonitor
from surgseg_ros.perception.image_quality import QualityThresholds

VARIANT_LOG_PERIOD_S = 1.0
VIEW_ERROR_PERIOD_S = 10.0


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
        eyes = list(outputs)
        self.slots: FrameSlots[ArrivedFrame] = FrameSlots(eyes)
        self.statistics = {eye: EyeStatistics() for eye in eyes}
        self.dropped = DroppedFrames(self.slots, self.statistics, node.get_logger())
        self.interval = CameraInterval(eyes)
        self.stereo = stereo
        self._clock = node.get_clock()
        self._logger = node.get_logger()
        self._outputs = outputs
        self._parameters = parameters
        self._preparation = ImagePreparation(
            self._clock, eyes, parameters, self.dropped, self.statistics
        )
        self._inference = InferenceStage(segmenter, self.dropped, recover)
        self._quality = {eye: ImageQualityMonitor() for eye in eyes}
        # The inference thread acquires this before each batch, the other one gives it back.
        self._may_begin = threading.Semaphore()
        self._segmented: SimpleQueue[SegmentedBatch | None] = SimpleQueue()
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
        self.slots.close()
        for worker in self._workers:
            worker.join()
        self._inference.finish_exchange()

    def exchange(self, segmenter: Segmenter) -> None:
        """Go on with another segmenter after the present batch; the old one is then closed."""
        self._inference.exchange(segmenter)

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
        """Segment one batch after the other, until the slots are closed."""
        try:
            while taken := self._take():
                self._inference.finish_exchange()
                batch = self._inference.run(self._preparation.prepare(taken))
                if batch is None:
                    self._may_begin.release()
                else:
                    self._segmented.put(batch)
        finally:
            self._segmented.put(None)

    def _take(self) -> dict[str, TakenFrame[ArrivedFrame]]:
        """Wait until the network may begin, then for frames; empty once the slots are closed."""
        self._may_begin.acquire()
        return self.slots.take(self._pair_wait_s, self._belong_together)

    def _pair_wait_s(self) -> float:
        return float(self._parameters['pair_wait_ms'] / 1e3)

    def _belong_together(self, frames: Mapping[str, ArrivedFrame]) -> bool:
        tolerance_ns = self._parameters['pair_tolerance_ms'] * 1e6
        return bool(stamp_gap_ns(list(frames.values())) <= tolerance_ns)

    def _publish(self) -> None:
        """Publish one batch after the other, until no more comes."""
        while (batch := self._segmented.get()) is not None:
            # Read before the inference thread, once it may go on, can exchange the network.
            is_alone = self._inference.needs_all_cores
            if not is_alone:
                self._may_begin.release()
            self._publish_batch(batch)
            if is_alone:
                self._may_begin.release()

    def _publish_batch(self, batch: SegmentedBatch) -> None:
        """Publish what trackers wait for, of all eyes; then what nobody waits for."""
        results = [
            result for frame in batch.frames if (result := self._publish_result(frame, batch))
        ]
        self._judge_latency(batch)
        if self.stereo is not None:
            self.stereo.process([result for result, _ in results])
        for published in results:
            self._follow_up(*published)

    def _publish_result(
        self, segmented: SegmentedFrame, batch: SegmentedBatch
    ) -> PublishedResult | None:
        """Publish the result of a frame; ``None``, and the frame is rejected, if that fails."""
        frame = segmented.frame
        try:
            place = self.slots.place(frame.eye, frame.taken)
            published = self._outputs[frame.eye].publish_result(segmented, batch, place)
        except Exception as error:  # A failed publication must not end the worker.
            self.dropped.reject(frame.eye, frame.taken, 'publication', error)
            return None
        latency_s = time.monotonic() - frame.arrival.received_s
        age_ms = frame.arrival.age_ms(self._clock)
        statistics = self.statistics[frame.eye]
        statistics.record_result(latency_s, age_ms)
        statistics.record_header(frame.arrival.msg.header.frame_id, age_ms is not None)
        self.slots.finish(frame.eye, frame.taken, Outcome.PROCESSED)
        return published

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
            self.interval.seconds,
        )
        if changed:
            self._logger.info(
                f'now {choice.variant}: {choice.state.reason}',
                throttle_duration_sec=VARIANT_LOG_PERIOD_S,
            )

    def _follow_up(self, result: FrameResult, array: InstrumentArray) -> None:
        """Publish views for people, and judge the image."""
        eye = result.frame.eye
        try:
            for name, error in self._outputs[eye].publish_views(result, array):
                self._log_failure(f'{eye}: {name} cannot be published', error)
            self._judge_image(result)
        except Exception as error:  # The result is out, and the next one is due.
            self._log_failure(f'{eye}: cannot follow up a result', error)

    def _judge_image(self, result: FrameResult) -> None:
        eye = result.frame.eye
        part = result.region.cut(result.frame.image)
        received_s = result.frame.arrival.received_s
        report = self._quality[eye].check(part, received_s, self._quality_thresholds())
        self.statistics[eye].record_quality(report)

    def _quality_thresholds(self) -> QualityThresholds:
        names = ('black_below', 'overexposed_above', 'frozen_after_s', 'blurred_below')
        return QualityThresholds(**{name: self._parameters[f'quality.{name}'] for name in names})

    def _log_failure(self, what: str, error: Exception) -> None:
        self._logger.error(f'{what}: {shorten(error)}', throttle_duration_sec=VIEW_ERROR_PERIOD_S)
