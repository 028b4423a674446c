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

"""Pictures of tracks over time, and of errors by depth."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from surgseg_ros.evaluation.tracks.metrics import DEPTH_BANDS_MM
from surgseg_ros.evaluation.tracks.metrics import PointErrors
from surgseg_ros.evaluation.tracks.scores import TrackMoment
from surgseg_ros.evaluation.tracks.scores import TrackScores
from surgseg_ros.reporting.plots import add_legend_below
from surgseg_ros.reporting.plots import LINE
from surgseg_ros.reporting.plots import new_figure
from surgseg_ros.reporting.plots import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 1200
"""Pixels of the pictures."""
TRACK_COLORS = (
    *('#e69f00', '#0072b2', '#009e73', '#cc79a7'),
    *('#d55e00', '#56b4e9', '#9450a0', '#787800'),
)
"""Told apart by the color-blind too; the ninth track has the first one again."""
DEPTH_PICTURE = 'error_by_depth.png'
FIGURES = {
    'predicted_median': ('predicted: root of the trace, median', '#e67800'),
    'p95': ('95 %', '#0072b2'),
    'median': ('median', '#1e1e1e'),
}
"""Titles and colors of the figures of each band of depth, the last one on top."""
_TRUTH, _MEASUREMENT = '#bebebe', '#a0a0a0'
_PANEL_HEIGHT = 380
_TRUTH_SIZE, _TRACK_SIZE, _ERROR_SIZE = 36.0, 7.0, 5.0  # pt²
_ALL_SHOWN = 0.99  # share of the errors that the picture has room for
_MM_PER_M = 1e3


def write_pictures(folder: Path, scenes: dict[str, tuple[TrackScores, TrackScores]]) -> list[Path]:
    """
    Write a timeline of each scene and the errors of all by depth.

    :param folder: made if need be
    :param scenes: scores in the image and in space by the scene's name
    :return: the files
    :raises MissingPackageError: if matplotlib is not installed
    :raises OSError: if a file cannot be written
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        f'{name}.png': draw_timeline(name, image.moments, space.moments)
        for name, (image, space) in scenes.items()
    }
    together = {'centroid': PointErrors(), 'tip': PointErrors()}
    for _, space in scenes.values():
        for point, errors in together.items():
            errors.extend(space.observed[point])
    figures[DEPTH_PICTURE] = draw_errors_by_depth(together)
    for name, figure in figures.items():
        write_figure(folder / name, figure)
    return [folder / name for name in figures]


def draw_timeline(
    name: str, in_image: Sequence[TrackMoment], in_space: Sequence[TrackMoment]
) -> 'Figure':
    """
    Draw x of the centroids of instruments and tracks over time.

    :param name: of the scene
    :param in_image: positions in px
    :param in_space: positions in m
    :return: a figure of :data:`WIDTH` px with axes for the image and for space
    """
    figure = new_figure(WIDTH, 2 * _PANEL_HEIGHT)
    figure.suptitle(f'{name}: centroids of instruments and tracks', fontweight='bold')
    upper, lower = figure.subplots(2, sharex=True)
    _draw_tracks(upper, in_image, 1.0)
    upper.set_ylabel('x in the image [px]')
    _draw_tracks(lower, in_space, _MM_PER_M)
    lower.set_ylabel('x in space [mm]')
    lower.set_xlabel('time [s]')
    return figure


def draw_errors_by_depth(errors: Mapping[str, PointErrors]) -> 'Figure':
    """
    Draw the lengths of errors in space over the true depth.

    :param errors: by the name of the point, in m
    :return: a figure of :data:`WIDTH` px with axes for every point
    """
    figure = new_figure(WIDTH, len(errors) * _PANEL_HEIGHT)
    all_axes = figure.subplots(len(errors), squeeze=False, sharex=True)[:, 0]
    for axes, (name, points) in zip(all_axes, errors.items(), strict=True):
        _draw_depths(axes, name, points)
    all_axes[-1].set_xlabel('true depth [mm]')
    handles, _ = all_axes[0].get_legend_handles_labels()
    add_legend_below(figure, handles, markerscale=2)
    return figure


def _draw_tracks(axes: 'Axes', moments: Sequence[TrackMoment], scale: float) -> None:
    truths: list[tuple[float, float]] = []
    tracks: dict[int, list[tuple[float, float]]] = {}
    for moment in moments:
        truths += [(moment.time_s, scale * place[0]) for place in moment.truths.values()]
        for track_id, place in moment.tracks.items():
            tracks.setdefault(track_id, []).append((moment.time_s, scale * place[0]))
    axes.grid(color=LINE)
    axes.set_axisbelow(True)
    if not truths and not tracks:
        axes.set_title('nothing to see', loc='left')
        return
    if truths:
        times, places = np.transpose(truths)
        axes.scatter(times, places, _TRUTH_SIZE, _TRUTH, label='truth')
    for track_id, points in sorted(tracks.items()):
        times, places = np.transpose(points)
        color = TRACK_COLORS[(track_id - 1) % len(TRACK_COLORS)]
        # Only the first of a color is named: many identities would fill the picture.
        label = f'track {track_id}' if track_id <= len(TRACK_COLORS) else None
        axes.scatter(times, places, _TRACK_SIZE, color, label=label)
    axes.legend(loc='center left', bbox_to_anchor=(1.0, 0.5), markerscale=1.5, frameon=False)


def _draw_depths(axes: 'Axes', name: str, errors: PointErrors) -> None:
    title = f'{name} in space, {len(errors.errors)} measurements'
    axes.set_title(title, loc='left', fontweight='bold')
    axes.set_ylabel('error [mm]')
    lengths = _MM_PER_M * errors.distances()
    highest = max(float(np.quantile(lengths, _ALL_SHOWN)) if len(lengths) else 1.0, 1e-3)
    nearest, farthest = DEPTH_BANDS_MM[0][0], DEPTH_BANDS_MM[-1][1]
    axes.set_xlim(nearest, farthest)
    axes.set_ylim(0, 1.02 * highest)
    axes.grid(color=LINE)
    axes.set_axisbelow(True)
    # What is beyond the room of the picture stands at its end.
    depths = np.clip(_MM_PER_M * np.array(errors.depths), nearest, farthest)
    shown = np.minimum(lengths, highest)
    axes.scatter(depths, shown, _ERROR_SIZE, _MEASUREMENT, label='measurement')
    _draw_bands(axes, errors, highest)


def _draw_bands(axes: 'Axes', errors: PointErrors, highest: float) -> None:
    bands = [
        (low, high, errors.between(low / _MM_PER_M, high / _MM_PER_M).summary(_MM_PER_M))
        for low, high in DEPTH_BANDS_MM
    ]
    measured = [(low, high, figures) for low, high, figures in bands if figures['count']]
    for key, (title, color) in FIGURES.items():
        axes.hlines(
            [min(figures[key], highest) for _, _, figures in measured],
            [low + 1.0 for low, _, _ in measured],
            [high - 1.0 for _, high, _ in measured],
            color,
            linewidth=2.5,
            label=title,
        )
