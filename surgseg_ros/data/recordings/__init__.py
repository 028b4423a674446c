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
Files of rosbag2 recordings, whole or as a recorder left them that was killed.

rosbags refuses files without their end and reads in the order of reception, hence all this.

- :mod:`.recording_files`: which files a recording has, and what its metadata announce
- :mod:`.mcap`, :mod:`.sqlite`: image messages of one file; :mod:`.storage`: what both share
- :mod:`.compression`: zstd and LZ4, also of data that end early
- :mod:`.cdr`: from bytes to the fields of a message; :mod:`.message_order`: by their stamps
- :mod:`.recording`: all files of a recording; :mod:`.errors`
"""
