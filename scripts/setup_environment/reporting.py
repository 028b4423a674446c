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


"""What setup prints: numbered steps, results and errors."""

import sys
import time


class SetupError(RuntimeError):
    """The environment cannot be built; the message says why and what to do."""


class Steps:
    """
    Numbered progress lines.

    :param total: number of steps
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0
        self._started = time.monotonic()

    def begin(self, title: str) -> None:
        """Announce the next step."""
        self._number += 1
        say(f'[{self._number}/{self._total}] {title}')

    def elapsed(self) -> float:
        """Return the seconds since the first step could begin."""
        return time.monotonic() - self._started


def say(line: str) -> None:
    """Print a line now, in order with the output of child processes."""
    print(line, flush=True)


def warn(text: str) -> None:
    """Print a warning to the error stream."""
    sys.stdout.flush()
    print(f'warning: {text}', file=sys.stderr, flush=True)
