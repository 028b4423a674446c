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


"""Scores of label images: frames go in one by one, all metrics come out."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np

from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.evaluation.labels.frame_records import FrameRecords
from surgseg_ros.evaluation.labels.metric_table import available_metrics
from surgseg_ros.evaluation.labels.metric_table import find_metric
from surgseg_ros.evaluation.labels.metric_table import Metric
from surgseg_ros.evaluation.labels.metrics import confusion_matrix
from surgseg_ros.evaluation.labels.metrics import nan_mean
from surgseg_ros.evaluation.labels.metrics import rounded
from surgseg_ros.evaluation.labels.overlap_metrics import dice_of_classes
from surgseg_ros.evaluation.labels.overlap_metrics import dice_pooled
from surgseg_ros.evaluation.labels.overlap_metrics import is_in_truth
from surgseg_ros.evaluation.labels.overlap_metrics import is_predicted
from surgseg_ros.evaluation.labels.surface_metrics import check_monai
from surgseg_ros.evaluation.labels.surface_metrics import count_one_sided
from surgseg_ros.evaluation.labels.surface_metrics import surface_distances
from surgseg_ros.evaluation.labels.surface_metrics import SurfaceDistances


@dataclass(frozen=True)
class LabeledFrame:
    """
    A label image and its ground truth.

    :param video: the frames of one are averaged together by the metrics of SAR-RARP50
    :param stem: name within the video
    :param truth: (H, W) uint8 class ids, :data:`surgseg_ros.data.label_sets.UNLABELED` is ignored
    :param prediction: (H, W) uint8 class ids; None if there is no prediction, which then scores 0
    """

    video: str
    stem: str
    truth: np.ndarray
    prediction: np.ndarray | None

    @property
    def name(self) -> str:
        """Return the name within the data set, such as ``instrument_dataset_3/frame007``."""
        return f'{self.video}/{self.stem}'

    def as_binary(self) -> 'LabeledFrame':
        """Return it with 1 for every class above 0, on both sides; ignored pixels stay."""
        is_instrument = (self.truth > 0).astype(np.uint8)
        return replace(
            self,
            truth=np.where(self.truth == UNLABELED, self.truth, is_instrument),
            prediction=(
                None if self.prediction is None else (self.prediction > 0).astype(np.uint8)
            ),
        )

    def prediction_or_background(self) -> np.ndarray:
        """Return the prediction, (H, W) uint8; all background if there is none."""
        return np.zeros_like(self.truth) if self.prediction is None else self.prediction


@dataclass(frozen=True)
class Scores:
    """
    The scores of frames.

    :param label_set: classes
    :param records: counts and distances of the frames
    """

    label_set: LabelSet
    records: FrameRecords

    def metric(self, name: str) -> float:
        """
        Return a metric of :data:`.metric_table.METRICS`, nan if undefined.

        :raises ValueError: if there is no such metric, or it needs distances and they were not
            measured
        """
        return find_metric(name).overall(self.records)

    @property
    def confusion(self) -> np.ndarray:
        """Return the confusion matrix of all frames, (C, C) int64, rows are the truth."""
        return self.records.confusions.sum(axis=0)

    def worst_frames(self, count: int) -> list[tuple[str, float]]:
        """
        Return name and ``dice_ternaus`` of the frames that score lowest, the worst first.

        :param count: at most so many
        """
        by_frame = find_metric('dice_ternaus').by_frame
        assert by_frame is not None
        values = by_frame(self.records)
        order = np.argsort(values, kind='stable')[:count]
        return [(self.records.names[index], float(values[index])) for index in order]

    def to_dict(self) -> dict[str, Any]:
        """
        Return everything, ready for JSON; null for what is undefined.

        ``dice`` is that of all pixels of all frames, ``dice_per_image`` the mean over the frames
        in which the class is present in truth or prediction; with several classes ``dice`` has
        their ``mean``, and the Dice of all classes as one, too. ``metrics`` are those of
        :data:`.metric_table.METRICS` by name, ``deviations`` the standard
        deviations over the frames, ``classes`` the values behind the means over classes,
        ``videos`` the metrics of each video, ``binary`` those of all classes as one.
        """
        records, names = self.records, self.label_set.class_names[1:]
        pooled = dice_pooled(records.confusions)
        per_image = nan_mean(dice_of_classes(records.confusions), axis=0)
        result: dict[str, Any] = {
            'task': self.label_set.name,
            'frames': len(records.names),
            'missing_predictions': int(records.missing.sum()),
            'dice': _by_name(names, pooled),
            'dice_per_image': _by_name(names, per_image),
            'metrics': _overall(records),
            'deviations': _deviations(records),
            'classes': _classes(records, names),
            'videos': {
                video: _of_video(records.of_video(video)) for video in records.video_names()
            },
            'confusion_matrix': self.confusion.tolist(),
        }
        if self.label_set.name != BINARY:
            binary = records.as_binary()
            result['dice']['mean'] = rounded(float(nan_mean(pooled)))
            result['dice'][BINARY] = rounded(dice_pooled(binary.confusions)[0])
            result[BINARY] = _overall(binary)
        return result


def score_frames(frames: Iterable[LabeledFrame], task: str, surface: bool = False) -> Scores:
    """
    Score frames; each is forgotten when the next one is asked for.

    With task ``binary`` every class above 0 counts as instrument, on both sides.

    :param frames: at least one
    :param task: label set of the labels, or ``binary``
    :param surface: also measure distances of outlines, 10 to 30 ms more a class of a frame of
        1280x1024
    :raises ValueError: if there is no frame or no such task, or a frame does not fit
    :raises surgseg_ros.evaluation.labels.surface_metrics.MissingMonaiError: if distances are
        wanted and MONAI is not installed
    """
    label_set = get_label_set(task)
    if surface:
        check_monai()
    names, videos, missing = [], [], []
    confusions: list[np.ndarray] = []
    surfaces: list[SurfaceDistances] = []
    for given in frames:
        frame = given.as_binary() if task == BINARY else given
        truth, prediction = frame.truth, frame.prediction_or_background()
        names.append(frame.name)
        videos.append(frame.video)
        missing.append(frame.prediction is None)
        try:
            confusions.append(confusion_matrix(truth, prediction, label_set.num_classes))
        except ValueError as error:
            raise ValueError(f'{frame.name}: {error}; is the task {task!r} right?') from error
        if surface:
            distances = surface_distances(truth, prediction, label_set.num_classes)
            surfaces.append(distances.without_prediction() if missing[-1] else distances)
    if not names:
        raise ValueError('there are no frames to score')
    records = FrameRecords(
        tuple(names),
        tuple(videos),
        np.stack(confusions),
        np.array(missing),
        SurfaceDistances.stack(surfaces) if surface else None,
    )
    return Scores(label_set, records)


def _overall(records: FrameRecords) -> dict[str, float | None]:
    return {metric.name: rounded(metric.overall(records)) for metric in available_metrics(records)}


def _deviations(records: FrameRecords) -> dict[str, float | None]:
    return {
        metric.name: rounded(_deviation(metric.by_frame(records)))
        for metric in available_metrics(records)
        if metric.by_frame is not None
    }


def _deviation(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(present.std()) if present.size else float('nan')


def _of_video(records: FrameRecords) -> dict[str, Any]:
    return {'frames': len(records.names), 'metrics': _overall(records)}


def _classes(records: FrameRecords, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return what is known of every class, by its name."""
    columns: dict[str, list[Any]] = {
        'frames_in_truth': is_in_truth(records.confusions).sum(axis=0).tolist(),
        'frames_predicted': is_predicted(records.confusions).sum(axis=0).tolist(),
    }
    for metric in available_metrics(records):
        columns |= _class_column(metric, records)
    if records.surfaces is not None:
        columns['nsd'] = [rounded(value) for value in records.surfaces.nsd.mean(axis=0)]
        columns['hausdorff_left_out'] = count_one_sided(records.surfaces.hausdorff).tolist()
    return {
        name: {key: values[index] for key, values in columns.items()}
        for index, name in enumerate(names)
    }


def _class_column(metric: Metric, records: FrameRecords) -> dict[str, list[float | None]]:
    if metric.by_class is None:
        return {}
    return {metric.name: [rounded(value) for value in metric.by_class(records)]}


def _by_name(names: tuple[str, ...], values: np.ndarray) -> dict[str, float | None]:
    return {name: rounded(value) for name, value in zip(names, values, strict=True)}
