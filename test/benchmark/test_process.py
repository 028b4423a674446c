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

"""Tests of what a process takes."""

import os
import subprocess
import sys

import psutil
import pytest

from surgseg_ros.benchmark.process import peak_resident_bytes
from surgseg_ros.benchmark.process import process_cpu_s
from surgseg_ros.benchmark.process import resident_bytes


def test_cpu_time_of_no_process():
    with subprocess.Popen([sys.executable, '-c', '']) as process:
        process.wait()
    with pytest.raises(psutil.NoSuchProcess):
        process_cpu_s(process.pid)


def test_memory_of_this_process_and_of_no_process():
    assert 2**20 < resident_bytes() <= peak_resident_bytes()
    assert peak_resident_bytes() == peak_resident_bytes(os.getpid())
    with subprocess.Popen([sys.executable, '-c', '']) as process:
        process.wait()
    with pytest.raises(psutil.NoSuchProcess):
        resident_bytes(process.pid)
    with pytest.raises(FileNotFoundError):
        peak_resident_bytes(process.pid)
