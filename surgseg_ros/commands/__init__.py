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
The subcommands of ``surgseg``, one module each; they import what they need when they run.

A module holds arguments, help and what is printed; the work is done below: ``predict`` in
:mod:`surgseg_ros.prediction`, ``evaluate`` and ``score-real`` in :mod:`surgseg_ros.evaluation`,
``train`` and ``adapt`` in :mod:`surgseg_ros.training`, ``export`` in
:mod:`surgseg_ros.inference`, ``prepare`` in :mod:`surgseg_ros.data`, ``reproduce`` and
``weights`` in :mod:`surgseg_ros.reproduction`. Arguments that several share are in
:mod:`.arguments`, what those that read frames say at the end is in :mod:`.frame_accounts`.
"""
