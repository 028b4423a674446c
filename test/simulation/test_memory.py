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


import platform
import subprocess
import sys

import pytest

MEASURE_FAULTS = """
import resource, sys
import numpy as np
from surgseg_ros.simulation.memory import keep_freed_memory
if sys.argv[1] == 'keep':
    assert keep_freed_memory()
np.ones((1024, 1280, 3), np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones((1024, 1280, 3), np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode):
    command = [sys.executable, '-c', MEASURE_FAULTS, mode]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='mallopt is a function of glibc')
def test_images_reuse_freed_memory():
    assert page_faults('keep') < 0.1 * page_faults('default')
