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

"""What positions and tracks should reach."""

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

MAX_CENTROID_PX = 0.5
MAX_TIP_PX = 2.0
MAX_CENTROID_MM = 1.0
MAX_CENTROID_P95_MM = 2.5
INSIDE = (0.90, 0.99)
"""Share of the errors in the ellipsoid that should hold 95 %."""
MIN_SCORE = 0.95
"""Of MOTA and IDF1."""
IDENTITY_SCENES = ('crossing', 'reentry')
"""Scenes in which no identity may be lost."""


@dataclass(frozen=True)
class Target:
    """
    A figure and what it should be.

    :param text: which figure it is
    :param value: what was measured, ``None`` if nothing was
    :param least: of the figure
    :param most: of the figure
    """

    text: str
    value: float | None
    least: float
    most: float

    @property
    def met(self) -> bool:
        """Tell whether the figure is what it should be."""
        return self.value is not None and self.least <= self.value <= self.most


def judge_tracks(
    scenes: Mapping[str, Mapping[str, Any]], overall: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """
    Return every target with its value and whether it is met, ready for JSON.

    :param scenes: figures of each scene, see :func:`.evaluate.evaluate_tracks`
    :param overall: those of all scenes together
    """
    targets = [*_error_targets(overall), *_identity_targets(scenes)]
    return [asdict(target) | {'met': target.met} for target in targets]


def _error_targets(overall: Mapping[str, Any]) -> Iterator[Target]:
    image, space = overall['image'], overall['space']
    working = space['working_depths']['centroid']
    for text, value, most in (
        ('centroid in the image, median, px', image['centroid'].get('median'), MAX_CENTROID_PX),
        ('tip in the image, median, px', image['tip'].get('median'), MAX_TIP_PX),
        ('centroid in space, 60-120 mm, median, mm', working.get('median'), MAX_CENTROID_MM),
        ('centroid in space, 60-120 mm, 95 %, mm', working.get('p95'), MAX_CENTROID_P95_MM),
    ):
        yield Target(text, value, 0.0, most)
    for name in ('centroid', 'tip', 'tracked_centroid', 'tracked_tip'):
        text = f'{name.replace("_", " ")} in space, share inside of the 95 % ellipsoid'
        yield Target(text, space[name].get('inside_95'), *INSIDE)


def _identity_targets(scenes: Mapping[str, Mapping[str, Any]]) -> Iterator[Target]:
    for scene in IDENTITY_SCENES:
        for kind in ('image', 'space') if scene in scenes else ():
            identities = scenes[scene][kind]['identities']
            place = f'{scene}, in {"the image" if kind == "image" else "space"}'
            yield Target(f'{place}, identity switches', identities['switches'], 0, 0)
            yield Target(f'{place}, MOTA', identities['mota'], MIN_SCORE, 1.0)
            yield Target(f'{place}, IDF1', identities['idf1'], MIN_SCORE, 1.0)
