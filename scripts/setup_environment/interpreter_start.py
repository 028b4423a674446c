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
Complete the environment of the virtual environment's Python when it starts.

``make setup`` copies this module into the virtual environment, where a ``.pth`` file calls
``complete_environment`` before the ROS wheels' own bootstrapper runs. That bootstrapper restarts
Python once with the library path of the wheels; what is set here is then part of it.
"""

import os
import sys

_BOOTSTRAPPER_HAS_RUN = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'
_COLCON_SETUP = '_local_setup_util_sh.py'


def complete_environment(overlay: str) -> None:
    """
    Make the wheels and the overlay a ROS environment, as sourcing their setup files would.

    :param overlay: installation prefix of surgseg_ros; left out while it does not exist
    """
    if any(argument.endswith(_COLCON_SETUP) for argument in sys.orig_argv):
        # This program of colcon's setup files compares with what the calling shell has set.
        return
    prefixes = [prefix for prefix in (overlay, sys.prefix) if os.path.isdir(prefix)]
    libraries = [os.path.join(prefix, 'lib') for prefix in prefixes]
    known = os.environ.get('LD_LIBRARY_PATH', '').split(os.pathsep)
    if not set(libraries) <= set(known):
        # The mark came from another environment's Python; the libraries of this one are missing.
        os.environ.pop(_BOOTSTRAPPER_HAS_RUN, None)
    _prepend('LD_LIBRARY_PATH', libraries)
    _prepend('AMENT_PREFIX_PATH', prefixes)
    _prepend('CMAKE_PREFIX_PATH', prefixes)


def _prepend(variable: str, entries: list[str]) -> None:
    known = [entry for entry in os.environ.get(variable, '').split(os.pathsep) if entry]
    new = [entry for entry in entries if entry not in known]
    os.environ[variable] = os.pathsep.join(new + known)
