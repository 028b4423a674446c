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
"""How much data and training the tables get."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any


@dataclass(frozen=True)
class Budget:
    """
    Data and training of all tables.

    :param name: to choose it by
    :param title: what it takes, in a sentence
    :param videos: of the simulated data set, at least the eight of EndoVis 2017
    :param frames: of each video
    :param size: (width, height) of the frames in px
    :param settings: changes of every recipe
    :param pretrained: encoders start from ImageNet where the recipe has it so
    :param folds: of the four of Shvets et al., those that are trained and averaged
    :param shvets_tasks: tasks of the tables of Shvets et al., whose networks are the slowest
    :param clips: for learning without labels
    :param clip_frames: of each clip
    :param adaptation: changes of the options of learning without labels
    :param timing_size: (width, height) of the images that networks are timed with
    """

    name: str
    title: str
    videos: int
    frames: int
    size: tuple[int, int]
    settings: tuple[str, ...]
    pretrained: bool
    folds: tuple[int, ...]
    shvets_tasks: tuple[str, ...]
    clips: int
    clip_frames: int
    adaptation: Mapping[str, Any] = field(default_factory=dict)
    timing_size: tuple[int, int] = (1280, 1024)


SMALL = Budget(
    name='small',
    title='half an hour on two CPU cores: networks see images of 128x96, 100 steps of 4 images '
    'from random weights. Far from converged, and most networks but mffnet have hardly begun to '
    'learn by then, hence the zeros: the page shows that every system is trained and judged, not '
    'which one is better. Of Shvets et al. it has the binary table only',
    videos=8,
    frames=24,
    size=(320, 256),
    settings=(
        *('size=[128,96]', 'phases=[]', 'cut={}', 'steps=100', 'batch_size=4'),
        *('validate_every=100', 'workers=0', 'save_every_s=600'),
    ),
    pretrained=False,
    folds=(0,),
    shvets_tasks=('binary',),
    clips=2,
    clip_frames=32,
    adaptation={'steps': 60, 'size': (160, 128), 'feature_size': (320, 256)},
    timing_size=(640, 512),
)

FULL = Budget(
    name='full',
    title='days on a GPU: images of 1280x1024, every recipe as its paper has it, pretrained '
    'encoders downloaded from torchvision',
    videos=8,
    frames=225,
    size=(1280, 1024),
    settings=(),
    pretrained=True,
    folds=(0, 1, 2, 3),
    shvets_tasks=('binary', 'parts', 'types'),
    clips=8,
    clip_frames=225,
)

BUDGETS = {budget.name: budget for budget in (SMALL, FULL)}
