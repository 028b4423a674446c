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

"""What a run of the live system amounts to: counts, latency, rate and Dice."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.whole_files import write_whole_text
from surgseg_ros.evaluation.labels.metrics import binary_confusion
from surgseg_ros.evaluation.labels.metrics import confusion_matrix
from surgseg_ros.evaluation.labels.metrics import dice_per_class
from surgseg_ros.reporting.percentiles import Percentiles
from surgseg_ros.reporting.percentiles import percentiles

NANOSECONDS = 1_000_000_000
IN_FLIGHT_NS = 2 * NANOSECONDS
"""A frame younger than this, and newer than the last result of its eye, may yet be answered."""

STAGES = ('queue', 'preprocess', 'inference', 'postprocess')


@dataclass(frozen=True)
class FrameResult:
    """
    What the segmentation node said about one processed frame.

    :param latency_s: from the stamp of the image to the arrival of its instruments
    :param node_latency_s: from the arrival of the image in the node to the publication
    :param stages_s: seconds in each of :data:`STAGES`
    :param dropped_before: frames that the node received and dropped since its previous result
    """

    latency_s: float
    node_latency_s: float
    stages_s: dict[str, float]
    dropped_before: int


class DemoStatistics:
    """
    Accumulate the frames of one run.

    A frame is one image of one eye, known by its eye and stamp. Frames stamped up to the start of
    the measurement, or after its end, do not count. Every frame that counts is processed or
    dropped: ``frames_in = frames_processed + frames_dropped`` holds at any time, because frames
    that may still be answered are left out and reported as ``frames_in_flight``.

    :param label_set: classes of the label images, both predicted and true
    :param eyes: such as ``('left', 'right')``
    """

    def __init__(self, label_set: LabelSet, eyes: Sequence[str]) -> None:
        self._label_set = label_set
        self._eyes = tuple(eyes)
        self._seen: dict[str, set[int]] = {eye: set() for eye in eyes}
        self._results: dict[str, dict[int, FrameResult]] = {eye: {} for eye in eyes}
        self._compared: dict[str, set[int]] = {eye: set() for eye in eyes}
        self._answered_ns: dict[str, int] = dict.fromkeys(eyes, 0)
        self._start_ns: int | None = None
        self._end_ns: int | None = None
        self._confusion = np.zeros((label_set.num_classes,) * 2, np.int64)

    @property
    def started(self) -> bool:
        """Return whether the measurement has begun."""
        return self._start_ns is not None

    def start(self, stamp_ns: int) -> None:
        """Begin the measurement: frames stamped later than this count."""
        self._start_ns = stamp_ns

    def stop(self, stamp_ns: int) -> None:
        """End the measurement: frames stamped later than this do not count."""
        self._end_ns = stamp_ns

    def counts(self, stamp_ns: int) -> bool:
        """Return whether a frame with this stamp is part of the measurement."""
        if self._start_ns is None or stamp_ns <= self._start_ns:
            return False
        return self._end_ns is None or stamp_ns <= self._end_ns

    def add_frame(self, eye: str, stamp_ns: int) -> None:
        """Note that the camera sent a frame; any of its messages is proof enough."""
        if self.counts(stamp_ns):
            self._seen[eye].add(stamp_ns)

    def add_result(self, eye: str, stamp_ns: int, result: FrameResult) -> None:
        """Note that the segmentation node processed a frame."""
        self._answered_ns[eye] = max(self._answered_ns[eye], stamp_ns)
        if self.counts(stamp_ns):
            self._seen[eye].add(stamp_ns)
            self._results[eye][stamp_ns] = result

    def add_comparison(
        self, eye: str, stamp_ns: int, truth: np.ndarray, prediction: np.ndarray
    ) -> None:
        """
        Compare a predicted label image with the truth.

        :param truth: (H, W) uint8 class ids
        :param prediction: (H, W) uint8 class ids
        :raises ValueError: if the two differ in size
        """
        if not self.counts(stamp_ns) or stamp_ns in self._compared[eye]:
            return
        self._confusion += confusion_matrix(truth, prediction, self._label_set.num_classes)
        self._compared[eye].add(stamp_ns)

    @property
    def all_compared(self) -> bool:
        """Return whether every processed frame has been compared with the truth."""
        return all(self._results[eye].keys() <= self._compared[eye] for eye in self._eyes)

    def duration_s(self) -> float:
        """Return the time from the start of the measurement to its newest frame, by the stamps."""
        stamps = [max(seen) for seen in self._seen.values() if seen]
        if self._start_ns is None or not stamps:
            return 0.0
        return (max(stamps) - self._start_ns) / NANOSECONDS

    def answered(self, stamp_ns: int) -> bool:
        """Return whether every eye has a result at least as new as the stamp."""
        return all(answered_ns >= stamp_ns for answered_ns in self._answered_ns.values())

    def summarize(self) -> dict[str, Any]:
        """
        Return the numbers of the run so far, ready for JSON.

        Numbers that cannot be known, such as the Dice of a class that never occurs, are ``None``.
        Dice is pooled: true and predicted pixels of all compared frames of both eyes are added up
        before the division.
        """
        processed = sum(len(results) for results in self._results.values())
        seen = sum(len(stamps) for stamps in self._seen.values())
        in_flight = sum(self._in_flight(eye) for eye in self._eyes)
        compared = sum(len(self._compared[eye] & self._results[eye].keys()) for eye in self._eyes)
        duration = self.duration_s()
        per_eye = len(self._eyes) * duration
        results = [result for eye in self._eyes for result in self._results[eye].values()]
        return {
            'frames_in': seen - in_flight,
            'frames_processed': processed,
            'frames_dropped': seen - in_flight - processed,
            'frames_dropped_in_node': sum(map(self._dropped_in_node, self._eyes)),
            'frames_in_flight': in_flight,
            'frames_compared': compared,
            'frames_not_compared': processed - compared,
            'duration_s': round(duration, 3),
            'camera_rate_hz': _rounded(seen / per_eye if per_eye else math.nan),
            'throughput_hz': _rounded(processed / per_eye if per_eye else math.nan),
            'latency_ms': percentiles_ms([result.latency_s for result in results]),
            'node_latency_ms': percentiles_ms([result.node_latency_s for result in results]),
            'stage_ms': {
                stage: percentiles_ms([result.stages_s[stage] for result in results])
                for stage in STAGES
            },
            **self._dice(),
        }

    def _in_flight(self, eye: str) -> int:
        seen = self._seen[eye]
        if not seen:
            return 0
        oldest = max(self._answered_ns[eye], max(seen) - IN_FLIGHT_NS)
        return sum(stamp > oldest for stamp in seen)

    def _dropped_in_node(self, eye: str) -> int:
        """Add up what the node dropped since the first result of the measurement."""
        results = self._results[eye]
        return sum(results[stamp].dropped_before for stamp in sorted(results)[1:])

    def _dice(self) -> dict[str, Any]:
        per_class = dice_per_class(self._confusion)
        binary = dice_per_class(binary_confusion(self._confusion))[1]
        names = self._label_set.class_names[1:]
        dice = {'binary': binary} | dict(zip(names, per_class[1:], strict=True))
        known = per_class[1:][~np.isnan(per_class[1:])]
        return {
            'dice': {name: _rounded(value) for name, value in dice.items()},
            'dice_mean_parts': _rounded(known.mean() if known.size else math.nan),
        }


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return p50, p95 and p99 of times given in seconds, in milliseconds."""
    values = percentiles(1e3 * value for value in seconds)
    if values is None:
        return dict.fromkeys(Percentiles._fields)
    return {name: _rounded(value) for name, value in values._asdict().items()}


def _rounded(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return None if math.isnan(value) else round(float(value), 4)


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write a summary so that a reader, or an interruption, never meets half a file."""
    write_whole_text(path, json.dumps(summary, indent=2) + '\n')


def format_summary(summary: Mapping[str, Any]) -> str:
    """Return a summary as a table to print."""
    latency = summary['latency_ms']
    node_latency = summary['node_latency_ms']
    rows = [
        ('Model', f'{summary["model"]}, branch {summary["branch"]}'),
        ('Device', f'{summary["device"]} ({summary["backend"]})'),
        ('Images', f'{summary["frames_in"]} of both eyes in {summary["duration_s"]:.1f} s'),
        ('  processed', str(summary['frames_processed'])),
        ('  dropped', _dropped(summary)),
        ('Throughput', f'{_number(summary["throughput_hz"], 2)} stereo pairs a second'),
        ('Latency', f'{_spread(latency)}, image stamp to instruments received'),
        ('  in the node', _spread(node_latency)),
        ('Dice, binary', _number(summary['dice']['binary'], 3)),
        *((f'  {name}', _number(value, 3)) for name, value in _class_dice(summary)),
        ('  mean of these', _number(summary['dice_mean_parts'], 3)),
        ('  compared', f'{summary["frames_compared"]} images with the truth'),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return '\n'.join(f'{name:<{width}}{value}' for name, value in rows)


def _dropped(summary: Mapping[str, Any]) -> str:
    in_node = summary['frames_dropped_in_node']
    return f'{summary["frames_dropped"]}, {in_node} of them for newer ones in the node'


def _class_dice(summary: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    return [(name, value) for name, value in summary['dice'].items() if name != 'binary']


def _spread(latency: Mapping[str, float | None]) -> str:
    return ', '.join(f'{name} {_number(value, 1)}' for name, value in latency.items()) + ' ms'


def _number(value: float | None, digits: int) -> str:
    return 'unknown' if value is None else f'{value:.{digits}f}'
