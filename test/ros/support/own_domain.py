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

"""The DDS domain that a process and the nodes which it starts have to themselves."""

import os

FIRST_DOMAIN, DOMAINS = 20, 80


def own_domain() -> int:
    """Return a domain that no other process of this computer is likely to use."""
    return FIRST_DOMAIN + os.getpid() % DOMAINS


def own_domain_variables() -> dict[str, str]:
    """Return the environment variables with which nodes join that domain, on this computer."""
    return {
        'ROS_DOMAIN_ID': str(own_domain()),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }
