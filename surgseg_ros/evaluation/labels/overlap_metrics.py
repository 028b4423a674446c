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
Overlap of true and predicted classes, as the literature measures it, from confusion matrices.

Every function takes the confusion matrices of the frames, (F, C, C) int64 with the truth in the
rows and the background as class 0 (:func:`.metrics.confusion_matrix`), and returns one value a
frame, (F,), or one a class without the background, (C - 1,). Ignored pixels are in no confusion
matrix. The rules for what is empty:

* A class that a frame has neither in the truth nor in the prediction says nothing: it is nan in
  that frame and left out of means, except where the definition scores it, which is said there.
* A class of the truth that is not predicted scores 0, and so does a predicted class that the truth
  does not have, where the definition looks at it.
* A frame or class without any value is nan, and left out of the mean over frames or classes.
"""

import numpy as np

from surgseg_ros.evaluation.labels.metrics import nan_mean


def iou_of_classes(confusions: np.ndarray) -> np.ndarray:
    """
    Return IoU = TP / (TP + FP + FN) of every class but the background.

    :param confusions: (..., C, C)
    :return: (..., C - 1) float64; nan for a class that is neither in the truth nor predicted
    """
    hits, truths, predictions = _sizes(confusions)
    return _ratio(hits, truths + predictions - hits)


def dice_of_classes(confusions: np.ndarray) -> np.ndarray:
    """Return Dice = 2 TP / (2 TP + FP + FN), otherwise like :func:`iou_of_classes`."""
    hits, truths, predictions = _sizes(confusions)
    return _ratio(2 * hits, truths + predictions)


def is_in_truth(confusions: np.ndarray) -> np.ndarray:
    """Return (..., C - 1) bool: the classes that the truth has."""
    return _sizes(confusions)[1] > 0


def is_predicted(confusions: np.ndarray) -> np.ndarray:
    """Return (..., C - 1) bool: the classes that the prediction has."""
    return _sizes(confusions)[2] > 0


def iou_ternaus(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean IoU over the classes of the truth, by frame.

    A frame with empty truth scores 1 if the prediction is empty too, else 0. Source:
    ``general_jaccard`` in ``evaluate.py`` of ternaus/robot-surgery-segmentation (its epsilon of
    1e-15 left out).
    """
    return _ternaus(iou_of_classes(confusions), confusions)


def dice_ternaus(confusions: np.ndarray) -> np.ndarray:
    """Return the mean Dice over the classes of the truth by frame, see :func:`iou_ternaus`."""
    return _ternaus(dice_of_classes(confusions), confusions)


def iou_challenge(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean IoU over the classes of the truth, by frame.

    A frame with empty truth is left out (nan), so false instruments in it cost nothing; an empty
    prediction of a frame with instruments scores 0. Source: ``challengIoU`` in the code of ISINet
    and in ``eval_endovis`` of SurgicalSAM.
    """
    return nan_mean(np.where(is_in_truth(confusions), iou_of_classes(confusions), np.nan), axis=1)


def iou_isinet(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean IoU over the classes of truth or prediction, by frame.

    Falsely predicted classes count with 0. A frame with neither is left out (nan). Source: ``IoU``
    in the code of ISINet and SurgicalSAM.
    """
    return nan_mean(iou_of_classes(confusions), axis=1)


def iou_sar_rarp50(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean IoU over all classes but the background, by frame.

    A class in neither truth nor prediction scores 1. Source: SAR-RARP50-evaluation,
    ``MeanIoU(include_background=False, ignore_empty=False)`` of MONAI.
    """
    return np.nan_to_num(iou_of_classes(confusions), nan=1.0).mean(axis=1)


def iou_sklearn_macro(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean IoU over all classes *with* the background, by frame.

    A class in neither truth nor prediction scores 0, so a perfect frame reaches no more than the
    share of the classes it has. Source: ``jaccard_score(average='macro', zero_division=0)`` of
    scikit-learn over all labels, as in ``train.py`` of
    halilvibrahim/surgical-instrument-segmentation.
    """
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    unions = confusions.sum(axis=-1) + confusions.sum(axis=-2) - hits
    return np.nan_to_num(_ratio(hits, unions), nan=0.0).mean(axis=1)


def mc_iou(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean IoU over the frames with the class in truth or prediction, by class.

    Rare classes weigh as much as frequent ones. Source: ``mcIoU`` in the code of ISINet and
    SurgicalSAM.
    """
    return nan_mean(iou_of_classes(confusions), axis=0)


def iou_pooled(confusions: np.ndarray) -> np.ndarray:
    """Return the IoU of all pixels of all frames together, by class."""
    return iou_of_classes(confusions.sum(axis=0))


def dice_pooled(confusions: np.ndarray) -> np.ndarray:
    """Return the Dice of all pixels of all frames together, by class."""
    return dice_of_classes(confusions.sum(axis=0))


def iou_cumulative(confusions: np.ndarray) -> float:
    """
    Return all intersections of frames and classes divided by all unions; nan without any union.

    Source: ``mIoU`` in ``eval_endovis`` of SurgicalSAM, which however forgets the frames with an
    empty prediction.
    """
    hits, truths, predictions = _sizes(confusions)
    return float(_ratio(hits.sum(), (truths + predictions - hits).sum()))


def dice_islam2019(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean Dice over the frames whose truth has the class, by class.

    Source: Islam et al. 2019, ``test_type.py``.
    """
    return _mean_where_in_truth(dice_of_classes(confusions), confusions)


def sensitivity(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean of TP / (TP + FN) over the frames whose truth has the class, by class.

    Averaged like :func:`dice_islam2019`.
    """
    hits, truths, _ = _sizes(confusions)
    return _mean_where_in_truth(_ratio(hits, truths), confusions)


def specificity(confusions: np.ndarray) -> np.ndarray:
    """
    Return the mean of TN / (TN + FP) over the frames whose truth has the class, by class.

    Averaged like :func:`dice_islam2019`. The code of Islam et al. counts wrong pixels among the
    true negatives, which raises it a little; this is the textbook one. A frame that the class
    fills has none (nan).
    """
    hits, truths, predictions = _sizes(confusions)
    negatives = confusions.sum(axis=(-2, -1))[..., None] - truths
    return _mean_where_in_truth(_ratio(negatives - (predictions - hits), negatives), confusions)


def iou_ignoring_background_confusion(confusions: np.ndarray) -> np.ndarray:
    """
    Return the IoU of pooled pixels of which truth and prediction both say instrument, by class.

    Flattering: instrument taken for background and background taken for instrument cost nothing.
    A class that occurs, but only confused with the background, scores 0. With a single class
    nothing is left that could be confused, so it is nan. Source:
    ``validation_multi`` of ternaus/robot-surgery-segmentation, which drops row and column 0 (and
    scores 0 for classes that never occur; here they are left out). Very likely what RASNet
    reports.
    """
    hits, truths, predictions = _sizes_among_instruments(confusions)
    return _blind(_ratio(hits, truths + predictions - hits), confusions)


def dice_ignoring_background_confusion(confusions: np.ndarray) -> np.ndarray:
    """Return the Dice likewise, see :func:`iou_ignoring_background_confusion`."""
    hits, truths, predictions = _sizes_among_instruments(confusions)
    return _blind(_ratio(2 * hits, truths + predictions), confusions)


def _sizes(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pixels that are right, true and predicted, each (..., C - 1)."""
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)[..., 1:]
    return hits, confusions.sum(axis=-1)[..., 1:], confusions.sum(axis=-2)[..., 1:]


def _sizes_among_instruments(
    confusions: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inner = confusions.sum(axis=0)[1:, 1:]
    return np.diagonal(inner), inner.sum(axis=1), inner.sum(axis=0)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the quotients as float64, nan where the divisor is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _ternaus(values: np.ndarray, confusions: np.ndarray) -> np.ndarray:
    in_truth = is_in_truth(confusions)
    means = nan_mean(np.where(in_truth, values, np.nan), axis=1)
    is_blank = ~is_predicted(confusions).any(axis=1)
    return np.where(in_truth.any(axis=1), means, is_blank.astype(np.float64))


def _mean_where_in_truth(values: np.ndarray, confusions: np.ndarray) -> np.ndarray:
    return nan_mean(np.where(is_in_truth(confusions), values, np.nan), axis=0)


def _blind(values: np.ndarray, confusions: np.ndarray) -> np.ndarray:
    total = confusions.sum(axis=0)
    occurs = is_in_truth(total) | is_predicted(total)
    return np.where(occurs & (occurs.size > 1), np.nan_to_num(values, nan=0.0), np.nan)
