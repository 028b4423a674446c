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

"""Tests of the crop of the black border, on pictures inside borders that are known."""

from array import array

import cv2
import numpy as np
import pytest

from surgseg_ros.inference.crop import BorderFinder
from surgseg_ros.inference.crop import common_size
from surgseg_ros.inference.crop import CropMode
from surgseg_ros.inference.crop import parse_crop
from surgseg_ros.inference.crop import QUANTUM_PX
from surgseg_ros.inference.crop import Region

SIZE = (1920, 1080)
CONTENT = Region(320, 28, 1280, 1024)


def border(size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """Return the black of a video frame, with noise up to 16."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 17, (size[1], size[0], 3), dtype=np.uint8)


def framed(content: Region = CONTENT, size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """Return dark red tissue with texture inside a black border."""
    image = border(size, seed)
    rng = np.random.default_rng(seed + 1)
    tissue = rng.integers(0, 60, (content.height, content.width, 1), dtype=np.uint8)
    content.cut(image)[:] = tissue + np.array([60, 20, 20], np.uint8)
    return image


def masked(mask: np.ndarray) -> np.ndarray:
    """Return tissue where a mask is set and border elsewhere."""
    height, width = mask.shape
    tissue = framed(Region(0, 0, width, height), (width, height))
    return np.where(mask[..., None] > 0, tissue, border((width, height)))


def assert_tight(found: Region, content: Region, loss: int = 0) -> None:
    """Fail unless a region holds the content, less some pixels, and not much more."""
    margins = (
        content.x - found.x,
        content.y - found.y,
        found.x + found.width - content.x - content.width,
        found.y + found.height - content.y - content.height,
    )
    assert min(margins) >= -loss
    assert max(margins) < 2 * QUANTUM_PX


@pytest.mark.parametrize(
    'value',
    [
        [28, 320, 1280, 1024],
        (28, 320, 1280, 1024),
        np.array([28, 320, 1280, 1024]),
        array('q', [28, 320, 1280, 1024]),
        '[28, 320, 1280, 1024]',
        ' 28,320,1280,1024 ',
    ],
)
def test_four_integers_in_every_form(value):
    assert parse_crop(value) == CropMode(region=Region(28, 320, 1280, 1024))


def test_words():
    assert parse_crop('none') == CropMode()
    assert parse_crop('auto') == CropMode(automatic=True)


@pytest.mark.parametrize(
    'value',
    [
        *('', 'full', '[1, 2, 3]', '1, 2, 3, 4, 5', '[1, 2, 3, 4', '1, 2, 3, 4]', '1 2 3 4'),
        *([1, 2, 3], [1.5, 2, 3, 4], [True, 2, 3, 4], ['1', '2', '3', '4'], [[1, 2], [3, 4]]),
        *('1.0, 2, 3, 4', 'nan, 1, 2, 3', None, 7, False),
    ],
)
def test_junk_is_refused(value):
    with pytest.raises(ValueError, match=r"neither 'none' nor 'auto' nor four integers"):
        parse_crop(value)


@pytest.mark.parametrize('value', ['-1,0,5,5', [0, -1, 5, 5], [0, 0, 0, 5], [0, 0, 5, -5]])
def test_impossible_rectangles_are_refused(value):
    with pytest.raises(ValueError, match='must be 0 or more, width and height 1 or more'):
        parse_crop(value)


def test_cut_is_a_view_and_paste_puts_it_back():
    image = framed()
    view = CONTENT.cut(image)
    assert view.shape == (1024, 1280, 3)
    assert np.shares_memory(view, image)
    labels = np.full((1024, 1280), 3, np.uint8)
    full = CONTENT.paste(labels, SIZE, fill=9)
    assert full.shape == (1080, 1920)
    assert full.dtype == np.uint8
    x, y = CONTENT.offset
    assert full[y, x] == full[y + 1023, x + 1279] == 3
    assert np.count_nonzero(full == 9) == 1920 * 1080 - 1280 * 1024


def test_paste_of_the_whole_image_does_not_copy():
    labels = np.zeros((1080, 1920), np.uint8)
    assert Region.whole(SIZE).paste(labels, SIZE) is labels


def test_paste_refuses_another_size():
    with pytest.raises(ValueError, match='640 x 512 px does not fill a region of 1280 x 1024 px'):
        CONTENT.paste(np.zeros((512, 640), np.uint8), SIZE)


def test_fixed_crop_beyond_the_image_is_refused():
    image = np.zeros((512, 640, 3), np.uint8)
    with pytest.raises(ValueError, match=r'\[320, 28, 1280, 1024\].*image of 640 x 512 px'):
        parse_crop('320,28,1280,1024').select_region(image, BorderFinder())
    with pytest.raises(ValueError, match='reaches beyond the image'):
        CONTENT.paste(np.zeros((1024, 1280), np.uint8), (1920, 1024))


def test_mode_selects_the_region():
    image = framed()
    assert parse_crop('none').select_region(image, BorderFinder()) == Region.whole(SIZE)
    assert parse_crop([8, 9, 64, 32]).select_region(image, BorderFinder()) == Region(8, 9, 64, 32)
    assert_tight(parse_crop('auto').select_region(image, BorderFinder()), CONTENT)


@pytest.mark.parametrize(
    ('content', 'size'),
    [
        (CONTENT, SIZE),
        (Region(313, 15, 1301, 1025), SIZE),
        (Region(100, 60, 400, 300), (640, 512)),
        (Region(640, 56, 2560, 2048), (3840, 2160)),
        (Region(37, 11, 201, 199), (291, 290)),
        (Region(350, 0, 1280, 1080), SIZE),
    ],
)
def test_rectangle(content, size):
    found = BorderFinder().update(framed(content, size))
    assert_tight(found, content)
    assert found.x % QUANTUM_PX == found.y % QUANTUM_PX == 0


def test_image_without_border_is_used_whole():
    image = framed(Region(0, 0, 641, 481), (641, 481))
    assert BorderFinder().update(image) == Region(0, 0, 641, 481)


def test_jpeg_does_not_blow_up_the_border():
    _, data = cv2.imencode('.jpg', framed(), [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert_tight(BorderFinder().update(cv2.imdecode(data, cv2.IMREAD_COLOR)), CONTENT)


def test_circle_gives_its_bounding_rectangle():
    mask = np.zeros((1080, 1920), np.uint8)
    cv2.circle(mask, (960, 540), 500, 1, -1)
    # The outermost row of a circle is a few pixels wide, less than one looks at.
    assert_tight(BorderFinder().update(masked(mask)), Region(460, 40, 1001, 1001), loss=1)


def test_octagon_gives_its_bounding_rectangle():
    mask = np.zeros((1080, 1920), np.uint8)
    corners = [(520, 28), (1400, 28), (1600, 228), (1600, 852)]
    corners += [(1400, 1052), (520, 1052), (320, 852), (320, 228)]
    cv2.fillConvexPoly(mask, np.array(corners), 1)
    assert_tight(BorderFinder().update(masked(mask)), Region(320, 28, 1281, 1025))


def test_text_in_the_border_is_left_out():
    image = framed()
    for row in range(8):
        position = (10, 100 + 120 * row)
        cv2.putText(image, 'PROGRASP 2', position, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255,) * 3, 3)
    assert_tight(BorderFinder().update(image), CONTENT)


def test_region_grows_and_does_not_shrink():
    finder = BorderFinder()
    half_lit = Region(320, 28, 900, 1024)
    first = finder.update(framed(half_lit))
    assert_tight(first, half_lit)
    second = finder.update(framed())
    assert_tight(second, CONTENT)
    assert finder.update(framed(half_lit)) == second


def test_noise_does_not_move_the_region():
    finder = BorderFinder()
    assert len({finder.update(framed(seed=seed)) for seed in range(5)}) == 1


@pytest.mark.parametrize(
    'image',
    [border(), framed(Region(900, 400, 700, 500)), np.zeros((1080, 1920, 3), np.uint8)],
    ids=['dark', 'a quarter', 'black'],
)
def test_dark_scene_tells_nothing_and_changes_nothing(image):
    finder = BorderFinder()
    assert finder.update(image) == Region.whole(SIZE)
    found = finder.update(framed())
    assert_tight(found, CONTENT)
    assert finder.update(image) == found
    assert finder.update(framed()) == found


def test_reset_and_another_image_size_forget_the_region():
    finder = BorderFinder()
    finder.update(framed(Region.whole(SIZE)))
    finder.reset()
    assert_tight(finder.update(framed()), CONTENT)
    small = Region(100, 60, 400, 300)
    assert_tight(finder.update(framed(small, (640, 512))), small)
    assert_tight(finder.update(framed()), CONTENT)


def test_common_size_holds_both_regions_and_stays_inside():
    left, right = Region(320, 16, 1280, 1040), Region(352, 32, 1264, 1048)
    grown = common_size([left, right], SIZE)
    assert {region.size for region in grown} == {(1280, 1048)}
    for small, large in zip((left, right), grown, strict=True):
        large.check_inside(SIZE)
        assert_tight(large, small)


def test_common_size_of_equal_and_of_no_regions():
    assert common_size([CONTENT, CONTENT], SIZE) == [CONTENT, CONTENT]
    assert common_size([], SIZE) == []


def test_common_size_refuses_regions_outside():
    with pytest.raises(ValueError, match='reaches beyond the image of 640 x 512 px'):
        common_size([CONTENT], (640, 512))
