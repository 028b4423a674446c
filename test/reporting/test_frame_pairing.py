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

import numpy as np
import pytest

from surgseg_ros.reporting.frame_pairing import FramePairing
from surgseg_ros.reporting.frame_pairing import PARTS

EYES = ('left', 'right')


def array(value):
    return np.full((10, 10), value, np.uint8)


@pytest.mark.parametrize('order', [PARTS, PARTS[::-1]])
def test_a_frame_is_complete_when_every_part_of_every_eye_is_there(order):
    pairing = FramePairing(EYES)
    values = {
        (eye, part): 10 * i + j for i, eye in enumerate(EYES) for j, part in enumerate(PARTS)
    }
    for part in order:
        for eye in EYES:
            assert pairing.take_complete(7) is None
            pairing.add(7, eye, part, array(values[eye, part]))
    frames = pairing.take_complete(7)
    for eye in EYES:
        for part in PARTS:
            assert getattr(frames[eye], part)[0, 0] == values[eye, part]
    assert pairing.take_complete(7) is None


def test_parts_of_neighbouring_stamps_are_never_mixed():
    pairing = FramePairing(['left'])
    for part in PARTS[:-1]:
        pairing.add(1, 'left', part, array(1))
    pairing.add(2, 'left', PARTS[-1], array(2))
    assert pairing.take_complete(1) is None
    assert pairing.take_complete(2) is None


@pytest.mark.parametrize('shape', [(11, 10), (10, 11)])
def test_parts_of_different_size_make_no_frame(shape):
    pairing = FramePairing(['left'])
    for part in PARTS[1:]:
        pairing.add(1, 'left', part, array(1))
    pairing.add(1, 'left', PARTS[0], np.zeros(shape, np.uint8))
    assert pairing.take_complete(1) is None
    assert set(pairing.add(1, 'left', 'truth', array(1))) == {'truth'}


def test_the_parts_that_have_arrived_are_returned():
    pairing = FramePairing(EYES)
    pairing.add(1, 'left', 'truth', array(1))
    assert set(pairing.add(1, 'left', 'prediction', array(1))) == {'truth', 'prediction'}


def test_the_oldest_frames_are_forgotten_at_the_memory_limit():
    pairing = FramePairing(['left'], memory_limit=450)
    for stamp in (1, 2, 3, 4, 5):
        pairing.add(stamp, 'left', 'image', array(stamp))
    assert set(pairing.add(1, 'left', 'truth', array(1))) == {'truth'}
    assert set(pairing.add(5, 'left', 'truth', array(5))) == {'image', 'truth'}
