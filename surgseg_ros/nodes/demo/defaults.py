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

"""Defaults that the demo command and the demo launch file share."""

from typing import NamedTuple


class CameraFormat(NamedTuple):
    """Size (px) and rate (Hz) of the images of one eye."""

    width: int
    height: int
    rate_hz: float


NAMESPACE = 'endoscope'

UNSEEN_SEED = 2_000_000
"""Training uses seeds below one million and above two billion; from here on none were seen."""

CPU_CAMERA = CameraFormat(640, 512, 5.0)
"""What two CPU cores can simulate, segment and record together."""

CUDA_CAMERA = CameraFormat(1280, 1024, 10.0)
"""A da Vinci endoscope, at a rate that the simulator can render beside a network on the GPU."""
