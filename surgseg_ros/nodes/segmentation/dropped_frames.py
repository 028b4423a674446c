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

"""Frames without a result: counters, statistics, and a log line for each cause."""

from collections.abc import Mapping

from rclpy.impl.rcutils_logger import RcutilsLogger

from surgseg_ros.nodes.common.problem_log import shorten
from surgseg_ros.nodes.segmentation.eye_statistics import EyeStatistics
from surgseg_ros.nodes.segmentation.frames import ArrivedFrame
from surgseg_ros.nodes.segmentation.slots import FrameSlots
from surgseg_ros.nodes.segmentation.slots import Outcome
from surgseg_ros.nodes.segmentation.slots import TakenFrame


class DroppedFrames:
    """
    Count the frames that get no result, and tell why; any thread may do so.

    :param slots: where the frames waited
    :param statistics: by eye
    :param logger: of the node
    """

    def __init__(
        self,
        slots: FrameSlots[ArrivedFrame],
        statistics: Mapping[str, EyeStatistics],
        logger: RcutilsLogger,
    ) -> None:
        self._slots = slots
        self._statistics = statistics
        self._logger = logger
        self._warned_stale: set[str] = set()

    def refuse(self, eye: str, cause: str, error: Exception) -> None:
        """Reject a frame on its arrival."""
        self._note_rejection(eye, cause, error)
        self._slots.refuse(eye)

    def reject(
        self, eye: str, frame: TakenFrame[ArrivedFrame], cause: str, error: Exception
    ) -> None:
        """
        Reject a frame that was taken.

        :param cause: a short word that equal faults share
        """
        self._note_rejection(eye, cause, error)
        self._slots.finish(eye, frame, Outcome.REJECTED)

    def drop_stale(
        self, eye: str, frame: TakenFrame[ArrivedFrame], age_ms: float, limit_ms: float
    ) -> None:
        """Drop a frame that is too old; the log tells of the first one."""
        self._slots.finish(eye, frame, Outcome.STALE)
        if eye not in self._warned_stale:
            self._warned_stale.add(eye)
            self._logger.warning(
                f'{eye}: dropped an image that is {age_ms:.0f} ms old, max_image_age_ms is '
                f'{limit_ms:g}; further ones are only counted. If they come from a bag or '
                'a computer with another clock, set use_sim_time or max_image_age_ms to 0.'
            )

    def _note_rejection(self, eye: str, cause: str, error: Exception) -> None:
        text = shorten(error)
        if self._statistics[eye].record_rejection(cause, text):
            self._logger.error(
                f'{eye}: image rejected ({cause}): {text}. '
                'Further ones for this cause are only counted, see /diagnostics.'
            )
