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
Measure the running segmentation node end to end: ``python -m surgseg_ros.nodes.benchmark``.

- :mod:`.program`, :mod:`.arguments`, :mod:`.progress`: command line and what it prints
- :mod:`.measurement`, :mod:`.measured_node`: order of the whole; a node under the camera
- :mod:`.camera`, :mod:`.receiver`: the two ends: what drivers send, what trackers get
- :mod:`.plain_baseline`, :mod:`.network`, :mod:`.bare_network`: what the node is compared with
- :mod:`.figures`, :mod:`.report`: from stamps to figures and tables
- :mod:`.process`: what is started, and its memory
- :mod:`.messages`: time of filling and reading image messages alone
"""
