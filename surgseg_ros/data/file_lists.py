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

"""Lists of files: what counts in a folder that people and their computers put things into."""

from pathlib import Path

SYSTEM_NAMES = ('thumbs.db', 'desktop.ini', '__macosx')
"""What Windows and macOS leave behind; other files of theirs begin with a dot."""


def is_hidden(path: Path) -> bool:
    """Tell whether a file or folder is passed over without a word wherever files are listed."""
    return path.name.startswith('.') or path.name.lower() in SYSTEM_NAMES
