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

"""Simulated training data: rendered once to a folder, then read like any other data set."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from surgseg_ros.data.parallel import default_workers
from surgseg_ros.data.parallel import map_in_pool
from surgseg_ros.data.prepared_folder import PreparedFolder
from surgseg_ros.data.prepared_folder import VideoSummary
from surgseg_ros.data.simulated_set_defaults import FRAMES_PER_SCENE
from surgseg_ros.data.simulated_set_defaults import RANGES
from surgseg_ros.data.simulated_set_defaults import RATE_HZ
from surgseg_ros.data.simulated_set_defaults import SIMULATED
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator

PLAIN_SCENE_PERIODS = {'standard': 4, 'wide': 10, 'crowded': 10}
FIRST_VIDEO_SEED = 2**31
"""Scenes of videos have larger seeds, far from those kept for demo and evaluation."""

SIMULATED_TASKS = ('binary', 'parts', 'types')


@dataclass(frozen=True)
class _VideoSettings:
    """What decides what a frame shows, apart from its place in the data set."""

    size: tuple[int, int]
    seed: int
    rate_hz: float
    frames_per_scene: int
    ranges: str


@dataclass(frozen=True)
class _VideoScene:
    """Frames ``first`` to ``last`` of a video, which show one scene."""

    video: int
    scene: int
    first: int
    last: int

    @property
    def video_name(self) -> str:
        return f'instrument_dataset_{self.video + 1}'

    def stems(self) -> list[str]:
        return [f'frame{index:03d}' for index in range(self.first, self.last + 1)]


def render_videos(
    folder: Path,
    videos: int,
    frames: int,
    size: tuple[int, int],
    seed: int,
    rate_hz: float = RATE_HZ,
    frames_per_scene: int = FRAMES_PER_SCENE,
    ranges: str = RANGES[0],
    workers: int | None = None,
) -> dict[str, VideoSummary]:
    """
    Render a data set in the prepared layout (:mod:`surgseg_ros.data.layouts.cropped_endovis`).

    Every video consists of scenes of its own, so videos share nothing. Equal settings give equal
    frames on one machine. Frames that exist are kept: an interrupted data set is completed, and a
    complete one extended by a larger number of videos or frames.

    :param folder: gets ``instrument_dataset_<n>/images/frame<n>.png``, three folders of masks
        beside each, and ``dataset.json``
    :param videos: number of videos
    :param frames: of each video
    :param size: (width, height) in px
    :param seed: of all that is random
    :param rate_hz: frames per simulated second within a scene
    :param frames_per_scene: length of the scenes that a video consists of
    :param ranges: that scenes are drawn from, of :mod:`surgseg_ros.simulation.randomization`
    :param workers: processes (default: number of CPUs); 1 renders in this one
    :return: what each video holds
    :raises ValueError: if a number is too small, or the simulator refuses size or rate
    :raises DatasetError: if the folder holds something else
    """
    if min(videos, frames, frames_per_scene) < 1:
        raise ValueError('videos, frames and frames per scene must be at least 1')
    if seed < 0:
        raise ValueError(f'the seed must not be negative, got {seed}')
    settings = _VideoSettings(size, seed, rate_hz, frames_per_scene, ranges)
    _options_of_video_scene(settings, _VideoScene(0, 0, 0, 0))
    prepared = PreparedFolder(
        folder, SIMULATED_TASKS, 'png', {'source_layout': SIMULATED, **asdict(settings)}
    )
    prepared.begin()
    missing = [
        part
        for video in range(videos)
        for part in _scenes_of_video(video, frames, frames_per_scene)
        if not all(prepared.is_complete(part.video_name, stem) for stem in part.stems())
    ]
    workers = workers or default_workers()
    render = partial(_render_video_scene, prepared, settings)
    if workers == 1:
        for part in tqdm(missing, desc='render', unit='scene'):
            render(part)
    else:
        # Fresh processes: a forked one would share the renderer's state. One thread each, as there
        # is a process a CPU.
        with ProcessPoolExecutor(
            workers, get_context('spawn'), initializer=cv2.setNumThreads, initargs=(1,)
        ) as pool:
            map_in_pool(pool, render, missing, 'render', 'scene')
    return prepared.finish({}, workers)


def _scenes_of_video(video: int, frames: int, frames_per_scene: int) -> list[_VideoScene]:
    """Return the scenes of a video; the last one may be shorter."""
    return [
        _VideoScene(video, scene, first, min(first + frames_per_scene, frames) - 1)
        for scene, first in enumerate(range(0, frames, frames_per_scene))
    ]


def _render_video_scene(
    prepared: PreparedFolder, settings: _VideoSettings, part: _VideoScene
) -> None:
    """Render the frames of a scene and write those that are missing."""
    with StereoEndoscopeSimulator(_options_of_video_scene(settings, part)) as simulator:
        for stem in part.stems():
            (frame,) = simulator.step().eyes.values()
            if not prepared.is_complete(part.video_name, stem):
                prepared.write(part.video_name, stem, frame.image, frame.labels)


def _options_of_video_scene(settings: _VideoSettings, part: _VideoScene) -> SceneOptions:
    """Return the look of a scene, which depends neither on other scenes nor on their number."""
    sequence = np.random.SeedSequence((settings.seed, part.video, part.scene))
    seed = FIRST_VIDEO_SEED + int(sequence.generate_state(1)[0]) % FIRST_VIDEO_SEED
    return _scene_options(seed, settings, part.video + part.scene)


def _scene_options(seed: int, settings: _VideoSettings, scene: int) -> SceneOptions:
    """Return a randomized scene, or every few scenes one that looks as it does by default."""
    period = PLAIN_SCENE_PERIODS[settings.ranges]
    common: dict[str, Any] = {
        'width': settings.size[0],
        'height': settings.size[1],
        'rate_hz': settings.rate_hz,
        # Not in step with the plain scenes, so that both eyes see both kinds.
        'eyes': (('left', 'right')[scene // period % 2],),
    }
    if scene % period == 0:
        return SceneOptions(seed=seed, **common)
    return SceneOptions.randomized(seed, settings.ranges, **common)
