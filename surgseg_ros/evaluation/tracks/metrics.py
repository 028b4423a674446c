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

"""Figures of positions and tracks: errors, how honest covariances are, identities."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from importlib.util import find_spec
import math
from typing import Any

import numpy as np
from scipy.special import chdtri

INSIDE_PROBABILITY = 0.95
"""Probability of the ellipsoid in which that share of the errors should lie."""
DEPTH_BANDS_MM = tuple((low, low + 20) for low in range(40, 140, 20))
"""From the first depth up to the second one."""
IDENTITY_METRICS = {
    'mota': 'mota',
    'idf1': 'idf1',
    'switches': 'num_switches',
    'misses': 'num_misses',
    'false_positives': 'num_false_positives',
    'objects': 'num_objects',
}
"""Our names of the metrics of motmetrics."""
OVERALL = 'overall'
_MM_PER_M = 1e3


class MissingMetricsError(RuntimeError):
    """The package motmetrics is not installed; the message says how to install it."""


@dataclass
class PointErrors:
    """
    Errors of a point over many frames, each with the covariance that was told with it.

    :param errors: (n,) each, px or m
    :param covariances: (n, n) each
    :param depths: true depth in m of each, NaN if it is not known
    """

    errors: list[np.ndarray] = field(default_factory=list)
    covariances: list[np.ndarray] = field(default_factory=list)
    depths: list[float] = field(default_factory=list)

    def add(
        self,
        position: np.ndarray,
        covariance: np.ndarray,
        truth: np.ndarray,
        depth: float = math.nan,
    ) -> None:
        """
        Count a position; without a finite truth it does not count.

        :param position: (n,) px or m
        :param covariance: (n, n)
        :param truth: (n,)
        :param depth: true depth, m
        """
        if np.isfinite(truth).all():
            self.errors.append(np.subtract(position, truth))
            self.covariances.append(np.asarray(covariance))
            self.depths.append(depth)

    def extend(self, other: 'PointErrors') -> None:
        """Count all that another one counts."""
        self.errors += other.errors
        self.covariances += other.covariances
        self.depths += other.depths

    def between(self, nearest: float, farthest: float) -> 'PointErrors':
        """Return those with a true depth in m in [nearest, farthest)."""
        chosen = [i for i, depth in enumerate(self.depths) if nearest <= depth < farthest]
        return PointErrors(
            [self.errors[i] for i in chosen],
            [self.covariances[i] for i in chosen],
            [self.depths[i] for i in chosen],
        )

    def distances(self) -> np.ndarray:
        """Return the lengths of the errors (N,)."""
        return np.array([np.linalg.norm(error) for error in self.errors])

    def predicted(self) -> np.ndarray:
        """Return what the covariances say of the errors' lengths (N,): root mean square."""
        return np.array([math.sqrt(np.trace(spread)) for spread in self.covariances])

    def normalized_squared(self) -> np.ndarray:
        """Return the squared Mahalanobis lengths (N,); their mean should be n."""
        return np.array([
            float(error @ np.linalg.solve(spread, error))
            for error, spread in zip(self.errors, self.covariances, strict=True)
        ])  # fmt: skip

    def summary(self, scale: float = 1.0) -> dict[str, Any]:
        """
        Return the figures, ready for JSON; ``None`` where there is no error.

        :param scale: of lengths, such as 1000 for errors in mm
        """
        if not self.errors:
            return {'count': 0}
        distances = scale * self.distances()
        normalized = self.normalized_squared()
        dimension = len(self.errors[0])
        limit = chdtri(dimension, 1 - INSIDE_PROBABILITY)
        return {
            'count': len(distances),
            'median': _rounded(np.median(distances)),
            'p95': _rounded(np.percentile(distances, 95)),
            'max': _rounded(distances.max()),
            'mean_error': [
                _rounded(value) for value in scale * np.mean(np.array(self.errors), axis=0)
            ],
            'predicted_median': _rounded(np.median(scale * self.predicted())),
            'dimension': dimension,
            'normalized_squared_mean': _rounded(normalized.mean()),
            'normalized_squared_median': _rounded(np.median(normalized)),
            'inside_95': _rounded((normalized <= limit).mean()),
        }

    def by_depth(self, scale: float = 1.0) -> dict[str, dict[str, Any]]:
        """
        Return a summary for each of :data:`DEPTH_BANDS_MM`.

        :param scale: of lengths
        """
        return {
            f'{low}-{high} mm': self.between(low / _MM_PER_M, high / _MM_PER_M).summary(scale)
            for low, high in DEPTH_BANDS_MM
        }


class IdentityCounter:
    """
    Compare tracks with the instruments that are there, frame by frame.

    :param limit: longest distance between a track and its instrument, px or m
    :raises MissingMetricsError: if motmetrics is not installed
    """

    def __init__(self, limit: float) -> None:
        check_motmetrics()
        from motmetrics import MOTAccumulator

        self.limit = limit
        self.accumulator = MOTAccumulator()
        self._frames = 0

    def update(self, truths: Mapping[int, np.ndarray], tracks: Mapping[int, np.ndarray]) -> None:
        """
        Count a frame.

        :param truths: place (n,) of every instrument by its number
        :param tracks: place (n,) of every track by its identity
        """
        distances = np.full((len(truths), len(tracks)), np.nan)
        for i, truth in enumerate(truths.values()):
            for j, place in enumerate(tracks.values()):
                distance = float(np.linalg.norm(np.subtract(place, truth)))
                distances[i, j] = distance if distance <= self.limit else np.nan
        self.accumulator.update(list(truths), list(tracks), distances, frameid=self._frames)
        self._frames += 1


def summarize_identities(counters: Mapping[str, IdentityCounter]) -> dict[str, dict[str, Any]]:
    """
    Return the figures of motmetrics by name, and those of all together as :data:`OVERALL`.

    Two instruments that exchange their identities are two switches. ``None`` where there were no
    instruments.

    :param counters: of each scene
    """
    from motmetrics import metrics

    table = metrics.create().compute_many(
        [counter.accumulator for counter in counters.values()],
        names=list(counters),
        metrics=list(IDENTITY_METRICS.values()),
        generate_overall=True,
    )
    rows = table.rename(index={'OVERALL': OVERALL}).to_dict('index')
    return {
        str(name): {ours: _number(row[theirs]) for ours, theirs in IDENTITY_METRICS.items()}
        for name, row in rows.items()
    }


def check_motmetrics() -> None:
    """
    Check that motmetrics can be imported.

    :raises MissingMetricsError: if it cannot
    """
    if find_spec('motmetrics') is None:
        raise MissingMetricsError(
            'the package motmetrics is not installed; run pip install surgseg_ros[evaluation] '
            "or, in a checkout, pip install 'motmetrics>=1.4'"
        )


def summarize_times(seconds: Sequence[float]) -> dict[str, Any]:
    """Return median and 95th percentile in ms of times in s."""
    if not seconds:
        return {'count': 0}
    milliseconds = 1e3 * np.array(seconds)
    return {
        'count': len(seconds),
        'median_ms': _rounded(np.median(milliseconds)),
        'p95_ms': _rounded(np.percentile(milliseconds, 95)),
    }


def _number(value: Any) -> float | int | None:
    """Return a number of a table for JSON."""
    if isinstance(value, float):
        return _rounded(value)
    return int(value)


def _rounded(value: Any) -> float | None:
    """Return five significant digits, ``None`` for what is no number."""
    return float(f'{value:.5g}') if math.isfinite(value) else None
