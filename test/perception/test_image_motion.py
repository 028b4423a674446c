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

"""Tests of how fast instruments move in the image."""

import numpy as np
import pytest

from surgseg_ros.perception.image_motion import ImageMotion
from surgseg_ros.perception.region import NO_POINT
from surgseg_ros.perception.region import Region

SIZE = (640, 512)


def instrument(centroid, tip=None, class_id=1):
    return Region(
        class_id=class_id,
        class_name='instrument',
        score=1.0,
        instrument_index=-1,
        centroid=centroid,
        centroid_covariance=(1.0, 0.0, 1.0),
        orientation=0.0,
        major_axis_length=100.0,
        minor_axis_length=30.0,
        tip=tip or NO_POINT,
        tip_valid=tip is not None,
        bounding_box=(0, 0, 100, 30),
        area=3000,
        touches_border=True,
    )


def motions(*images):
    """Return what is found in the last of the images, each a time and its instruments."""
    motion = ImageMotion(SIZE)
    for time_s, *instruments in images:
        found = motion.update(time_s, instruments)
    return found


def test_nothing_is_known_in_the_first_image():
    assert motions((0.0, instrument((100, 100)), instrument((200, 100)))) == [None, None]


def test_the_tip_tells_the_motion_where_both_images_show_it():
    (found,) = motions(
        (1.0, instrument((100, 100), tip=(150, 110))),
        (1.1, instrument((103, 100), tip=(156, 108))),
    )
    np.testing.assert_allclose(found, (60, -20))


@pytest.mark.parametrize('tips', [((150, 110), None), (None, (156, 108)), (None, None)])
def test_without_both_tips_the_centroid_tells_the_motion(tips):
    (found,) = motions(
        (1.0, instrument((100, 100), tips[0])), (1.1, instrument((103, 101), tips[1]))
    )
    np.testing.assert_allclose(found, (30, 10))


def test_each_instrument_is_compared_with_the_nearest_of_its_class():
    found = motions(
        (0.0, instrument((100, 100)), instrument((300, 100)), instrument((205, 100), class_id=2)),
        (0.1, instrument((310, 100)), instrument((200, 100), class_id=2), instrument((100, 105))),
    )
    np.testing.assert_allclose(found, [(100, 0), (-50, 0), (0, 50)])


def test_a_class_that_was_not_there_has_no_motion():
    assert motions((0.0, instrument((100, 100))), (0.1, instrument((100, 100), class_id=2))) == [
        None
    ]
    assert motions((0.0,), (0.1, instrument((100, 100)))) == [None]
    assert motions((0.0, instrument((100, 100))), (0.1,)) == []


@pytest.mark.parametrize('interval_s', [-0.1, 0.0, 0.6])
def test_no_motion_is_known_after_a_jump_of_time_but_in_the_image_after(interval_s):
    images = [
        (5.0, instrument((100, 100))),
        (5.0 + interval_s, instrument((110, 100))),
        (5.1 + interval_s, instrument((120, 100))),
    ]
    assert motions(*images[:2]) == [None]
    np.testing.assert_allclose(motions(*images), [(100, 0)])


def test_what_is_too_fast_is_another_instrument():
    diagonal = np.hypot(*SIZE)
    for speed, is_known in ((2.9, True), (3.1, False)):
        (found,) = motions(
            (0.0, instrument((100, 100))), (0.1, instrument((100 + speed * 0.1 * diagonal, 100)))
        )
        assert (found is not None) == is_known
