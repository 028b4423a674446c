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

"""Launch files as processes: start them, read what they say, stop them."""

from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
import os
from pathlib import Path
import re
import signal
import sys

from node_process import LoggedProcess
from node_process import wait_until

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
RUNNER = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

path, *arguments = sys.argv[1:]
service = LaunchService()
service.include_launch_description(
    LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(path),
                launch_arguments=[argument.split(':=', 1) for argument in arguments],
            )
        ]
    )
)
sys.exit(service.run())
"""


class LaunchProcess(LoggedProcess):
    """
    A launch file that runs, as ``ros2 launch`` would run it.

    :param path: of the launch file
    :param arguments: such as ``'device:=cpu'``
    :param output: file for what launch and its processes print
    :param environment: variables beside those of this process
    """

    def __init__(
        self,
        path: Path,
        arguments: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, '-c', RUNNER, str(path), *arguments]
        given = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'PYTHONUNBUFFERED': '1'}
        super().__init__(command, output, {**given, **(environment or {})})

    @property
    def node_pids(self) -> list[int]:
        """Return the process ids of the nodes in the order of their start."""
        return [int(pid) for pid in re.findall(r'process started with pid \[(\d+)\]', self.output)]

    def wait_for_output(self, text: str, count: int = 1) -> None:
        """Wait until a text has been printed so many times."""
        wait_until(
            lambda: self.output.count(text) >= count or not self.is_running(),
            START_TIMEOUT_S,
            f'{text!r}:\n{self.output}',
        )
        assert self.output.count(text) >= count, self.output

    def wait_for_exit(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait until launch ends and return its exit code."""
        wait_until(lambda: not self.is_running(), timeout_s, 'the end of launch')
        return self._process.returncode

    def stop(self) -> None:
        """Press Ctrl-C and check that launch and its nodes end cleanly."""
        self._process.send_signal(signal.SIGINT)
        assert self.wait_for_exit() == 0, self.output
        assert 'process has died' not in self.output.partition('user interrupted')[2], self.output

    def kill(self) -> None:
        """End launch, and the nodes that it leaves behind then."""
        if self.is_running():
            super().kill()
            for pid in self.node_pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
