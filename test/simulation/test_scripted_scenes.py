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


import functools

import numpy as np
import pytest

from surgseg_ros.simulation import get_scripted_scene
from surgseg_ros.simulation import SCRIPTED_SCENES
from surgseg_ros.simulation import StereoEndoscopeSimulator

SMALL = {'width': 320, 'height': 256}
PX_AT_1280 = 1280 / 320
RATE_HZ = 10.0


@functools.cache
def watch(name):
    """Return what the left eye sees of a whole scene."""
    scene = get_scripted_scene(name, rate_hz=RATE_HZ, eyes=('left',), **SMALL)
    with scene.make_simulator(render_images=False) as simulator:
        return [simulator.step().left for _ in range(scene.num_frames)]


def tips_px(frames):
    """Return the (frames, instruments, 2) tips in px of a 1280 px wide image."""
    tips = [[truth.tip_px for truth in frame.instruments] for frame in frames]
    return PX_AT_1280 * np.array(tips)


def truths_of(frames, index, name):
    return np.array([getattr(frame.instruments[index], name) for frame in frames])


def durations(wanted):
    """Return how long each unbroken run of true values lasts, in s."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], wanted.astype(int), [0]))))
    return (edges[1::2] - edges[::2]) / RATE_HZ


def touch(instance):
    """Tell whether pixels of the first and the second instrument lie side by side."""
    sums = (instance[:, 1:].astype(int) * 10 + instance[:, :-1], instance[1:] * 10 + instance[:-1])
    return any(np.isin(total, (12, 21)).any() for total in sums)


@pytest.fixture(params=list(SCRIPTED_SCENES))
def name(request):
    return request.param


def test_scenes_are_listed_by_their_name(name):
    scene = SCRIPTED_SCENES[name]
    assert scene.name == name
    assert scene.description
    assert (scene.options.width, scene.options.height, scene.options.rate_hz) == (1280, 1024, 30)
    assert 6 <= scene.duration_s <= 10
    assert scene.num_frames == 30 * scene.duration_s


def test_every_script_lasts_as_long_as_its_scene(name):
    scene = SCRIPTED_SCENES[name]
    for script in scene.scripts:
        assert scene.duration_s - 1 <= script.waypoints[-1].time <= scene.duration_s


def test_an_unknown_scene_is_refused_with_the_names():
    with pytest.raises(ValueError, match='no scene .quick.*calm, crossing, reentry'):
        get_scripted_scene('quick')


def test_a_scene_repeats_exactly():
    scene = get_scripted_scene('fast', rate_hz=2.0, **SMALL)
    with scene.make_simulator() as one, scene.make_simulator(render_images=False) as other:
        for _ in range(3):
            first, second = one.step(), other.step()
            for eye in ('left', 'right'):
                for label, image in first.eyes[eye].labels.items():
                    assert np.array_equal(image, second.eyes[eye].labels[label])
            assert np.array_equal(first.left.instruments[1].tip, second.left.instruments[1].tip)


def test_visible_tips_are_within_60_to_120_mm(name):
    depths = [truth.tip[2] for frame in watch(name) for truth in frame.instruments]
    assert min(depths) >= 0.060
    assert max(depths) <= 0.120


@pytest.mark.parametrize('name', ['calm', 'one_eye_blind', 'fast', 'eye_offset'])
def test_both_tips_stay_in_view_and_apart(name):
    frames = watch(name)
    assert all(truth.tip_visible for frame in frames for truth in frame.instruments)
    assert not any(touch(frame.labels['instance']) for frame in frames)


def test_calm_is_slow():
    speeds = np.linalg.norm(np.diff(tips_px(watch('calm')), axis=0), axis=2) * RATE_HZ
    assert 20 < speeds.max() < 150


@pytest.mark.parametrize(('name', 'low', 'high'), [('fast', 400, 700), ('eye_offset', 250, 450)])
def test_fast_scenes_are_fast(name, low, high):
    speeds = np.linalg.norm(np.diff(tips_px(watch(name)), axis=0), axis=2) * RATE_HZ
    assert (speeds.max(axis=0) > low).all()
    assert speeds.max() < high


def test_crossing_instruments_swap_sides_and_touch_in_the_image():
    frames = watch('crossing')
    order = np.sign(np.diff(tips_px(frames)[..., 0], axis=1)[:, 0])
    assert np.count_nonzero(np.diff(order)) == 4
    assert sum(touch(frame.labels['instance']) for frame in frames) > 20


@pytest.mark.parametrize('name', ['crossing', 'occlusion'])
def test_instruments_that_meet_in_the_image_are_8_mm_apart(name):
    thickness = 0.0045
    scene = get_scripted_scene(name, rate_hz=4.0, eyes=('left',), **SMALL)
    pixels = np.argwhere(np.ones((32, 40)))[:, ::-1] * 8
    nearest = []
    with scene.make_simulator(render_images=False) as simulator:
        for _ in range(scene.num_frames):
            simulator.step()
            gap = np.abs(simulator.middle_depth(1, pixels) - simulator.middle_depth(2, pixels))
            nearest += gap[~np.isnan(gap)].tolist()
    assert len(nearest) > 10
    assert min(nearest) > 0.008 + 2 * thickness


def test_an_instrument_leaves_for_a_second_and_comes_back():
    frames = watch('reentry')
    away = truths_of(frames, 1, 'area') == 0
    assert len(durations(away)) == 1
    assert 0.5 <= durations(away)[0] <= 1.5
    assert not away[[0, -1]].any()
    assert truths_of(frames, 0, 'area').min() > 1000


def test_a_tip_is_covered_twice_for_half_a_second():
    frames = watch('occlusion')
    covered = durations(~truths_of(frames, 0, 'tip_visible'))
    assert len(covered) == 2
    assert covered == pytest.approx(0.5, abs=0.2)
    assert truths_of(frames, 1, 'tip_visible').all()
    assert truths_of(frames, 0, 'area').min() > 500


def test_the_tips_of_the_occlusion_do_not_swap_sides():
    x = tips_px(watch('occlusion'))[..., 0]
    assert (x[:, 1] < x[:, 0]).all()


def test_only_the_scripted_eye_is_blind_and_only_for_a_second():
    scene = SCRIPTED_SCENES['one_eye_blind']
    times = np.arange(scene.num_frames) / scene.options.rate_hz
    blind = [scene.is_blind('right', time) for time in times]
    assert sum(blind) == scene.options.rate_hz
    assert not blind[0]
    assert not blind[-1]
    assert not any(scene.is_blind('left', time) for time in times)
    assert not SCRIPTED_SCENES['calm'].is_blind('right', 5.0)


def second_frame(scene, time, delay):
    """Return the frame at a time in s."""
    options = get_scripted_scene(scene.name, rate_hz=1 / time, **SMALL).options
    with StereoEndoscopeSimulator(
        options, scripts=scene.scripts, right_eye_delay_s=delay, render_images=False
    ) as simulator:
        simulator.step()
        return simulator.step()


def test_the_right_eye_sees_the_offset_scene_20_ms_later():
    scene = SCRIPTED_SCENES['eye_offset']
    time, delay = 0.5, scene.right_eye_delay_s
    assert delay == 0.02
    offset = second_frame(scene, time, delay)
    now, later = second_frame(scene, time, 0.0), second_frame(scene, time + delay, 0.0)
    assert np.array_equal(offset.left.labels['parts'], now.left.labels['parts'])
    assert np.array_equal(offset.right.labels['parts'], later.right.labels['parts'])
    assert np.any(offset.right.labels['parts'] != now.right.labels['parts'])
    moved = offset.right.instruments[0].tip - now.right.instruments[0].tip
    assert np.linalg.norm(moved) > 0.0003
