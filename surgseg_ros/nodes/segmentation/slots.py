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

"""Newest-frame slots: where camera callbacks leave images for the worker thread."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from enum import Enum
import threading
from typing import Generic
from typing import TypeVar

Frame = TypeVar('Frame')


class Outcome(Enum):
    """What became of a frame that was taken from its slot."""

    PROCESSED = 'processed'
    STALE = 'stale'
    REJECTED = 'rejected'


@dataclass(frozen=True)
class FrameCounts:
    """
    What became of all frames of one eye.

    ``received == processed + replaced + stale + rejected + pending`` holds at every moment.

    :param received: frames put into the slot
    :param processed: frames with a published result
    :param replaced: frames that a newer one overtook before the worker took them
    :param stale: frames that were too old, or left over when the slots were closed
    :param rejected: frames that could not be read or segmented
    :param pending: frames waiting in the slot or just being processed
    """

    received: int
    processed: int
    replaced: int
    stale: int
    rejected: int
    pending: int

    @property
    def dropped(self) -> int:
        """Return the number of frames that never got a result."""
        return self.replaced + self.stale + self.rejected


@dataclass(frozen=True)
class TakenFrame(Generic[Frame]):
    """
    A frame on its way through the workers.

    :param content: what was put into the slot
    :param received_before: frames of this eye received before it was taken
    """

    content: Frame
    received_before: int


@dataclass(frozen=True)
class FramePlace:
    """
    The place of a frame among those of its eye.

    :param index: number of frames processed before it
    :param dropped: frames dropped since the last processed one, up to when it was taken
    """

    index: int
    dropped: int


@dataclass
class _Slot(Generic[Frame]):
    waiting: list[Frame] = field(default_factory=list)
    received: int = 0
    replaced: int = 0
    in_work: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    dropped_before_processed: int = 0

    def counts(self) -> FrameCounts:
        return FrameCounts(
            received=self.received,
            processed=self.outcomes[Outcome.PROCESSED],
            replaced=self.replaced,
            stale=self.outcomes[Outcome.STALE],
            rejected=self.outcomes[Outcome.REJECTED],
            pending=len(self.waiting) + self.in_work,
        )


class FrameSlots(Generic[Frame]):
    """
    One slot an eye in which the newest frame replaces an older one.

    Any thread may :meth:`put`; one worker thread may :meth:`take`. Each frame taken is finished
    once, by any thread; frames that are processed are finished in the order in which they were
    taken.

    :param eyes: names of the slots
    """

    def __init__(self, eyes: Sequence[str]) -> None:
        self._slots: dict[str, _Slot[Frame]] = {eye: _Slot() for eye in eyes}
        self._changed = threading.Condition()
        self._closed = False

    def put(self, eye: str, frame: Frame) -> None:
        """Leave the newest frame of an eye; a frame still waiting there is dropped."""
        with self._changed:
            slot = self._slots[eye]
            slot.received += 1
            if self._closed:
                slot.outcomes[Outcome.STALE] += 1
                return
            slot.replaced += len(slot.waiting)
            slot.waiting = [frame]
            self._changed.notify()

    def refuse(self, eye: str) -> None:
        """Count a frame that is rejected on arrival and never waits in the slot."""
        with self._changed:
            slot = self._slots[eye]
            slot.received += 1
            slot.outcomes[Outcome.REJECTED] += 1

    def take(
        self,
        patience_s: Callable[[], float] = lambda: 0.0,
        belong_together: Callable[[Mapping[str, Frame]], bool] = lambda frames: True,
    ) -> dict[str, TakenFrame[Frame]]:
        """
        Wait until a slot is filled and empty all filled slots.

        :param patience_s: tells, once a slot is filled, how long to wait until all are filled
            with frames that belong together
        :param belong_together: tells so of one frame an eye
        :return: the frames by eye; empty once the slots are closed
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._any_waiting())
            if (limit_s := patience_s()) > 0.0:
                self._changed.wait_for(
                    lambda: self._closed or self._is_complete(belong_together), limit_s
                )
            return {eye: self._take(slot) for eye, slot in self._slots.items() if slot.waiting}

    def place(self, eye: str, frame: TakenFrame[Frame]) -> FramePlace:
        """
        Return the place of a frame that is about to be processed.

        It is known when all frames that were taken before it are finished, not earlier: any of
        them may yet be dropped.
        """
        with self._changed:
            slot = self._slots[eye]
            index = slot.outcomes[Outcome.PROCESSED]
            dropped = frame.received_before - index - slot.dropped_before_processed
            return FramePlace(index, dropped)

    def finish(self, eye: str, frame: TakenFrame[Frame], outcome: Outcome) -> None:
        """Count what became of a frame that was taken."""
        with self._changed:
            slot = self._slots[eye]
            slot.in_work -= 1
            if outcome is Outcome.PROCESSED:
                index = slot.outcomes[Outcome.PROCESSED]
                slot.dropped_before_processed = frame.received_before - index
            slot.outcomes[outcome] += 1

    def close(self) -> None:
        """Let :meth:`take` return an empty dictionary; frames still waiting count as stale."""
        with self._changed:
            self._closed = True
            for slot in self._slots.values():
                slot.outcomes[Outcome.STALE] += len(slot.waiting)
                slot.waiting = []
            self._changed.notify_all()

    def counts(self, eye: str) -> FrameCounts:
        """Return a consistent copy of the counters of one eye."""
        with self._changed:
            return self._slots[eye].counts()

    def _any_waiting(self) -> bool:
        return any(slot.waiting for slot in self._slots.values())

    def _is_complete(self, belong_together: Callable[[Mapping[str, Frame]], bool]) -> bool:
        frames = {eye: slot.waiting[0] for eye, slot in self._slots.items() if slot.waiting}
        return len(frames) == len(self._slots) and belong_together(frames)

    @staticmethod
    def _take(slot: _Slot[Frame]) -> TakenFrame[Frame]:
        slot.in_work += 1
        return TakenFrame(content=slot.waiting.pop(), received_before=slot.received - 1)
