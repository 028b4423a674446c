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


import itertools

import numpy as np
import pytest

from surgseg_ros.data import get_label_set
from surgseg_ros.simulation import InstrumentScript
from surgseg_ros.simulation import randomized_frames
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation import Waypoint

SMALL = {'width': 320, 'height': 256}
CLEAN = {'noise': 0.0, 'smoke': 0.0, 'defocus': 0.0}


def first_frame(**options):
    with StereoEndoscopeSimulator(SceneOptions(**{**SMALL, **options})) as simulator:
        return simulator.step()


def test_images_and_labels_have_the_size_asked_for(frame):
    for eye in (frame.left, frame.right):
        assert eye.image.shape == (256, 320, 3)
        assert eye.image.dtype == np.uint8
        assert {*eye.labels} == {'binary', 'parts', 'types', 'instance'}
        assert all(
            image.shape == (256, 320) and image.dtype == np.uint8 for image in eye.labels.values()
        )


def test_label_images_agree_with_each_other(frame):
    for eye in (frame.left, frame.right):
        foreground = eye.labels['binary'] == 1
        assert 0.02 < foreground.mean() < 0.7
        for name in ('parts', 'types', 'instance'):
            assert np.array_equal(eye.labels[name] > 0, foreground)


def test_labels_are_classes_of_their_label_sets(frame):
    for name in ('binary', 'parts', 'types'):
        assert frame.left.labels[name].max() < get_label_set(name).num_classes
    assert frame.left.labels['instance'].max() <= len(frame.left.instruments)


def test_every_instance_has_the_type_that_the_truth_says(frame):
    for truth in frame.left.instruments:
        shown = frame.left.labels['types'][frame.left.labels['instance'] == truth.instance_id]
        assert (shown == truth.class_id).all()
        assert get_label_set('types').class_names[truth.class_id] == truth.class_name


def test_equal_options_give_equal_frames():
    options = SceneOptions.randomized(11, **SMALL)
    with StereoEndoscopeSimulator(options) as one, StereoEndoscopeSimulator(options) as other:
        for first, second in zip(itertools.islice(one, 3), other, strict=False):
            assert np.array_equal(first.left.image, second.left.image)
            assert np.array_equal(first.right.image, second.right.image)
            assert np.array_equal(first.left.labels['parts'], second.left.labels['parts'])
            assert first.left.instruments[0].tip == pytest.approx(second.left.instruments[0].tip)


def test_other_seeds_give_other_scenes(frame):
    other = first_frame(seed=4)
    assert np.mean(other.left.labels['parts'] != frame.left.labels['parts']) > 0.02


def test_instruments_move():
    with StereoEndoscopeSimulator(SceneOptions(seed=3, rate_hz=2.0, **SMALL)) as simulator:
        first, second = itertools.islice(simulator, 2)
    assert (first.index, second.index) == (0, 1)
    assert second.time == pytest.approx(0.5)
    assert np.linalg.norm(second.left.instruments[0].tip - first.left.instruments[0].tip) > 0.0005


def test_tips_project_to_their_pixels(simulator, frame):
    for eye in (frame.left, frame.right):
        for truth in eye.instruments:
            assert simulator.camera.project(truth.tip) == pytest.approx(truth.tip_px)


def test_the_tip_is_midway_between_both_jaws(frame):
    for eye in (frame.left, frame.right):
        for truth in eye.instruments:
            length = np.linalg.norm(np.diff(truth.jaw_tips_px, axis=0))
            # Perspective moves the middle of a line, but not by much.
            assert truth.jaw_tips_px.mean(axis=0) == pytest.approx(
                truth.tip_px, abs=0.05 * length + 0.1
            )


def test_tips_of_both_eyes_differ_by_the_baseline(simulator, frame):
    camera = simulator.camera
    for left, right in zip(frame.left.instruments, frame.right.instruments, strict=True):
        assert left.tip - right.tip == pytest.approx((camera.baseline, 0, 0), abs=1e-12)
        disparity = left.tip_px - right.tip_px
        assert disparity == pytest.approx((camera.fx * camera.baseline / left.tip[2], 0), abs=1e-9)


def test_closed_tips_lie_on_the_claspers_of_their_instrument():
    clasper = get_label_set('parts').index('clasper')
    checked = 0
    for seed in range(4):
        options = SceneOptions(
            seed=seed,
            rate_hz=2.0,
            num_instruments=1,
            instrument_types=('large needle driver',),
            **SMALL,
        )
        with StereoEndoscopeSimulator(options) as simulator:
            for frame in itertools.islice(simulator, 12):
                truth = frame.left.instruments[0]
                if not truth.tip_visible or truth.jaw_angle > 0.02:
                    continue
                checked += 1
                column, row = np.round(truth.tip_px).astype(int)
                rows, columns = (
                    slice(max(row - 1, 0), row + 2),
                    slice(max(column - 1, 0), column + 2),
                )
                assert (frame.left.labels['parts'][rows, columns] == clasper).any()
    assert checked > 0


def test_centroids_are_those_of_the_label_image(frame):
    for eye in (frame.left, frame.right):
        for truth in eye.instruments:
            rows, columns = np.nonzero(eye.labels['instance'] == truth.instance_id)
            if len(rows) == 0:
                assert np.isnan(truth.centroid).all()
            else:
                assert truth.centroid_px == pytest.approx((columns.mean(), rows.mean()))


def test_areas_are_those_of_the_label_image(frame):
    for eye in (frame.left, frame.right):
        for truth in eye.instruments:
            assert truth.area == (eye.labels['instance'] == truth.instance_id).sum()


def test_without_images_there_are_the_same_labels():
    options = SceneOptions(seed=3, black_border='circle', overlay='console', **SMALL)
    with StereoEndoscopeSimulator(options, render_images=False) as simulator:
        bare = simulator.step()
    with StereoEndoscopeSimulator(options) as simulator:
        full = simulator.step()
    for eye in ('left', 'right'):
        for name, labels in full.eyes[eye].labels.items():
            assert np.array_equal(labels, bare.eyes[eye].labels[name])
    with pytest.raises(AttributeError, match='render_images'):
        _ = bare.left.image


def test_the_middle_of_a_shaft_is_its_axis():
    tip, entry, slope = Waypoint(0.0, 0.6, 0.5, 0.09), 2.7, 0.4
    options = SceneOptions(
        num_instruments=1, instrument_types=('large needle driver',), camera_motion=0.0, **SMALL
    )
    with StereoEndoscopeSimulator(
        options, scripts=(InstrumentScript((tip,), entry, slope),), render_images=False
    ) as simulator:
        frame = simulator.step()
        direction = np.array([-np.cos(entry), -np.sin(entry), slope])
        direction /= np.linalg.norm(direction)
        for eye, view in frame.eyes.items():
            back = np.linspace(0.04, 0.055, 5)[:, None]
            axis = view.instruments[0].tip - back * direction
            depth = simulator.middle_depth(1, simulator.camera.project(axis), eye)
            assert depth == pytest.approx(axis[:, 2], abs=1e-4)


def test_the_middle_lies_behind_the_visible_surface_of_every_instrument(simulator, frame):
    for eye, view in frame.eyes.items():
        for truth in view.instruments:
            rows, columns = np.nonzero(view.labels['instance'] == truth.instance_id)
            if len(rows) == 0:
                continue
            pixels = np.column_stack((columns, rows))
            depth = simulator.middle_depth(truth.instance_id, pixels, eye)
            inside = ~np.isnan(depth)
            assert inside.mean() > 0.9
            beyond = 1 / np.mean(1 / depth[inside]) - truth.centroid[2]
            assert 0.0005 < beyond < 0.008


def test_middle_depths_are_nan_beside_the_instrument(simulator, frame):
    rows, columns = np.nonzero(frame.left.labels['instance'] == 0)
    pixels = np.column_stack((columns, rows))[::97]
    instance = frame.left.instruments[0].instance_id
    assert np.isnan(simulator.middle_depth(instance, pixels)).mean() > 0.95


def test_middle_depths_of_what_does_not_exist_are_refused(simulator, frame):
    pixels = np.zeros((1, 2))
    with pytest.raises(ValueError, match='no instrument 7'):
        simulator.middle_depth(7, pixels)
    with pytest.raises(ValueError, match="'middle' is not one of: left, right"):
        simulator.middle_depth(1, pixels, 'middle')
    with (
        StereoEndoscopeSimulator(SceneOptions(**SMALL), render_images=False) as unused,
        pytest.raises(RuntimeError, match='call step first'),
    ):
        unused.middle_depth(1, pixels)


def test_triangulated_centroids_agree_with_the_truth(simulator, frame):
    camera = simulator.camera
    checked = 0
    for left, right in zip(frame.left.instruments, frame.right.instruments, strict=True):
        mask = frame.left.labels['instance'] == left.instance_id
        if not mask.any() or touches_border(mask):
            continue
        checked += 1
        disparity = left.centroid_px[0] - right.centroid_px[0]
        assert camera.fx * camera.baseline / disparity == pytest.approx(left.centroid[2], rel=0.1)
    assert checked or all(
        touches_border(frame.left.labels['instance'] == truth.instance_id)
        for truth in frame.left.instruments
    )


def touches_border(mask):
    return mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()


@pytest.mark.parametrize(
    'option',
    [
        {'noise': 8.0},
        {'smoke': 0.7},
        {'defocus': 2.0},
        {'motion_blur': 8.0},
        {'jpeg_quality': 30},
        {'exposure': 1.6},
        {'tool_blood': 0.6},
        {'blood': 0.4},
        {'vessels': 1.0},
        {'wetness': 1.0},
        {'light_offset': 0.02},
        {'metal_contrast': 0.1},
        {'sharpening': 1.0},
        {'bloom': 1.0, 'exposure': 2.0},
        {'color_cast': 'violet'},
        {'near_infrared': 1.0},
        {'fog': 0.8},
        {'lens_dirt': 1.0},
        {'interlacing': 8.0},
        {'video_compression': 1.0},
    ],
    ids=str,
)
def test_options_change_the_image_but_not_the_labels(option):
    base = {'seed': 8, 'eyes': ('left',), **CLEAN}
    plain, changed = first_frame(**base), first_frame(**{**base, **option})
    assert np.abs(plain.left.image.astype(int) - changed.left.image).mean() > 0.2
    assert np.array_equal(plain.left.labels['parts'], changed.left.labels['parts'])


def test_the_black_border_is_background():
    frame = first_frame(seed=8, black_border='circle', **CLEAN)
    outside = ~frame.left.image.any(axis=2)
    outside[64:192, 64:256] = False
    assert outside.mean() > 0.05
    assert not frame.left.labels['binary'][outside].any()


@pytest.mark.parametrize('count', [0, 1, 3])
def test_the_number_of_instruments_is_the_one_asked_for(count):
    frame = first_frame(seed=2, num_instruments=count)
    assert len(frame.left.instruments) == count
    assert set(np.unique(frame.left.labels['instance'])) <= set(range(count + 1))


def test_the_types_are_those_asked_for():
    types = ('vessel sealer', 'bipolar forceps')
    frame = first_frame(instrument_types=types)
    assert tuple(truth.class_name for truth in frame.left.instruments) == types


def test_distractors_are_visible_background():
    base = {'seed': 5, 'num_instruments': 0, 'eyes': ('left',), **CLEAN}
    plain = first_frame(**base)
    cluttered = first_frame(**base, threads=3, needles=2, gauzes=2, clips=8)
    assert np.mean(np.abs(plain.left.image.astype(int) - cluttered.left.image) > 30) > 0.002
    assert not cluttered.left.labels['binary'].any()


def test_openings_of_jaws_are_labeled_on_demand():
    clasper = get_label_set('parts').index('clasper')
    base = {
        'num_instruments': 1,
        'instrument_types': ('prograsp forceps',),
        'eyes': ('left',),
    }
    added = 0
    for seed in range(3):
        filled = first_frame(seed=seed, **base).left.labels['parts']
        exact = first_frame(seed=seed, fill_fenestrations=False, **base).left.labels['parts']
        changed = filled != exact
        assert (exact[changed] == 0).all()
        assert (filled[changed] == clasper).all()
        added += changed.sum()
    assert added > 50


def test_a_single_eye_can_be_rendered():
    both = first_frame(seed=6)
    right = first_frame(seed=6, eyes=('right',))
    assert np.array_equal(both.right.labels['parts'], right.right.labels['parts'])
    with pytest.raises(AttributeError, match="add it to the option 'eyes'"):
        _ = right.left


def test_a_closed_simulator_refuses_to_render():
    simulator = StereoEndoscopeSimulator(SceneOptions(**SMALL))
    simulator.close()
    simulator.close()
    with pytest.raises(RuntimeError, match='closed'):
        simulator.step()


def test_randomized_frames_come_from_ever_new_scenes():
    frames = list(itertools.islice(randomized_frames(20, 160, 128, frames_per_scene=2), 4))
    again = next(randomized_frames(21, 160, 128, frames_per_scene=1))
    assert all(frame.image.shape == (128, 160, 3) for frame in frames)
    assert np.array_equal(frames[2].image, again.image)
    assert np.any(frames[0].image != frames[2].image)


def test_shafts_come_from_outside_the_image():
    for seed in range(8):
        instance = first_frame(seed=seed, num_instruments=1, eyes=('left',)).left.labels[
            'instance'
        ]
        assert not instance.any() or touches_border(instance), seed
