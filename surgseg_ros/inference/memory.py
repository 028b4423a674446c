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

"""Memory that the process has freed and the C library keeps."""

import ctypes
import gc


def return_free_memory() -> None:
    """
    Give what has been freed back to the system, where the C library can.

    glibc keeps freed blocks below any that is still in use, tens of MB after a network. Other C
    libraries have no such function and need none.
    """
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if malloc_trim is not None:
        malloc_trim(0)
