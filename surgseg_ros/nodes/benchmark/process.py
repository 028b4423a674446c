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

"""What a process under the node benchmark costs, and whether it still runs."""

from surgseg_ros.benchmark.process import peak_resident_bytes
from surgseg_ros.benchmark.process import resident_bytes
from surgseg_ros.nodes.common.child_process import ChildProcess


class BenchmarkError(RuntimeError):
    """The benchmark cannot go on; the message names cause and remedy."""


def check_running(child: ChildProcess) -> None:
    """
    Refuse to go on without a process.

    :raises BenchmarkError: if it has ended
    """
    if child.exit_code is not None:
        raise BenchmarkError(child.describe_exit())


def memory_mb(child: ChildProcess) -> dict[str, float]:
    """Return the resident memory of a process, ``'now'`` and at its ``'peak'`` (MiB)."""
    pid = child.process.pid
    return {'now': resident_bytes(pid) / 2**20, 'peak': peak_resident_bytes(pid) / 2**20}
