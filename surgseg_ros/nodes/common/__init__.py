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
What every node shares.

- :mod:`.running`: start, spin and stop a node; signals and exit codes
- :mod:`.parameters`: one table of parameters a node, with ranges and when a change acts
- :mod:`.managed_publishers`, :mod:`.qos_conflicts`: publishers, and who cannot hear them
- :mod:`.problem_log`: say once when a problem comes and when it has gone
- :mod:`.child_process`, :mod:`.process_environment`, :mod:`.argument_types`: for programs that
  start nodes
- :mod:`.launch_files`: what the launch files share; only they may import it
"""
