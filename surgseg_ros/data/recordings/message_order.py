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

"""The order of recorded images: that of their stamps, as a camera took them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_FALLBACK = 'all are in the order of their reception'

LONGEST_REPETITION = 10
"""Messages between two of the same stamp; with more between them the stamps begin anew."""


@dataclass(frozen=True)
class MessageOrder:
    """
    An order of messages.

    :param indices: into their list
    :param is_by_stamp: false where they stay in the order of their reception
    :param remark: empty, or what the stamps are like
    """

    indices: list[int]
    is_by_stamp: bool
    remark: str = ''


def order_by_stamp(stamps_ns: Sequence[int]) -> MessageOrder:
    """
    Put messages into the order of their stamps, equal ones into that of their reception.

    Where stamps give no order, because they are missing or begin anew as those of a clip that was
    played in a loop do, the messages stay in the order of their reception.

    :param stamps_ns: in the order of reception
    """
    received = list(range(len(stamps_ns)))
    unstamped = sum(stamp == 0 for stamp in stamps_ns)
    if unstamped > 1:  # one may be where simulated time begins
        missing = f'{unstamped} of {len(stamps_ns)} images have no stamp'
        return MessageOrder(received, False, f'{missing}: {_FALLBACK}')
    order = sorted(received, key=lambda index: stamps_ns[index])
    equal = [(a, b) for a, b in pairwise(order) if stamps_ns[a] == stamps_ns[b]]
    if not equal:
        return MessageOrder(order, True)
    repeated = f'{len(equal)} images have the stamp of another one'
    if max(b - a for a, b in equal) > LONGEST_REPETITION:
        return MessageOrder(received, False, f'{repeated}, long after it: {_FALLBACK}')
    return MessageOrder(order, True, f'{repeated}: these are in the order of their reception')
