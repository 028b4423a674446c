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


from functools import cache

import mujoco
import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation.options import LIMITS
from surgseg_ros.simulation.world.distractors import add_distractors
from surgseg_ros.simulation.world.distractors import Ground

SMALL = {'width': 320, 'height': 256, 'eyes': ('left',), 'noise': 0.0}
KINDS = {
    'threads': 3,
    'needles': 2,
    'gauzes': 2,
    'clips': 8,
    'drains': 2,
    'vessel_loops': 2,
    'polymer_clips': 8,
    'towels': 2,
    'bubbles': 30,
}


@cache
def first_frame(**options):
    """Return the left image and labels of a scene; tests share those without distractors."""
    with StereoEndoscopeSimulator(SceneOptions(**{**SMALL, **options})) as simulator:
        return simulator.step().left


def labels_of(**options):
    ground = Ground(lambda x, y: 0.1 * x, lambda x, y: np.array([0.4, 0.1, 0.1]))
    spec = mujoco.MjSpec()
    labels = add_distractors(spec, SceneOptions(**options), np.random.default_rng(1), ground)
    return labels, spec.compile()


@pytest.mark.parametrize(('kind', 'count'), KINDS.items())
def test_distractors_are_visible_background(kind, count):
    visible = 0
    for seed in (5, 6):
        base = {'seed': seed, 'num_instruments': 0}
        plain, cluttered = first_frame(**base), first_frame(**base, **{kind: count})
        assert not cluttered.labels['binary'].any()
        difference = np.abs(plain.image.astype(int) - cluttered.image).max(axis=2)
        visible += np.mean(difference > 30)
    assert visible > 0.001


@pytest.mark.parametrize(('kind', 'count'), KINDS.items())
def test_every_geom_is_labeled_as_no_instrument(kind, count):
    labels, model = labels_of(**{kind: count})
    assert len(labels) == model.ngeom >= count
    assert {label.instrument_id for label in labels} == {0}


def test_no_kind_changes_what_another_one_looks_like():
    alone, _ = labels_of(drains=2)
    among, _ = labels_of(drains=2, gauzes=2, threads=3)
    assert {label.material for label in alone} <= {label.material for label in among}


def test_distractors_leave_visible_instruments_labeled_as_they_were():
    base = {'seed': 3, 'fill_fenestrations': False}
    plain = first_frame(**base).labels['parts']
    cluttered = first_frame(**base, **KINDS).labels['parts']
    kept = cluttered > 0
    assert kept.any()
    assert np.array_equal(cluttered[kept], plain[kept])


def test_some_boards_carry_pegs():
    counts = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        ground = Ground(lambda x, y: 0.0, lambda x, y: np.zeros(3))
        options = SceneOptions(backdrop='board')
        counts.append(len(add_distractors(mujoco.MjSpec(), options, rng, ground)))
    assert min(counts) == 0
    assert max(counts) >= 12


def test_a_scene_may_hold_the_most_of_everything():
    kinds = (*KINDS, 'probes', 'suctions', 'cannulas', 'retractors')
    most = {kind: int(LIMITS[kind][1]) for kind in kinds}
    for seed in range(3):
        frame = first_frame(seed=seed, num_instruments=3, backdrop='board', **most)
        assert frame.image.shape == (256, 320, 3)
