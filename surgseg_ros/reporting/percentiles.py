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

"""What times and gaps typically are, and rarely."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Percentiles(NamedTuple):
    """The 50th, 95th and 99th percentile of values, in their unit."""

    p50: float
    p95: float
    p99: float


def percentiles(values: Iterable[float]) -> Percentiles | None:
    """Return the percentiles of values, interpolated linearly; ``None`` of nothing."""
    array = np.fromiter(values, float)
    return Percentiles(*np.percentile(array, (50, 95, 99)).tolist()) if array.size else None
