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


"""
The work of ``surgseg score-real``: any checkpoint on scenes of real frames.

The network runs as in the node: the same segmenter, preprocessing and crop. Beside it stands a cue
without learning, color and saturation with Otsu's threshold, as a reference that anybody can make.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import sys
from typing import Any

import numpy as np
from tqdm import tqdm

from surgseg_ros import __version__
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.scenes import Scene
from surgseg_ros.data.scenes import SceneError
from surgseg_ros.evaluation.labels.map_scores import otsu_mask
from surgseg_ros.evaluation.real_frames.pictures import ScenePictures
from surgseg_ros.evaluation.real_frames.scores import average_scenes
from surgseg_ros.evaluation.real_frames.scores import PARTS
from surgseg_ros.evaluation.real_frames.scores import SceneScorer
from surgseg_ros.evaluation.real_frames.tables import format_scene_scores
from surgseg_ros.evaluation.real_frames.tables import RULE
from surgseg_ros.inference.checkpoints import weights_sha256
from surgseg_ros.inference.crop import BorderFinder
from surgseg_ros.inference.crop import CropMode
from surgseg_ros.inference.crop import NO_CROP
from surgseg_ros.inference.crop import parse_crop
from surgseg_ros.inference.deadline import Variant
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.perception.cues import color_cue
from surgseg_ros.prediction.images import segment_frame

CUE = 'cue'
JSON_FILE, MARKDOWN_FILE = 'scores.json', 'scores.md'
SHEET_PICTURE, WORST_PICTURE = 'contact_sheet.png', 'worst.png'


@dataclass(frozen=True)
class RealScores:
    """
    The scores of a checkpoint, and the pictures of them.

    :param result: ready for JSON; ``averages`` has the headline, ``scenes`` everything else
    :param pictures: what they show
    """

    result: dict[str, Any]
    pictures: ScenePictures

    def write(self, folder: Path, worst: int) -> list[Path]:
        """
        Write JSON, Markdown, contact sheet and, if anything fails, the worst images.

        :param folder: made if need be
        :param worst: at most so many images with labels among the worst
        :return: the files
        :raises OSError: if a file cannot be written
        """
        folder.mkdir(parents=True, exist_ok=True)
        texts = {
            JSON_FILE: json.dumps(self.result, indent=2),
            MARKDOWN_FILE: format_scene_scores(self.result),
        }
        for name, text in texts.items():
            (folder / name).write_text(text + '\n', encoding='utf-8')
        pictures = {
            SHEET_PICTURE: self.pictures.contact_sheet(),
            WORST_PICTURE: self.pictures.worst(worst),
        }
        (folder / WORST_PICTURE).unlink(missing_ok=True)  # of an earlier run
        drawn = {name: picture for name, picture in pictures.items() if picture is not None}
        for name, picture in drawn.items():
            write_image(folder / name, picture)
        return [folder / name for name in (*texts, *drawn)]


def score_real(
    scenes: Sequence[Scene],
    segmenter: Segmenter,
    crop: str = NO_CROP,
    limit: int | None = None,
) -> RealScores:
    """
    Score all branches of a network, and the cue, on scenes, with a progress bar.

    :param scenes: checked ones, at least one
    :param segmenter: with branch ``'auto'``
    :param crop: as the node's parameter of that name
    :param limit: only so many frames of each scene, the first ones; for a quick look
    :raises SceneError: if a frame or label is unreadable, or they do not fit
    :raises ValueError: if the crop is none, or a frame is smaller
    """
    branches = {each.branch: each for each in segmenter.variants if each.scale == 1.0}
    run = _Run(segmenter, branches, parse_crop(crop), limit)
    pictures = ScenePictures(segmenter.label_set, next(iter(branches)))
    total = sum(scene.count(limit) for scene in scenes)
    results = {}
    with tqdm(total=total, unit='image', desc='score', file=sys.stderr) as bar:
        for scene in scenes:
            bar.set_postfix_str(scene.name)
            results[scene.name] = _score_scene(scene, run, pictures, bar)
    result = {
        'rule': RULE,
        'version': __version__,
        'checkpoint': _describe_checkpoint(segmenter),
        'inference': {
            'device': segmenter.device,
            'backend': segmenter.backend,
            'precision': segmenter.precision,
            'crop': crop,
        },
        'frame_limit': limit,
        'methods': [*branches, CUE],
        'averages': average_scenes(results),
        'scenes': results,
    }
    return RealScores(result, pictures)


def cue_mask(image: np.ndarray) -> np.ndarray:
    """
    Return where the color cue of a frame exceeds its threshold of Otsu.

    :param image: (H, W, 3) uint8 RGB
    :return: (H, W) bool
    """
    return otsu_mask(color_cue(image))


@dataclass(frozen=True)
class _Run:
    """
    How a network is run on all scenes.

    :param branches: at full size, by name
    """

    segmenter: Segmenter
    branches: Mapping[str, Variant]
    crop: CropMode
    limit: int | None

    def segment(self, image: np.ndarray, finder: BorderFinder) -> dict[str, np.ndarray]:
        """Return (H, W) uint8 class ids by branch."""
        return {
            branch: segment_frame(image, self.segmenter, self.crop, finder, variant)
            for branch, variant in self.branches.items()
        }


def _score_scene(
    scene: Scene, run: _Run, pictures: ScenePictures, bar: 'tqdm[Any]'
) -> dict[str, Any]:
    scorer = SceneScorer(scene)
    finders: dict[str, BorderFinder] = {}
    count = scene.count(run.limit)
    for index, frame in enumerate(scene.read(run.limit)):
        labels = run.segment(frame.image, finders.setdefault(frame.eye, BorderFinder()))
        parts = labels if run.segmenter.label_set.name == PARTS else None
        scores = scorer.add(frame, {**labels, CUE: cue_mask(frame.image)}, parts)
        pictures.add(scene, (index, count), frame, next(iter(labels.values())), scores)
        bar.update()
    if not scorer.images:
        raise SceneError(f"scene '{scene.name}': {scene.folder / scene.frames} has no frames")
    if scene.is_labeled and not any(image.dice for image in scorer.images):
        raise SceneError(
            f"scene '{scene.name}': none of the {len(scorer.images)} images has a mask; names "
            f'in {scene.folder / scene.masks} must be those of the frames'
        )
    return scorer.result()


def _describe_checkpoint(segmenter: Segmenter) -> dict[str, Any]:
    width, height = segmenter.input_size
    return {
        'name': segmenter.checkpoint_name,
        'sha256': weights_sha256(segmenter.checkpoint_path),
        'model': segmenter.model_name,
        'task': segmenter.label_set.name,
        'input_size': f'{width}x{height}' if width else "the image's own",
        'notice': segmenter.info.notice,
    }
