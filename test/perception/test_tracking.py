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

"""Tests of identities that last, on instruments that move as told."""

from dataclasses import replace
import math

import numpy as np
import pytest

from surgseg_ros.perception.track import Observation
from surgseg_ros.perception.track import PointEstimate
from surgseg_ros.perception.tracking import InstrumentTracker
from surgseg_ros.perception.tracking import TrackerOptions

RATE_HZ = 30
WIDTH, HEIGHT = 640, 512
STEADY = TrackerOptions.for_pixels(WIDTH, confirm_frames=1)
EYE_2 = np.eye(2)


def point(position, std=1.0):
    position = np.array(position, float)
    return PointEstimate(position, std**2 * np.eye(len(position)))


def see(*positions, index=0, class_name='', score=1.0, std=1.0):
    """Return an observation of points, ``None`` for those that are not seen."""
    points = tuple(None if item is None else point(item, std) for item in positions)
    return Observation(points, class_name, score, index)


def run(tracker, frames, start_s=0.0):
    """Return what the tracker reports of every frame, as (id, index) pairs."""
    return [
        [(track.track_id, track.index) for track in tracker.update(start_s + n / RATE_HZ, seen)]
        for n, seen in enumerate(frames)
    ]


def position_of(track, place=0):
    return track.points_after(0.0, 0.0)[place].position


def velocity_of(track, place=0):
    return track.points_after(0.0, 0.0)[place].velocity


def crossing(x, height=200.0):
    """Return two instruments from opposite borders, the centroids' x are x and 640 - x."""
    return [
        see((x, height), (x + 90, height - 20), (0, height + 20), index=0),
        see((WIDTH - x, height), (WIDTH - x - 90, height - 30), (639, height + 30), index=1),
    ]


def test_instruments_keep_their_ids_while_their_centroids_cross():
    tracker = InstrumentTracker(STEADY)
    frames = [crossing(x) for x in range(200, 441, 4)]
    assert run(tracker, frames) == [[(1, 0), (2, 1)]] * len(frames)


def test_instruments_turn_back_after_their_centroids_met():
    tracker = InstrumentTracker(STEADY)
    way = [*range(240, 321, 4), *range(320, 239, -4)]
    assert run(tracker, [crossing(x) for x in way]) == [[(1, 0), (2, 1)]] * len(way)


def test_a_covered_instrument_keeps_its_id_and_does_not_dash():
    tracker = InstrumentTracker(STEADY)
    whole = [[see((150, 200), (260, 210), (0, 190))]] * 20
    fragment = [[see((60, 195), None, (0, 190))]] * 15
    speeds = []
    for n, seen in enumerate(whole + fragment + whole):
        (track,) = tracker.update(n / RATE_HZ, seen)
        assert track.track_id == 1
        speeds.append(np.linalg.norm(velocity_of(track)))
        np.testing.assert_allclose(position_of(track), seen[0].points[0].position, atol=5)
    # The centroid jumps by 90 px in one frame, which would be 2700 px/s.
    assert max(speeds) < 100


def test_one_point_far_away_does_not_decide_alone():
    tracker = InstrumentTracker(replace(STEADY, noise_floor=0.01, acceleration_std=1.0))
    here = [[see((150, 200), (0, 190), std=0.01)]] * 20
    jumped = [[see((60, 200), (0, 190), std=0.01)]] * 5
    assert run(tracker, here + jumped) == [[(1, 0)]] * 25


def test_a_point_that_is_not_seen_for_long_is_forgotten():
    tracker = InstrumentTracker(STEADY)
    run(tracker, [[see((150, 200), (260, 210))]] * 5)
    known = []
    for n in range(5, 25):
        (track,) = tracker.update(n / RATE_HZ, [see((150, 200), None)])
        known.append(track.points_after(0.0, 0.0)[1] is not None)
    assert known[:8] == [True] * 8
    assert known[10:] == [False] * 10


@pytest.mark.parametrize(('away_s', 'returns'), [(0.3, True), (1.8, True), (2.3, False)])
def test_an_instrument_that_comes_back_is_the_same_for_a_while(away_s, returns):
    tracker = InstrumentTracker(STEADY)
    here = [[see((100, 200), (160, 210))]] * 10
    away = [[]] * round(away_s * RATE_HZ)
    reported = run(tracker, here + away + here)
    assert reported[9] == [(1, 0)]
    assert reported[-1] == ([(1, 0)] if returns else [(2, 0)])
    assert tracker.resets == 0


def test_an_instrument_that_is_not_seen_is_reported_for_a_while_without_an_index():
    tracker = InstrumentTracker(replace(STEADY, coast_s=0.41))
    reported = run(tracker, [[see((100, 200))]] * 10 + [[]] * 20)
    assert reported[9] == [(1, 0)]
    assert reported[10:22] == [[(1, None)]] * 12
    assert reported[22:] == [[]] * 8


def test_a_coasting_instrument_goes_on_ever_more_slowly_and_less_surely():
    tracker = InstrumentTracker(STEADY)
    run(tracker, [[see((100 + 8 * n, 200))] for n in range(20)])
    places, spreads = [], []
    for n in range(20, 30):
        (track,) = tracker.update(n / RATE_HZ, [])
        places.append(position_of(track)[0])
        spreads.append(track.points_after(0.0, 0.0)[0].covariance[0, 0])
    steps = np.diff(places)
    assert np.all(steps > 0)
    assert np.all(np.diff(steps) < 0)
    assert np.all(np.diff(spreads) > 0)


def test_the_seen_positions_become_smoother_and_get_a_velocity():
    rng = np.random.default_rng(1)
    tracker = InstrumentTracker(TrackerOptions.for_metres(confirm_frames=1))
    velocity, std = np.array([0.02, -0.01, 0.03]), 0.001
    raw, filtered = [], []
    for n in range(90):
        truth = np.array([0.0, 0.01, 0.1]) + velocity * n / RATE_HZ
        noisy = truth + rng.normal(0, std, 3)
        (track,) = tracker.update(n / RATE_HZ, [see(noisy, std=std)])
        raw.append(noisy - truth)
        filtered.append(position_of(track) - truth)
    assert track.track_id == 1
    assert np.linalg.norm(filtered[10:]) < 0.75 * np.linalg.norm(raw[10:])
    np.testing.assert_allclose(velocity_of(track), velocity, atol=0.02)


def test_the_class_is_what_most_images_say():
    tracker = InstrumentTracker(STEADY)
    names = ['forceps'] * 5 + (['scissors'] + ['forceps'] * 3) * 5 + ['', 'instrument']
    told = set()
    for n, name in enumerate(names):
        (track,) = tracker.update(n / RATE_HZ, [see((100, 200), class_name=name)])
        assert track.track_id == 1
        told.add(track.class_name)
    assert told == {'forceps'}


def test_a_class_that_stays_wins_in_the_end():
    tracker = InstrumentTracker(STEADY)
    for n, name in enumerate(['forceps'] * 100 + ['scissors'] * 60):
        (track,) = tracker.update(n / RATE_HZ, [see((100, 200), class_name=name)])
    assert (track.track_id, track.class_name) == (1, 'scissors')


def test_sure_images_count_more_for_the_class():
    tracker = InstrumentTracker(STEADY)
    for n, (name, score) in enumerate([('forceps', 0.2), ('scissors', 0.9), ('forceps', 0.3)]):
        (track,) = tracker.update(n / RATE_HZ, [see((9, 9), class_name=name, score=score)])
    assert track.class_name == 'scissors'


@pytest.mark.parametrize('name', ['', 'instrument'])
def test_a_type_that_was_never_known_stays_empty(name):
    (track,) = InstrumentTracker(STEADY).update(0.0, [see((9, 9), class_name=name)])
    assert track.class_name == ''


def test_what_flashes_up_is_never_reported():
    rng = np.random.default_rng(2)
    tracker = InstrumentTracker(TrackerOptions.for_pixels(WIDTH))
    frames = [[see((100, 200), index=0)] for _ in range(60)]
    for frame in frames[10:50:5]:
        frame.append(see(rng.uniform((300, 0), (WIDTH, HEIGHT)), index=1))
    reported = run(tracker, frames)
    assert reported[2:] == [[(1, 0)]] * 58
    assert reported[:2] == [[], []]
    ghosts = 8
    late = run(tracker, [[see((100, 200)), see((500, 50), index=1)]] * 3, start_s=2.0)
    assert late[-1] == [(1, 0), (1 + ghosts + 1, 1)]


@pytest.mark.parametrize('jump_s', [-0.001, -5.0, 2.1, 1e9])
def test_a_clock_that_jumps_starts_anew(jump_s):
    tracker = InstrumentTracker(STEADY)
    run(tracker, [[see((100, 200))]] * 3)
    (track,) = tracker.update(2 / RATE_HZ + jump_s, [see((100, 200))])
    assert tracker.resets == 1
    assert track.track_id == 2
    np.testing.assert_array_equal(velocity_of(track), [0, 0])


@pytest.mark.parametrize('step_s', [0.0, 1e-9, 1.9])
def test_an_equal_stamp_and_a_pause_are_no_jumps(step_s):
    tracker = InstrumentTracker(STEADY)
    for n in range(4):
        (track,) = tracker.update(n * step_s, [see((100, 200))])
    assert (track.track_id, tracker.resets) == (1, 0)
    assert np.isfinite(track.filters[0].state).all()


def test_after_a_reset_no_id_is_given_again():
    tracker = InstrumentTracker(STEADY)
    run(tracker, [[see((100, 200)), see((400, 100), index=1)]] * 3)
    tracker.reset()
    assert run(tracker, [[see((100, 200))]], start_s=-100.0) == [[(3, 0)]]
    assert tracker.resets == 0
    tracker.reset()
    assert tracker.update(0.0, []) == []


UNUSABLE = [
    PointEstimate(np.array([math.nan, 200.0]), EYE_2),
    PointEstimate(np.array([100.0, math.inf]), EYE_2),
    PointEstimate(np.array([100.0, 200.0]), np.diag([1.0, math.nan])),
    PointEstimate(np.array([100.0, 200.0]), np.diag([1.0, math.inf])),
    PointEstimate(np.array([100.0, 200.0]), -EYE_2),
    PointEstimate(np.array([100.0, 200.0]), np.diag([1.0, -0.5])),
    None,
]


@pytest.mark.parametrize('bad', UNUSABLE)
def test_an_instrument_without_a_usable_first_point_is_left_out(bad):
    tracker = InstrumentTracker(STEADY)
    seen = see((400, 100), (450, 100), index=1)
    frames = [[Observation((bad, point((150, 200)))), seen]] * 5
    assert run(tracker, frames) == [[(1, 1)]] * 5


def test_exact_positions_are_usable():
    tracker = InstrumentTracker(STEADY)
    exact = PointEstimate(np.array([100.0, 200.0]), np.zeros((2, 2)))
    assert run(tracker, [[Observation((exact,))]] * 5) == [[(1, 0)]] * 5


@pytest.mark.parametrize('bad', UNUSABLE)
def test_another_point_that_cannot_be_used_is_left_out(bad):
    tracker = InstrumentTracker(STEADY)
    for n in range(20):
        tip = bad if 5 <= n < 8 else point((150, 200))
        (track,) = tracker.update(n / RATE_HZ, [Observation((point((100, 200)), tip))])
        assert (track.track_id, track.index) == (1, 0)
    for item in track.filters:
        assert np.isfinite(item.state).all()
    np.testing.assert_allclose(position_of(track, 1), (150, 200), atol=0.1)


def test_an_instrument_without_points_is_left_out():
    assert InstrumentTracker(STEADY).update(0.0, [Observation(())]) == []


def test_numbers_of_points_may_differ():
    tracker = InstrumentTracker(STEADY)
    more, less = see((100, 200), (150, 200), (0, 200)), see((100, 200))
    assert run(tracker, [[less], [more], [less]]) == [[(1, 0)]] * 3
    (track,) = tracker.update(3 / RATE_HZ, [less])
    np.testing.assert_allclose(position_of(track, 1), (150, 200))
    run(tracker, [[less]] * 10, start_s=4 / RATE_HZ)
    assert track.points_after(0.0, 0.0)[1:] == (None, None)


def test_a_flood_of_observations_is_bounded():
    rng = np.random.default_rng(3)
    # Every track is reported as long as it lives.
    options = replace(STEADY, coast_s=3.0, max_gap_s=2.0)
    tracker = InstrumentTracker(options)
    counts = []
    for n in range(40):
        places = rng.uniform((0, 0), (WIDTH, HEIGHT), (50, 2))
        seen = [see(place, place + 40, index=i) for i, place in enumerate(places)]
        tracks = tracker.update(n / RATE_HZ, seen)
        counts.append(len(tracks))
        indices = [track.index for track in tracks if track.index is not None]
        assert len(set(indices)) == len(indices)
        assert len({track.track_id for track in tracks}) == len(tracks)
        assert all(np.isfinite(track.filters[0].state).all() for track in tracks)
    assert set(counts) == {options.max_tracks}


def test_the_order_of_the_observations_does_not_matter():
    rng = np.random.default_rng(4)
    starts = rng.uniform((100, 100), (500, 400), (8, 2))
    velocities = rng.uniform(-4, 4, (8, 2))
    straight, shuffled = InstrumentTracker(STEADY), InstrumentTracker(STEADY)
    for n in range(30):
        places = starts + velocities * n + rng.normal(0, 1, starts.shape)
        seen = [see(place, place + 60, index=i) for i, place in enumerate(places)]
        mixed = [seen[i] for i in (rng.permutation(8) if n else range(8))]
        expected, found = (
            {track.track_id: (track.index, *track.filters[0].state) for track in tracks}
            for tracks in (
                straight.update(n / RATE_HZ, seen), shuffled.update(n / RATE_HZ, mixed),
            )
        )  # fmt: skip
        assert expected == found


def test_points_after_some_latency_lie_ahead():
    tracker = InstrumentTracker(STEADY)
    run(tracker, [[see((100 + 5 * n, 200 - 2 * n), None, (0, 300))] for n in range(40)])
    (track,) = tracker.update(40 / RATE_HZ, [see((300, 120), None, (0, 300))])
    now, later = (track.points_after(latency_s, 100.0) for latency_s in (0.0, 0.1))
    assert now[1] is later[1] is None
    np.testing.assert_allclose(now[0].position, (300, 120), atol=1)
    np.testing.assert_allclose(later[0].position - now[0].position, (15, -6), atol=1)
    np.testing.assert_array_equal(later[0].velocity, now[0].velocity)
    np.testing.assert_allclose(later[2].position, (0, 300), atol=1)
    assert np.linalg.eigvalsh(later[0].covariance - now[0].covariance)[0] > 0
    wild = track.points_after(0.1, 1000.0)
    assert np.linalg.eigvalsh(wild[0].covariance - later[0].covariance)[0] > 0


def ids_after_a_step(options, step):
    """Return the ids of an instrument at rest, and after a sudden step sideways."""
    tracker = InstrumentTracker(options)
    before = run(tracker, [[see((100, 200))]] * 30)[-1]
    after = run(tracker, [[see((100 + step, 200))]], start_s=1.0)[-1]
    return {track_id for track_id, index in before + after if index is not None}


def test_the_gate_probability_decides_on_what_is_the_same_instrument():
    # 4 px are about 2 standard deviations of the innovation.
    without_jumps = replace(STEADY, max_jump=0.0)
    assert ids_after_a_step(without_jumps, 4) == {1}
    assert ids_after_a_step(replace(without_jumps, gate_probability=0.5), 4) == {1, 2}
    assert ids_after_a_step(without_jumps, 40) == {1, 2}


def test_the_noise_floor_widens_the_gate_and_the_covariance():
    assert ids_after_a_step(replace(STEADY, noise_floor=20.0), 40) == {1}
    for floor in (1.0, 5.0):
        (track,) = InstrumentTracker(replace(STEADY, noise_floor=floor)).update(0.0, [see((9, 9))])
        covariance = track.points_after(0.0, 0.0)[0].covariance
        np.testing.assert_allclose(covariance, (1 + floor**2) * EYE_2)


@pytest.mark.parametrize(('class_cost', 'swapped'), [(0.0, False), (100.0, True)])
def test_the_class_cost_decides_whether_place_or_class_tells_the_instrument(class_cost, swapped):
    tracker = InstrumentTracker(replace(STEADY, class_cost=class_cost))
    pair = [
        see((100, 200), class_name='forceps'),
        see((103, 200), class_name='scissors', index=1),
    ]
    exchanged = [
        see((103, 200), class_name='forceps'),
        see((100, 200), class_name='scissors', index=1),
    ]
    run(tracker, [pair] * 10)
    last = run(tracker, [exchanged], start_s=10 / RATE_HZ)[-1]
    assert last == ([(1, 0), (2, 1)] if swapped else [(1, 1), (2, 0)])


@pytest.mark.parametrize('confirm_frames', [1, 2, 5])
def test_an_instrument_is_reported_once_it_is_confirmed(confirm_frames):
    tracker = InstrumentTracker(replace(STEADY, confirm_frames=confirm_frames))
    reported = run(tracker, [[see((100, 200))]] * 6)
    assert reported == [[]] * (confirm_frames - 1) + [[(1, 0)]] * (7 - confirm_frames)


def test_fade_s_decides_how_far_an_unseen_instrument_goes_on():
    ways = []
    for fade_s in (0.05, 0.3, 10.0):
        tracker = InstrumentTracker(replace(STEADY, fade_s=fade_s))
        run(tracker, [[see((100 + 8 * n, 200))] for n in range(20)])
        for n in range(20, 32):
            (track,) = tracker.update(n / RATE_HZ, [])
        ways.append(position_of(track)[0] - (100 + 8 * 19))
    # At 240 px/s, 0.4 s later.
    assert 12 < ways[0] < 40 < ways[1] < 80 < ways[2] < 100


@pytest.mark.parametrize('name', ['acceleration_std', 'speed_std'])
def test_wilder_instruments_may_go_farther_between_two_images(name):
    calm = TrackerOptions(10.0, 10.0, 0.5, confirm_frames=1)

    def ids(options):
        tracker = InstrumentTracker(options)
        frames = [[see((100, 200))], [see((140, 200))]]
        return [track_id for track_id, index in run(tracker, frames)[-1] if index is not None]

    assert ids(calm) == [2]
    assert ids(replace(calm, **{name: 30000.0})) == [1]


def test_no_more_than_max_tracks_are_followed():
    seen = [see((100 * n, 200), index=n) for n in range(5)]
    tracker = InstrumentTracker(replace(STEADY, max_tracks=3))
    assert run(tracker, [seen] * 2)[-1] == [(1, 0), (2, 1), (3, 2)]


def test_options_take_effect_from_the_next_image_on():
    tracker = InstrumentTracker(STEADY)
    run(tracker, [[see((100, 200))]] * 3)
    tracker.options = replace(STEADY, coast_s=0.0)
    assert tracker.update(3 / RATE_HZ, []) == []
    tracker.options = STEADY
    assert [track.track_id for track in tracker.update(4 / RATE_HZ, [])] == [1]


def test_options_for_pixels_scale_with_the_image():
    small, large = TrackerOptions.for_pixels(640), TrackerOptions.for_pixels(1280, coast_s=0.1)
    for name in ('acceleration_std', 'speed_std', 'noise_floor'):
        assert getattr(large, name) == 2 * getattr(small, name)
    assert (small.coast_s, large.coast_s) == (TrackerOptions.coast_s, 0.1)


@pytest.mark.parametrize(
    ('name', 'values'),
    [
        ('acceleration_std', (0.0, -1.0, math.nan)),
        ('speed_std', (0.0, -1.0, math.nan)),
        ('noise_floor', (0.0, -1.0, math.nan)),
        ('max_gap_s', (0.0, -1.0, math.nan)),
        ('fade_s', (0.0, -1.0, math.nan)),
        ('class_cost', (-0.1, math.nan)),
        ('confirm_frames', (0, -1)),
        ('coast_s', (-0.1, math.nan)),
        ('max_tracks', (0, -1)),
        ('gate_probability', (0.0, 1.0, -1.0, math.nan)),
    ],
)
def test_options_are_checked(name, values):
    for value in values:
        with pytest.raises(ValueError, match=f'{name} must be .*{value}'):
            TrackerOptions.for_metres(**{name: value})
