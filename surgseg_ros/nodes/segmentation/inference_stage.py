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

"""The network's part of the way of a frame, and the exchange of the network between two frames."""

from collections.abc import Callable
from collections.abc import Sequence
import threading
import time

from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.segmentation.dropped_frames import DroppedFrames
from surgseg_ros.nodes.segmentation.frames import PreparedFrame
from surgseg_ros.nodes.segmentation.frames import SegmentedBatch
from surgseg_ros.nodes.segmentation.frames import SegmentedFrame
from surgseg_ros.nodes.segmentation.variant_choice import VariantChoice

Recover = Callable[[Exception], Segmenter | None]


class InferenceStage:
    """
    Run the network, and survive what it does.

    One thread calls :meth:`run`; no other uses the segmenter, and what :meth:`run` returns does
    not need it any more.

    :param segmenter: ready to run
    :param dropped: learns of the frames that the network failed on
    :param recover: asked after a failed inference, in the thread of :meth:`run`; may return
        another segmenter to go on with
    """

    def __init__(self, segmenter: Segmenter, dropped: DroppedFrames, recover: Recover) -> None:
        self._segmenter = segmenter
        self.choice = VariantChoice(segmenter)
        """What the next batch is segmented with, where ``branch: auto`` leaves a choice."""
        self._next_segmenter: Segmenter | None = None
        self._exchange_lock = threading.Lock()
        self._dropped = dropped
        self._recover = recover
        self.failures_in_a_row = 0
        """Inferences that failed since the last that did not."""

    @property
    def needs_all_cores(self) -> bool:
        """Tell whether other work would slow the network down."""
        return self._segmenter.device == 'cpu'

    def exchange(self, segmenter: Segmenter) -> None:
        """Go on with another segmenter after the present batch; any thread may call this."""
        with self._exchange_lock:
            if self._next_segmenter is not None:
                self._next_segmenter.close()
            self._next_segmenter = segmenter

    def finish_exchange(self) -> None:
        """Close the present segmenter if another one is to take over; between two runs only."""
        with self._exchange_lock:
            segmenter, self._next_segmenter = self._next_segmenter, None
        if segmenter is not None:
            self._segmenter.close()
            self._segmenter = segmenter
            self.choice = VariantChoice(segmenter)

    def run(self, prepared: Sequence[PreparedFrame]) -> SegmentedBatch | None:
        """
        Segment a batch.

        :return: ``None`` if the network failed, or there was nothing to do
        """
        if not prepared:
            return None
        try:
            batch = self._segment(prepared)
        except Exception as error:  # The node outlives whatever one frame does to the network.
            self._survive(prepared, error)
            return None
        self.failures_in_a_row = 0
        return batch

    def _segment(self, prepared: Sequence[PreparedFrame]) -> SegmentedBatch:
        segmenter, variant = self._segmenter, self.choice.variant
        parts = [item.part for item in prepared]
        start_s = time.monotonic()
        segmentations = segmenter.segment(parts, confidence=True, variant=variant)
        segment_s = time.monotonic() - start_s
        return SegmentedBatch(
            frames=[
                SegmentedFrame(item.frame, item.region, segmentation)
                for item, segmentation in zip(prepared, segmentations, strict=True)
            ],
            model=segmenter.checkpoint_name,
            label_set=segmenter.label_set,
            variant=variant,
            segment_s=segment_s,
        )

    def _survive(self, prepared: Sequence[PreparedFrame], error: Exception) -> None:
        self.failures_in_a_row += 1
        for item in prepared:
            self._dropped.reject(item.frame.eye, item.frame.taken, 'inference', error)
        segmenter = self._recover(error)
        if segmenter is not None:
            self.exchange(segmenter)
