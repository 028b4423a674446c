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

"""Values that people type, as in ``--set KEY=VALUE``."""

import json
from typing import Any


def json_or_text(text: str) -> Any:
    """
    Return a JSON value, or the text itself where it is none.

    >>> json_or_text('[320, 256]'), json_or_text('true'), json_or_text('vanilla')
    ([320, 256], True, 'vanilla')
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
