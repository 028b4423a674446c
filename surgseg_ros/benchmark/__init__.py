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

"""
Measurement of the networks, without ROS; :mod:`surgseg_ros.nodes.benchmark` measures the node.

- :mod:`.measurement`: what ``surgseg benchmark`` does, network by network
- :mod:`.rows`, :mod:`.targets`: from times to the rows of the table, and what they should reach
- :mod:`.report`, :mod:`.plot`, :mod:`.performance_page`: JSON, Markdown, plot, ``docs/`` page
- :mod:`.eager_engine`, :mod:`.roofline`: what it is compared with: plain PyTorch, and the hardware
- :mod:`.machine`, :mod:`.cpu_use`: the computer, and what others do to it
- :mod:`.process`, :mod:`.process_memory`: CPU time and memory of a process
- :mod:`.picture`: the drawn picture that backends must agree on
"""
