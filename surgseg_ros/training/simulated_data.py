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

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from surgseg_ros.data.image_files import read_image
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.parallel import default_workers
from surgseg_ros.data.parallel import map_in_pool
from surgseg_ros.data.prepared_folder import PreparedFolder
from surgseg_ros.data.prepared_folder import VideoSummary
from surgseg_ros.data.simulated_set_defaults import FRAMES_PER_SCENE as VIDEO_FRAMES_PER_SCENE
from surgseg_ros.data.simulated_set_defaults import RATE_HZ
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator

FRAMES_PER_SCENE = 4
PLAIN_SCENE_PERIOD = 4
TRAINING_RATE_HZ = 1.0

TRAINING_SEED = 0
VALIDATION_SEED = 1_000_000
VALIDATION_FRAMES = 120

FIRST_VIDEO_SEED = 2**31
"""Scenes of videos have larger seeds, far from those kept for demo and evaluation."""

SIMULATED_TASKS = ('binary', 'parts', 'types')

PairTransform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def prepare_simulated_data(
    folder: Path, count: int, task: str, size: tuple[int, int]
) -> tuple[Path, Path]:
    """
    Render the training and validation frames that a folder still lacks.

    :param count: number of training frames
    :param size: (width, height)
    :return: the folders of training and validation frames; they share no scene
    """
    training, validation = folder / 'training', folder / 'validation'
    render_dataset(training, count, task, size, TRAINING_SEED)
    render_dataset(validation, VALIDATION_FRAMES, task, size, VALIDATION_SEED)
    return training, validation


@dataclass(frozen=True)
class _VideoSettings:
    """What decides what a frame shows, apart from its place in the data set."""

    size: tuple[int, int]
    seed: int
    rate_hz: float
    frames_per_scene: int


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
    frames_per_scene: int = VIDEO_FRAMES_PER_SCENE,
    workers: int | None = None,
) -> dict[str, VideoSummary]:
    """
    Render a data set in the prepared layout (:mod:`surgseg_ros.data.cropped_endovis`).

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
    :param workers: processes (default: number of CPUs); 1 renders in this one
    :return: what each video holds
    :raises ValueError: if a number is too small, or the simulator refuses size or rate
    :raises DatasetError: if the folder holds something else
    """
    if min(videos, frames, frames_per_scene) < 1:
        raise ValueError('videos, frames and frames per scene must be at least 1')
    if seed < 0:
        raise ValueError(f'the seed must not be negative, got {seed}')
    settings = _VideoSettings(size, seed, rate_hz, frames_per_scene)
    _options_of_video_scene(settings, _VideoScene(0, 0, 0, 0))
    prepared = PreparedFolder(
        folder, SIMULATED_TASKS, 'png', {'source_layout': 'simulation', **asdict(settings)}
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
        # Fresh processes: a forked one would share the renderer's state.
        with ProcessPoolExecutor(workers, mp_context=get_context('spawn')) as pool:
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
    options = _scene_options(seed, settings.size, part.video + part.scene)
    return replace(options, rate_hz=settings.rate_hz)


def render_dataset(
    folder: Path, count: int, task: str, size: tuple[int, int], first_seed: int
) -> None:
    """
    Render frames of ever new scenes, one eye each, until a folder holds ``count`` of them.

    Complete scenes are kept, so an interrupted or smaller data set is completed.

    :param folder: gets ``images/<number>.jpg`` and ``labels/<number>.png``
    :param count: rounded up to whole scenes
    :param size: (width, height)
    :param first_seed: scene ``k`` has seed ``first_seed + k``
    """
    for name in ('images', 'labels'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    scenes = range(-(-count // FRAMES_PER_SCENE))
    missing = [scene for scene in scenes if not _label_path(folder, scene, -1).is_file()]
    render = partial(_render_scene, folder, task, size, first_seed)
    # Fresh processes: a forked one would share the renderer's state.
    with ProcessPoolExecutor(mp_context=get_context('spawn')) as pool:
        done = pool.map(render, missing)
        for _ in tqdm(
            done,
            total=len(scenes),
            initial=len(scenes) - len(missing),
            unit='scene',
            desc='render',
        ):
            pass


def _render_scene(
    folder: Path, task: str, size: tuple[int, int], first_seed: int, scene: int
) -> None:
    """Render and write the frames of one scene, as the left or the right eye sees it."""
    with StereoEndoscopeSimulator(_scene_options(first_seed + scene, size, scene)) as simulator:
        for index in range(FRAMES_PER_SCENE):
            (frame,) = simulator.step().eyes.values()
            labels = _label_path(folder, scene, index)
            # The label image comes last: where it is, the pair is complete.
            write_image(folder / 'images' / f'{labels.stem}.jpg', frame.image)
            write_image(labels, frame.labels[task])


def _scene_options(seed: int, size: tuple[int, int], scene: int) -> SceneOptions:
    """Return a randomized scene; every fourth one looks as the simulator does by default."""
    common: dict[str, Any] = {
        'width': size[0],
        'height': size[1],
        'rate_hz': TRAINING_RATE_HZ,
        # Not in step with the plain scenes, so that both eyes see both kinds.
        'eyes': (('left', 'right')[scene // PLAIN_SCENE_PERIOD % 2],),
    }
    if scene % PLAIN_SCENE_PERIOD == 0:
        return SceneOptions(seed=seed, **common)
    return SceneOptions.randomized(seed, **common)


def _label_path(folder: Path, scene: int, index: int) -> Path:
    """Return the label image of a scene's frame; index -1 is its last frame."""
    number = scene * FRAMES_PER_SCENE + index % FRAMES_PER_SCENE
    return folder / 'labels' / f'{number:06d}.png'


class FolderDataset(Dataset[tuple[Tensor, Tensor]]):
    """
    Images and label images of one folder, paired by name.

    :param folder: with ``images/<stem>.<any>`` and ``labels/<stem>.png``
    :param transform: applied to each pair
    :raises FileNotFoundError: if the folder holds no label images
    """

    def __init__(self, folder: Path, transform: PairTransform | None = None) -> None:
        self._labels = sorted((folder / 'labels').glob('*.png'))
        if not self._labels:
            raise FileNotFoundError(
                f'{folder} holds no labels/*.png; it needs images/ and labels/ with equal names'
            )
        self._images = {path.stem: path for path in (folder / 'images').iterdir()}
        self._transform = transform

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return an image, (3, H, W) uint8 RGB, and its labels, (H, W) uint8."""
        path = self._labels[index]
        image = read_image(self._images[path.stem])
        labels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None or labels is None:
            raise OSError(f'{path} or its image cannot be read')
        pair = torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels)
        return pair if self._transform is None else self._transform(*pair)
