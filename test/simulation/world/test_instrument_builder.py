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


from instrument_models import build
import numpy as np

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation.world.materials import draw_look


def test_labels_cover_every_geom(built):
    _, model, _, labels = built
    assert model.ngeom == len(labels)
    assert {model.geom(label.name).id for label in labels} == set(range(model.ngeom))


def test_a_cover_hides_the_wrist_and_belongs_to_the_instrument():
    rng = np.random.default_rng(0)
    sheath = draw_look('prograsp forceps', SceneOptions(), rng).insert
    bare, covered = (build('prograsp forceps', cover=cover)[2] for cover in (None, sheath))
    more = [label for label in covered if label.material is sheath]
    assert len(covered) == len(bare) + 3
    assert {label.part for label in more} >= {1, 2}
    assert all(label.instrument_id == 1 for label in more)
