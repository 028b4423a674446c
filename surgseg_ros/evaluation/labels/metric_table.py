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
The metrics of ``surgseg evaluate``: the one list behind its JSON, its tables and the document.

All are shares in [0, 1], except distances, which are pixels. "Class" means a class other than the
background unless the definition says otherwise.
"""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
import math

import numpy as np

from surgseg_ros.evaluation.labels import overlap_metrics
from surgseg_ros.evaluation.labels.frame_records import FrameRecords
from surgseg_ros.evaluation.labels.metrics import nan_mean
from surgseg_ros.evaluation.labels.surface_metrics import mean_finite
from surgseg_ros.evaluation.labels.surface_metrics import SurfaceDistances
from surgseg_ros.evaluation.labels.surface_metrics import TOLERANCE_PX
from surgseg_ros.reporting.text_tables import format_table

ByFrame = Callable[[FrameRecords], np.ndarray]
ByClass = Callable[[FrameRecords], np.ndarray]
Overall = Callable[[FrameRecords], float]


@dataclass(frozen=True)
class Metric:
    """
    A metric and what has to be known to quote it.

    :param name: key in JSON
    :param definition: one sentence
    :param flatters: where it looks better, or worse, than the segmentation is
    :param source: code or paper that defines it
    :param compares_with: whose published numbers it may stand beside
    :param overall: the number; nan if there is none
    :param by_frame: (F,) of which the overall number is a mean, nan where a frame does not count
    :param by_class: (C - 1,) of which the overall number is the mean, nan for absent classes
    :param needs_surfaces: whether it needs distances of outlines (``--surface``)
    :param unit: empty for shares
    """

    name: str
    definition: str
    flatters: str
    source: str
    compares_with: str
    overall: Overall
    by_frame: ByFrame | None = None
    by_class: ByClass | None = None
    needs_surfaces: bool = False
    unit: str = ''

    def is_available(self, records: FrameRecords) -> bool:
        """Return whether the records have what it needs."""
        return records.surfaces is not None or not self.needs_surfaces


def available_metrics(records: FrameRecords) -> Iterator[Metric]:
    """Yield the metrics that records have the data for."""
    return (metric for metric in METRICS if metric.is_available(records))


def find_metric(name: str) -> Metric:
    """
    Return a metric by its name.

    :raises ValueError: if there is none; the message lists those that exist
    """
    for metric in METRICS:
        if metric.name == name:
            return metric
    raise ValueError(
        f"unknown metric '{name}'; choose one of: {', '.join(metric.name for metric in METRICS)}"
    )


def format_metric_table() -> str:
    """Return the Markdown table of all metrics that stands in the document."""
    head = ('metric', 'definition', 'where it misleads', 'source', 'compares with')
    rows = [(f'`{m.name}`', m.definition, m.flatters, m.source, m.compares_with) for m in METRICS]
    return format_table([head, *rows])


def _frame_values(function: Callable[[np.ndarray], np.ndarray]) -> ByFrame:
    def by_frame(records: FrameRecords) -> np.ndarray:
        return _without_missing(function(records.confusions), records)

    return by_frame


def _class_values(function: Callable[[np.ndarray], np.ndarray]) -> ByClass:
    return lambda records: function(records.confusions)


def _distance_values(name: str) -> ByClass:
    return lambda records: mean_finite(getattr(_surfaces(records), name))


def _nsd_by_frame(records: FrameRecords) -> np.ndarray:
    return _surfaces(records).nsd.mean(axis=1)


def _surfaces(records: FrameRecords) -> SurfaceDistances:
    if records.surfaces is None:
        raise ValueError('these records have no distances of outlines; score with surface=True')
    return records.surfaces


def _without_missing(values: np.ndarray, records: FrameRecords) -> np.ndarray:
    """Return the values with 0 for frames without prediction, whatever their truth."""
    return np.where(records.missing & ~np.isnan(values), 0.0, values)


def _mean(values: Callable[[FrameRecords], np.ndarray]) -> Overall:
    return lambda records: float(nan_mean(values(records)))


def _mean_over_videos(by_frame: ByFrame) -> Overall:
    def overall(records: FrameRecords) -> float:
        values = by_frame(records)
        videos = np.array(records.videos)
        means = [nan_mean(values[videos == video]) for video in records.video_names()]
        return float(nan_mean(np.array(means)))

    return overall


_iou_ternaus = _frame_values(overlap_metrics.iou_ternaus)
_dice_ternaus = _frame_values(overlap_metrics.dice_ternaus)
_iou_challenge = _frame_values(overlap_metrics.iou_challenge)
_iou_isinet = _frame_values(overlap_metrics.iou_isinet)
_iou_sklearn_macro = _frame_values(overlap_metrics.iou_sklearn_macro)
_iou_sar_rarp50 = _frame_values(overlap_metrics.iou_sar_rarp50)
_mc_iou = _class_values(overlap_metrics.mc_iou)
_iou_pooled = _class_values(overlap_metrics.iou_pooled)
_dice_pooled = _class_values(overlap_metrics.dice_pooled)
_dice_islam2019 = _class_values(overlap_metrics.dice_islam2019)
_sensitivity = _class_values(overlap_metrics.sensitivity)
_specificity = _class_values(overlap_metrics.specificity)
_blind_iou = _class_values(overlap_metrics.iou_ignoring_background_confusion)
_blind_dice = _class_values(overlap_metrics.dice_ignoring_background_confusion)
_hausdorff = _distance_values('hausdorff')
_hausdorff_95 = _distance_values('hausdorff_95')
_hausdorff_rows = _distance_values('hausdorff_rows')
_sar_rarp50_miou = _mean_over_videos(_iou_sar_rarp50)
_sar_rarp50_nsd = _mean_over_videos(_nsd_by_frame)

METRICS = (
    Metric(
        'iou_ternaus',
        'IoU averaged over the classes of the truth, then over all frames; a frame with empty '
        'truth scores 1 if the prediction is empty too, else 0.',
        'Falsely predicted classes cost nothing in frames with instruments; frames without '
        'instruments score 1 easily.',
        '`evaluate.py` of ternaus/robot-surgery-segmentation',
        'TernausNet, LinkNet-34 and U-Net of Shvets et al. 2018; binary IoU of MF-TAPNet, AGSD, '
        'FUN-SIS',
        _mean(_iou_ternaus),
        by_frame=_iou_ternaus,
    ),
    Metric(
        'dice_ternaus',
        'Dice averaged like `iou_ternaus`.',
        'As `iou_ternaus`; a Dice is never below its IoU.',
        '`evaluate.py` of ternaus/robot-surgery-segmentation',
        'the Dice of the same papers',
        _mean(_dice_ternaus),
        by_frame=_dice_ternaus,
    ),
    Metric(
        'iou_challenge',
        'Challenge IoU: IoU averaged over the classes of the truth, then over the frames whose '
        'truth has any; an empty prediction there scores 0.',
        'Falsely predicted classes cost nothing, nor does anything in frames without instruments: '
        'a network that finds every class everywhere is not punished for it.',
        '`challengIoU` in the code of ISINet and SurgicalSAM (`eval_endovis`)',
        'challenge IoU of ISINet, TraSeTR, S3Net, MATIS, SurgicalSAM',
        _mean(_iou_challenge),
        by_frame=_iou_challenge,
    ),
    Metric(
        'iou_isinet',
        'ISINet IoU: IoU averaged over the classes of truth or prediction, so false classes score '
        '0, then over the frames that have any.',
        'A single false pixel of a class costs as much as missing the class.',
        '`IoU` in the code of ISINet and SurgicalSAM',
        'IoU (beside challenge IoU) of ISINet, S3Net, MATIS, SurgicalSAM',
        _mean(_iou_isinet),
        by_frame=_iou_isinet,
    ),
    Metric(
        'mc_iou',
        'Mean class IoU: IoU of a class averaged over the frames that have it in truth or '
        'prediction, then over the classes that occur.',
        'Rare classes weigh as much as frequent ones.',
        '`mcIoU` in the code of ISINet and SurgicalSAM',
        'mcIoU of the same papers',
        _mean(_mc_iou),
        by_class=_mc_iou,
    ),
    Metric(
        'iou_pooled',
        'IoU of the pixels of all frames together, by class, averaged over the classes that '
        'occur.',
        'Large instruments and frames full of them decide; small failures in many frames hide.',
        'semantic segmentation in general (PASCAL VOC)',
        'mIoU of papers that sum one confusion matrix; not with numbers per image',
        _mean(_iou_pooled),
        by_class=_iou_pooled,
    ),
    Metric(
        'dice_pooled',
        'Dice of the pixels of all frames together, by class, averaged over the classes that '
        'occur.',
        'As `iou_pooled`.',
        'semantic segmentation in general',
        'Dice of papers that sum one confusion matrix',
        _mean(_dice_pooled),
        by_class=_dice_pooled,
    ),
    Metric(
        'iou_cumulative',
        'Intersections of all frames and classes divided by all their unions.',
        'As `iou_pooled`, and frequent classes hide rare ones.',
        '`mIoU` in the code of SurgicalSAM, which forgets frames with an empty prediction; here '
        'they count',
        'cumulative IoU as argued for by S3Net',
        lambda records: overlap_metrics.iou_cumulative(records.confusions),
    ),
    Metric(
        'dice_islam2019',
        'Dice of a class averaged over the frames whose truth has it, then over the classes that '
        'the truth has.',
        'False classes in frames without them cost nothing.',
        '`test_type.py` of mobarakol/Surgical_Instruments_Segmentation',
        'Islam et al. 2019 (0.916 binary, 0.738 parts, 0.347 types)',
        _mean(_dice_islam2019),
        by_class=_dice_islam2019,
    ),
    Metric(
        'sensitivity',
        'TP / (TP + FN) averaged like `dice_islam2019`.',
        'Predicting the class everywhere scores 1.',
        'Islam et al. 2019, Table I',
        'Islam et al. 2019 (0.928 binary)',
        _mean(_sensitivity),
        by_class=_sensitivity,
    ),
    Metric(
        'specificity',
        'TN / (TN + FP) averaged like `dice_islam2019`.',
        'Near 1 for whatever is small in the image; predicting nothing scores 1.',
        'textbook; the code of Islam et al. counts wrong pixels as true negatives, which is '
        'a little higher',
        'Islam et al. 2019 (0.989 binary), nearly',
        _mean(_specificity),
        by_class=_specificity,
    ),
    Metric(
        'iou_sklearn_macro',
        'IoU averaged over all classes with the background, a class in neither truth nor '
        'prediction scoring 0, then over all frames.',
        'Too low: a perfect frame scores the share of the classes that it shows; the background '
        'is counted, which is easy.',
        "`jaccard_score(average='macro', zero_division=0)` in `train.py` of "
        'halilvibrahim/surgical-instrument-segmentation',
        'its mean IoU of 0.72 on SAR-RARP50 (10 classes)',
        _mean(_iou_sklearn_macro),
        by_frame=_iou_sklearn_macro,
    ),
    Metric(
        'iou_sar_rarp50',
        'mIoU of SAR-RARP50: IoU averaged over all classes, a class in neither truth nor '
        'prediction scoring 1, then over frames, then over videos; a missing prediction scores 0.',
        'Classes that are absent and not predicted score 1: an empty prediction is far from 0.',
        'surgical-vision/SAR_RARP50-evaluation',
        'mIoU of the SAR-RARP50 challenge',
        _sar_rarp50_miou,
        by_frame=_iou_sar_rarp50,
    ),
    Metric(
        'iou_ignoring_background_confusion',
        'FLATTERING, never a headline: pooled IoU by class after all pixels are dropped that '
        'truth or prediction calls background.',
        'Instrument missed or found in tissue costs nothing: IoU (0.533, 0.286) is reported as '
        '(0.970, 0.857).',
        '`validation_multi` of ternaus/robot-surgery-segmentation, also in RAUNet and MF-TAPNet',
        'very likely the mean IoU of RASNet (90.33 %); logs of ternaus training',
        _mean(_blind_iou),
        by_class=_blind_iou,
    ),
    Metric(
        'dice_ignoring_background_confusion',
        'FLATTERING, never a headline: pooled Dice by class after all pixels are dropped that '
        'truth or prediction calls background.',
        'As `iou_ignoring_background_confusion`.',
        'as `iou_ignoring_background_confusion`',
        'very likely the mean Dice of RASNet (94.65 %)',
        _mean(_blind_dice),
        by_class=_blind_dice,
    ),
    Metric(
        'nsd_sar_rarp50',
        f'Normalized surface distance: share of the pixels of both outlines within '
        f'{TOLERANCE_PX:g} px of the other one, averaged like `iou_sar_rarp50` (in neither: 1; '
        'in only one: 0).',
        'As `iou_sar_rarp50`; the tolerance is in pixels of the image, so a smaller image scores '
        'higher.',
        'surgical-vision/SAR_RARP50-evaluation, MONAI `SurfaceDiceMetric`',
        'mNSD of the SAR-RARP50 challenge (1920x1080)',
        _sar_rarp50_nsd,
        by_frame=_nsd_by_frame,
        needs_surfaces=True,
    ),
    Metric(
        'score_sar_rarp50',
        'Root of `iou_sar_rarp50` times `nsd_sar_rarp50`.',
        'As both.',
        'surgical-vision/SAR_RARP50-evaluation',
        'final score of the SAR-RARP50 challenge',
        lambda records: math.sqrt(_sar_rarp50_miou(records) * _sar_rarp50_nsd(records)),
        needs_surfaces=True,
    ),
    Metric(
        'hausdorff',
        'Largest distance from a pixel of one outline to the other outline, either way, averaged '
        'over the frames in which truth and prediction have the class, then over classes.',
        'One stray pixel decides it; frames with the class on one side only are infinite, left '
        'out and counted in `hausdorff_left_out`.',
        'textbook, MONAI',
        'papers that measure outlines; not with Islam et al. 2019',
        _mean(_hausdorff),
        by_class=_hausdorff,
        needs_surfaces=True,
        unit='px',
    ),
    Metric(
        'hausdorff_95',
        '95th percentile in place of the largest distance, the larger of both ways, averaged like '
        '`hausdorff`.',
        'As `hausdorff`, but a few stray pixels do not decide it.',
        'textbook, MONAI',
        'papers that report HD95 in pixels',
        _mean(_hausdorff_95),
        by_class=_hausdorff_95,
        needs_surfaces=True,
        unit='px',
    ),
    Metric(
        'hausdorff_rows',
        'Hausdorff distance from the rows of the predicted mask to those of the true one, rows '
        'being points of 0 and 1, averaged like `dice_islam2019`.',
        'No distance of outlines: about the root of the pixels that differ in the worst row; '
        'a displacement up or down can score 0.',
        '`test_type.py` of mobarakol/Surgical_Instruments_Segmentation',
        'only the 11.11 of Islam et al. 2019 and its table',
        _mean(_hausdorff_rows),
        by_class=_hausdorff_rows,
        needs_surfaces=True,
        unit='px',
    ),
)
"""All metrics, in the order of the tables."""
