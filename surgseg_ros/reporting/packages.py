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

"""The packages that plots and benchmarks need and nodes do not: the extra ``reports``."""

from importlib.util import find_spec


class MissingPackageError(RuntimeError):
    """A package for reports is not installed; the message says how to install it."""


def check_packages(*names: str) -> None:
    """
    Check that packages can be imported; for the start of what takes long and reports at its end.

    :param names: such as ``'matplotlib'``
    :raises MissingPackageError: if one cannot
    """
    missing = ' '.join(name for name in names if find_spec(name) is None)
    if missing:
        raise MissingPackageError(
            f'not installed, but needed for this: {missing}; run pip install surgseg_ros[reports] '
            f'or, in a checkout, pip install {missing}'
        )
