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

"""A log that says once when a problem comes and once when it has gone."""

from collections.abc import Mapping

from rclpy.impl.rcutils_logger import RcutilsLogger

LONGEST_TEXT = 300
"""A hostile encoding may have any length; log and diagnostics do not repeat all of it."""


class ProblemLog:
    """
    Log problems when they change.

    :param logger: of the node
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._present: dict[str, set[str]] = {}

    def update(self, source: str, problems: Mapping[str, str]) -> None:
        """
        Compare the problems of a source with those of the last call.

        :param source: such as the name of an eye
        :param problems: explanations by kind
        """
        before = self._present.get(source, set())
        for kind, text in problems.items():
            if kind not in before:
                self._logger.warning(f'{source}: {text}')
        for kind in sorted(before - set(problems)):
            self._logger.info(f'{source}: {kind} problem over')
        self._present[source] = set(problems)

    def clear(self) -> None:
        """Forget all problems, so that they are logged again."""
        self._present.clear()


def shorten(error: Exception) -> str:
    """Return type and beginning of the text of an error."""
    text = f'{type(error).__name__}: {error}'
    return text if len(text) <= LONGEST_TEXT else f'{text[:LONGEST_TEXT]} ...'
