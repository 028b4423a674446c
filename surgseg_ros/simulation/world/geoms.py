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


"""What geoms of the MuJoCo scene are and how they look."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """
    How a geom looks.

    :param color: linear RGB of the diffuse reflection
    :param metal: share of the mirrored surroundings, 0..1
    :param highlight: strength of the light's reflection
    :param gloss: sharpness of the highlight: 0 dull .. 1 polished
    :param fiber: strength of brushing and fibers along the axis, 0..1
    :param bump: roughness of the surface normal, 0..1
    :param facets: how much the surface consists of small plates, slots and screws, 0..1
    :param imprint: visibility of print along the axis: 1 white, -1 black
    """

    color: tuple[float, float, float]
    metal: float
    highlight: float
    gloss: float
    fiber: float
    bump: float
    facets: float = 0.0
    imprint: float = 0.0


@dataclass(frozen=True)
class GeomLabel:
    """
    What the geom ``name`` of the model is.

    :param name: of the geom
    :param instrument_id: 1..n, or 0 if it belongs to no instrument
    :param part: class id in the label set ``parts``
    :param class_id: class id in the label set ``types``
    :param material: its look
    :param fenestrated: it has an opening
    """

    name: str
    instrument_id: int
    part: int
    class_id: int
    material: Material
    fenestrated: bool = False


def geom_group(instrument_id: int) -> int:
    """Return the geom group of an instrument; all that is no instrument is in group 0."""
    return instrument_id
