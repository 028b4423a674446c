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
Scores of scenes of real frames: images go in one by one, what is quoted comes out.

Several methods segment the same images: the branches of a network, and whatever stands beside
them. Definitions, all for one method:

* Dice of an image: 2 TP / (2 TP + FP + FN) of instrument against background, every class above 0
  being instrument. An image without any true instrument scores 1 if none is found, else 0.
  Pixels of ``other`` tools are left out, and in ``dice_other_as_background`` they are background.
* Dice of a part in an image: likewise of the pixels of that part, without value where it is
  neither in the truth nor found; pixels of other tools are left out.
* Dice of a scene: the mean over its images that have a value; of the parts also the mean of the
  three. Average of scenes: the mean over the scenes, each counting once, however many images.
* False positives: share of the pixels of an image without instruments that are called one, in %.
* Flicker: mean over neighboring frames of 1 - IoU of their two masks, 0 where both are empty.
  Motion of instruments and camera is in it: compare methods on one clip, not clips.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.scenes import COLOR
from surgseg_ros.data.scenes import EXACT
from surgseg_ros.data.scenes import GRAY
from surgseg_ros.data.scenes import Scene
from surgseg_ros.data.scenes import SceneFrame
from surgseg_ros.evaluation.labels.metrics import confusion_matrix
from surgseg_ros.evaluation.labels.metrics import nan_mean
from surgseg_ros.evaluation.labels.metrics import rounded
from surgseg_ros.evaluation.labels.overlap_metrics import dice_of_classes
from surgseg_ros.evaluation.labels.overlap_metrics import dice_ternaus

TRUTH = 'truth'
"""Name of the masks among the methods, where their flicker is measured too."""

PARTS = 'parts'


@dataclass(frozen=True)
class ImageScores:
    """
    The scores of one image, each by method.

    :param stem: name within the scene
    :param dice: other tools left out; nothing without truth
    :param dice_other_as_background: likewise with other tools as background
    :param parts_dice: (3,) each, nan where a part is on neither side; nothing without truth
    :param area_percent: share of the image that is called instrument, %
    :param change: 1 - IoU with the frame before; nothing in the first one
    """

    stem: str
    dice: Mapping[str, float]
    dice_other_as_background: Mapping[str, float]
    parts_dice: Mapping[str, np.ndarray]
    area_percent: Mapping[str, float]
    change: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return everything that there is, ready for JSON."""
        tables = {
            'dice': self.dice,
            'dice_other_as_background': self.dice_other_as_background,
            'area_percent': self.area_percent,
            'change': self.change,
        }
        result: dict[str, Any] = {'name': self.stem}
        result |= {key: _rounded(values) for key, values in tables.items() if values}
        if self.parts_dice:
            result['parts_dice'] = {
                method: _by_part(values) for method, values in self.parts_dice.items()
            }
        return result


@dataclass
class SceneScorer:
    """
    Score the images of one scene; only their numbers are kept, and the last masks.

    :param scene: whose images come
    :param images: their scores so far
    """

    scene: Scene
    images: list[ImageScores] = field(default_factory=list)
    _last_masks: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def add(
        self,
        frame: SceneFrame,
        masks: Mapping[str, np.ndarray],
        parts: Mapping[str, np.ndarray] | None = None,
    ) -> ImageScores:
        """
        Score an image.

        :param frame: next of the scene
        :param masks: (H, W) by method, not 0 where it sees an instrument
        :param parts: (H, W) uint8 class ids of task ``parts``, by those methods that have them
        :raises ValueError: if a mask is not of the size of the frame
        """
        found = {method: (mask > 0).astype(np.uint8) for method, mask in masks.items()}
        truth = frame.mask
        scores = ImageScores(
            frame.stem,
            {} if truth is None else _dice(without_other(truth, frame.other), found),
            {} if truth is None else _dice(truth, found),
            {} if frame.parts is None else _parts_dice(frame, parts or {}),
            {method: 100 * float(mask.mean()) for method, mask in found.items()},
            self._changes(frame, found) if self.scene.consecutive else {},
        )
        self.images.append(scores)
        return scores

    def result(self) -> dict[str, Any]:
        """Return the scores of the scene, ready for JSON; what it cannot tell is left out."""
        scene, images = self.scene, self.images
        result: dict[str, Any] = {
            'look': scene.look,
            'labels': scene.labels if scene.is_labeled else None,
            'instruments': scene.instruments,
            'note': scene.note,
            'images': len(images),
            'labeled_images': sum(bool(image.dice) for image in images),
        }
        if scene.is_labeled:
            result['dice'] = _mean(image.dice for image in images)
            result['dice_other_as_background'] = _mean(
                image.dice_other_as_background for image in images
            )
            result['parts_dice'] = _mean_of_parts([image.parts_dice for image in images])
        if not scene.instruments:
            result['false_positive_percent'] = _mean_and_worst(
                [image.area_percent for image in images]
            )
        if scene.consecutive:
            result['flicker'] = _mean(image.change for image in images)
            result['pairs'] = sum(bool(image.change) for image in images)
        result['by_image'] = [image.to_dict() for image in images]
        return result

    def _changes(self, frame: SceneFrame, found: Mapping[str, np.ndarray]) -> dict[str, float]:
        masks = dict(found)
        if frame.mask is None:
            self._last_masks.pop((frame.eye, TRUTH), None)
        else:
            masks[TRUTH] = (frame.mask == 1).astype(np.uint8)
        changes = {}
        for method, mask in masks.items():
            last = self._last_masks.get((frame.eye, method))
            if last is not None and last.shape == mask.shape:
                changes[method] = mask_change(last, mask)
            self._last_masks[frame.eye, method] = mask
        return changes


def mask_change(first: np.ndarray, second: np.ndarray) -> float:
    """
    Return 1 - IoU of two masks, 0 if both are empty.

    :param first: (H, W), not 0 where an instrument is
    :param second: likewise
    """
    union = np.count_nonzero((first > 0) | (second > 0))
    both = np.count_nonzero((first > 0) & (second > 0))
    return 0.0 if union == 0 else 1 - both / union


def without_other(truth: np.ndarray, other: np.ndarray | None) -> np.ndarray:
    """
    Return the truth with 255, which does not count, where other tools are.

    :param truth: (H, W) uint8 class ids
    :param other: (H, W) uint8, not 0 where a tool is no robotic instrument, or ``None``
    """
    return truth if other is None else np.where(other > 0, np.uint8(UNLABELED), truth)


def average_scenes(scenes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """
    Return the averages over the exactly labeled scenes of each look, ready for JSON.

    :param scenes: results of :meth:`SceneScorer.result` by name
    """
    averages = {}
    for look in (COLOR, GRAY):
        chosen = {
            name: scene
            for name, scene in scenes.items()
            if scene['look'] == look and scene['labels'] == EXACT
        }
        if chosen:
            averages[look] = _average(chosen)
    return averages


def _average(scenes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    parts = [scene['parts_dice'] for scene in scenes.values() if scene['parts_dice']]
    methods = parts[0] if parts else ()
    return {
        'scenes': list(scenes),
        'dice': _mean(scene['dice'] for scene in scenes.values()),
        'dice_other_as_background': _mean(
            scene['dice_other_as_background'] for scene in scenes.values()
        ),
        'parts_scenes': [name for name, scene in scenes.items() if scene['parts_dice']],
        'parts_dice': {
            method: _mean(_present(scene[method]) for scene in parts) for method in methods
        },
    }


def _present(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _dice(truth: np.ndarray, found: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {
        method: float(dice_ternaus(confusion_matrix(truth, mask, 2)[None])[0])
        for method, mask in found.items()
    }


def _parts_dice(frame: SceneFrame, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    assert frame.parts is not None
    truth = without_other(frame.parts, frame.other)
    num_classes = get_label_set(PARTS).num_classes
    return {
        method: dice_of_classes(confusion_matrix(truth, labels, num_classes))
        for method, labels in parts.items()
    }


def _mean(tables: Iterable[Mapping[str, float]]) -> dict[str, float | None]:
    """Return the mean by method over the tables that have it."""
    values: dict[str, list[float]] = {}
    for table in tables:
        for method, value in table.items():
            values.setdefault(method, []).append(value)
    return {method: rounded(float(np.mean(each))) for method, each in values.items()}


def _mean_of_parts(
    tables: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, dict[str, float | None]]:
    """Return the means over the images of each part, and the mean of these, by method."""
    methods = next((list(table) for table in tables if table), [])
    result = {}
    for method in methods:
        means = nan_mean(np.stack([table[method] for table in tables if table]), axis=0)
        result[method] = {**_by_part(means), 'mean': rounded(float(nan_mean(means)))}
    return result


def _mean_and_worst(tables: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        method: {
            'mean': rounded(float(np.mean([table[method] for table in tables]))),
            'worst': rounded(max(table[method] for table in tables)),
        }
        for method in (tables[0] if tables else ())
    }


def _by_part(values: np.ndarray) -> dict[str, float | None]:
    names = get_label_set(PARTS).class_names[1:]
    return {name: rounded(value) for name, value in zip(names, values, strict=True)}


def _rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    return {method: rounded(value) for method, value in values.items()}
