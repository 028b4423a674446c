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

"""Hand-over of work from one thread to the next, without a queue."""

import threading
from typing import Generic
from typing import TypeVar

Work = TypeVar('Work')


class HandOver(Generic[Work]):
    """
    Pass pieces of work, in their order, from one thread to another; at most one piece waits.

    The first thread alternates between :meth:`wait_until_free` and :meth:`put`. The second calls
    :meth:`take` again and again, each time when it is done with the last piece.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Work] = []
        self._is_taker_busy = False
        self._is_closed = False

    def wait_until_free(self, alone: bool = False) -> None:
        """
        Wait until no piece waits.

        :param alone: wait also until the second thread is done with the piece that it took
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self._waiting and not (alone and self._is_taker_busy)
            )

    def put(self, work: Work) -> None:
        """Leave a piece of work where none waits."""
        with self._changed:
            self._waiting.append(work)
            self._changed.notify_all()

    def take(self) -> Work | None:
        """
        Wait for the next piece and take it; the last one is done.

        :return: ``None`` once the hand-over is closed and nothing waits
        """
        with self._changed:
            self._is_taker_busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return None
            self._is_taker_busy = True
            self._changed.notify_all()
            return self._waiting.pop()

    def close(self) -> None:
        """Announce that no more work comes; what waits is still taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
