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
Distances between the outlines of true and predicted masks, in pixels.

The outline of a mask is those of its pixels that touch, along a row or column, a pixel outside
(beyond the border of the image everything is outside). MONAI finds it and measures the distances.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from importlib.util import find_spec

import cv2
import numpy as np

from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.evaluation.labels.metrics import nan_mean

TOLERANCE_PX = 10.0
"""Of the normalized surface distance, SAR-RARP50-evaluation ``NSD_tau``."""
_PERCENTILE = 0.95


class MissingMonaiError(RuntimeError):
    """The package monai is not installed; the message says how to install it."""


@dataclass(frozen=True)
class SurfaceDistances:
    """
    Distances of every class but the background, of one frame (C - 1,) or of several (F, C - 1).

    :param hausdorff: px, the largest distance from a pixel of one outline to the other outline;
        inf if only one of truth and prediction has the class, nan if neither has
    :param hausdorff_95: px, likewise the 95th percentile (linear between values), the larger one
        of both directions
    :param nsd: share of the pixels of both outlines that lie within :data:`TOLERANCE_PX` of the
        other one; 0 if only one has the class, 1 if neither has
    :param hausdorff_rows: see :func:`hausdorff_rows`; nan if the truth does not have the class
    """

    hausdorff: np.ndarray
    hausdorff_95: np.ndarray
    nsd: np.ndarray
    hausdorff_rows: np.ndarray

    @classmethod
    def stack(cls, frames: 'Sequence[SurfaceDistances]') -> 'SurfaceDistances':
        """Return those of several frames as one."""
        return cls(*(np.stack([getattr(frame, f.name) for frame in frames]) for f in fields(cls)))

    def select(self, frames: np.ndarray) -> 'SurfaceDistances':
        """
        Return those of some frames.

        :param frames: (F,) bool
        """
        return SurfaceDistances(*(getattr(self, field.name)[frames] for field in fields(self)))

    def without_prediction(self) -> 'SurfaceDistances':
        """Return them with the ``nsd`` of a missing prediction, 0 also where nothing is true."""
        return replace(self, nsd=np.zeros_like(self.nsd))


def check_monai() -> None:
    """
    Check that MONAI can be imported.

    :raises MissingMonaiError: if it cannot
    """
    if find_spec('monai') is None:
        raise MissingMonaiError(
            'distances of outlines need the package monai, which is not installed; run '
            "pip install surgseg_ros[evaluation] or, in a checkout, pip install 'monai>=1.3'"
        )


def surface_distances(
    truth: np.ndarray, prediction: np.ndarray, num_classes: int
) -> SurfaceDistances:
    """
    Measure a frame.

    Ignored pixels count as background on both sides, so no outline runs through them, but along
    their border.

    :param truth: (H, W) uint8 class ids, :data:`surgseg_ros.data.label_sets.UNLABELED` is ignored
    :param prediction: (H, W) uint8 class ids
    :param num_classes: number of classes, background included
    :raises MissingMonaiError: if MONAI is not installed
    """
    is_known = truth != UNLABELED
    masks = [
        ((truth == class_id) & is_known, (prediction == class_id) & is_known)
        for class_id in range(1, num_classes)
    ]
    hausdorff, hausdorff_95, nsd = np.array([_measure(*pair) for pair in masks]).T
    rows = [hausdorff_rows(*pair) if pair[0].any() else np.nan for pair in masks]
    return SurfaceDistances(hausdorff, hausdorff_95, nsd, np.array(rows))


def hausdorff_rows(truth: np.ndarray, prediction: np.ndarray) -> float:
    """
    Return the Hausdorff distance of Islam et al. 2019: of the *rows* of masks, not of outlines.

    Each image row of 0 and 1 is a point with as many coordinates as the image has columns; the
    distance of two is the root of the number of columns in which they differ. The result is the
    largest distance from a row of the prediction to the nearest row of the truth, wherever it is.
    That is what ``scipy.spatial.distance.directed_hausdorff(prediction, truth)`` in their
    ``test_type.py`` computes, and it explains a value of 11 for masks a hundred pixels wide. It
    does not see by how much an outline is displaced vertically.

    :param truth: (H, W) bool
    :param prediction: (H, W) bool
    """
    left, top, width, height = _bounds(truth | prediction)
    # One row more: where there are empty rows, both masks keep one.
    window = slice(max(top - 1, 0), top + height + 1), slice(left, left + width)
    points, others = (_rows_of(mask[window]) for mask in (prediction, truth))
    # |a - b|^2 = |a|^2 + |b|^2 - 2 ab; float32 holds these counts exactly.
    squares = points.sum(axis=1)[:, None] + others.sum(axis=1) - 2 * points @ others.T
    return float(np.sqrt(squares.min(axis=1).max()))


def mean_finite(distances: np.ndarray) -> np.ndarray:
    """
    Return the mean over the frames in which both outlines exist, by class.

    Infinite distances, where only one side has the class, cannot be averaged; they are left out
    here and counted by :func:`count_one_sided`, so a network that predicts nothing shows there.

    :param distances: (F, C - 1) px
    :return: (C - 1,) px, nan without such a frame
    """
    return nan_mean(np.where(np.isfinite(distances), distances, np.nan), axis=0)


def count_one_sided(distances: np.ndarray) -> np.ndarray:
    """Return how many distances are infinite, (C - 1,)."""
    return np.isinf(distances).sum(axis=0)


def _rows_of(mask: np.ndarray) -> np.ndarray:
    """Return the rows as float32, of the many empty ones only one."""
    is_filled = mask.any(axis=1)
    empty = mask[~is_filled][:1]
    return np.concatenate([mask[is_filled], empty]).astype(np.float32)


def _measure(truth: np.ndarray, prediction: np.ndarray) -> tuple[float, float, float]:
    """Return Hausdorff distance, its 95th percentile and normalized surface distance."""
    exist = bool(truth.any()), bool(prediction.any())
    if not all(exist):
        return (np.inf, np.inf, 0.0) if any(exist) else (np.nan, np.nan, 1.0)
    there, back = _outline_distances(truth, prediction)
    near = np.concatenate([there, back]) <= TOLERANCE_PX
    highs = [float(np.quantile(distances, _PERCENTILE)) for distances in (there, back)]
    return float(max(there.max(), back.max())), max(highs), float(near.mean())


def _outline_distances(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances from every pixel of one outline to the other outline, both ways."""
    check_monai()
    # It imports torchvision where that exists, which works only after this module.
    import surgseg_ros.models.torchvision_import  # noqa: F401, I001
    from monai.metrics.utils import get_mask_edges
    from monai.metrics.utils import get_surface_distance

    left, top, width, height = _bounds(truth | prediction)
    window = slice(top, top + height), slice(left, left + width)
    # MONAI could crop, too, but does so in torch, which is slow where other work has the cores.
    told, true = get_mask_edges(prediction[window], truth[window], crop=False)
    return (
        np.asarray(get_surface_distance(told, true)),
        np.asarray(get_surface_distance(true, told)),
    )


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the box around a mask."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return left, top, width, height
