#!/usr/bin/env bash
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


# Set up the environment of surgseg_ros: find a Python that can, and let it go on.
# Options: see `scripts/setup.sh --help`.
set -euo pipefail

readonly checkout="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

# Exit status 0: everything a private environment needs; 3: the version fits, a system package
# (python3-venv, python3-dev) is missing.
readonly probe='
import importlib.util, os, sys, sysconfig
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(1)
header = os.path.join(sysconfig.get_path("include"), "Python.h")
parts = importlib.util.find_spec("ensurepip"), importlib.util.find_spec("venv")
sys.exit(0 if all(parts) and os.path.isfile(header) else 3)
'

find_python() {
  local candidate incomplete=''
  for candidate in python3 python3.11 python3.12 python3.13; do
    local status=0
    "$candidate" -c "$probe" 2>/dev/null || status=$?
    if [[ $status == 0 ]]; then
      echo "$candidate"
      return
    elif [[ $status == 3 && -z $incomplete ]]; then
      incomplete="$candidate"
    fi
  done
  if [[ -z $incomplete ]]; then
    echo 'setup: no Python from 3.11 to 3.13 found on PATH. Install one, such as:' >&2
    echo '    sudo apt-get install python3.11 python3.11-venv python3.11-dev' >&2
    return 1
  fi
  echo "$incomplete"
}

# Print a colon-separated list without the entries inside this checkout.
entries_outside() {
  local entry result=''
  while IFS= read -r -d ':' entry; do
    if [[ -n $entry && $entry != "$checkout"/* ]]; then
      result+="${result:+:}$entry"
    fi
  done <<<"$1:"
  echo "$result"
}

# The Python of our own environment must not build that environment.
PATH="$(entries_outside "$PATH")"
AMENT_PREFIX_PATH="$(entries_outside "${AMENT_PREFIX_PATH:-}")"
export PATH AMENT_PREFIX_PATH

readonly recorded="$checkout/.venv/.surgseg_ros/base_python"
if [[ -n ${ROS_DISTRO:-} || -n $AMENT_PREFIX_PATH ]]; then
  python="$(command -v python3)"
elif [[ -r $recorded && -x $(<"$recorded") ]]; then
  python="$(<"$recorded")"
else
  python="$(find_python)"
  python="$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')"
fi

cd "$checkout/scripts"
exec "$python" -m setup_environment "$@"
