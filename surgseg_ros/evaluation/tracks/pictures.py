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

from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path

import numpy as np

from surgseg_ros.data.image_files import write_image
from surgseg_ros.evaluation.tracks.metrics import DEPTH_BANDS_MM
from surgseg_ros.evaluation.tracks.metrics import PointErrors
from surgseg_ros.evaluation.tracks.scores import TrackMoment
from surgseg_ros.evaluation.tracks.scores import TrackScores
from surgseg_ros.reporting.canvas import Canvas
from surgseg_ros.reporting.canvas import FAINT
from surgseg_ros.reporting.canvas import LINE
from surgseg_ros.reporting.canvas import text_width
from surgseg_ros.reporting.canvas import tick_step

WIDTH = 1200
"""Pixels of the pictures."""
TRACK_COLORS = (
    *((230, 159, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167)),
    *((213, 94, 0), (86, 180, 233), (148, 80, 160), (120, 120, 0)),
)
"""RGB, told apart by the color-blind too; the ninth track has the first one again."""
DEPTH_PICTURE = 'error_by_depth.png'
_TRUTH = (190, 190, 190)
_MEDIAN, _P95, _PREDICTED = (30, 30, 30), (0, 114, 178), (230, 120, 0)
_MARGIN, _TITLE, _AXIS, _LABELS = 24, 40, 30, 60
_PANEL_HEIGHT = 300
_TITLE_SIZE, _TEXT_SIZE = 0.6, 0.44
_TRUTH_RADIUS, _TRACK_RADIUS, _ERROR_RADIUS = 4.0, 1.8, 1.2
_ALL_SHOWN = 0.99  # share of the errors that the picture has room for
_MM_PER_M = 1e3


@dataclass(frozen=True)
class _Panel:
    """
    A diagram.

    :param canvas: it is drawn there
    :param top: of its title, px
    :param x_range: from left to right
    :param y_range: from bottom to top
    """

    canvas: Canvas
    top: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point is on the canvas; beyond the range it is moved to its end."""
        across, up = (
            min(max((value - low) / (high - low), 0.0), 1.0)
            for value, (low, high) in ((x, self.x_range), (y, self.y_range))
        )
        left, right = _MARGIN + _LABELS, WIDTH - _MARGIN
        bottom = self.top + _TITLE + _PANEL_HEIGHT
        return left + across * (right - left), bottom - up * _PANEL_HEIGHT

    def draw_axes(self, title: str, x_unit: str) -> None:
        """Write the title and draw lines with numbers."""
        self.canvas.write(_MARGIN, self.top + _TITLE - 14, title, _TITLE_SIZE, bold=True)
        for x in _ticks(*self.x_range):
            (column, bottom), (_, top) = (self.place(x, y) for y in self.y_range)
            self.canvas.rectangle(column, top, column, bottom, LINE)
            text = f'{x:g} {x_unit}'
            shift = text_width(text, _TEXT_SIZE) / 2
            self.canvas.write(column - shift, bottom + 18, text, _TEXT_SIZE, FAINT)
        for y in _ticks(*self.y_range):
            (left, row), (right, _) = (self.place(x, y) for x in self.x_range)
            self.canvas.rectangle(left, row, right, row, LINE)
            self.canvas.write(_MARGIN, row + 5, f'{y:g}', _TEXT_SIZE, FAINT)


def write_pictures(folder: Path, scenes: dict[str, tuple[TrackScores, TrackScores]]) -> list[Path]:
    """
    Write a timeline of each scene and the errors of all by depth.

    :param folder: made if need be
    :param scenes: scores in the image and in space by the scene's name
    :return: the files
    :raises OSError: if a file cannot be written
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        f'{name}.png': draw_timeline(name, image.moments, space.moments)
        for name, (image, space) in scenes.items()
    }
    together = {'centroid': PointErrors(), 'tip': PointErrors()}
    for _, space in scenes.values():
        for point, errors in together.items():
            errors.extend(space.observed[point])
    pictures[DEPTH_PICTURE] = draw_errors_by_depth(together)
    for name, picture in pictures.items():
        write_image(folder / name, picture)
    return [folder / name for name in pictures]


def draw_timeline(
    name: str, in_image: Sequence[TrackMoment], in_space: Sequence[TrackMoment]
) -> np.ndarray:
    """
    Draw x of the centroids of instruments and tracks over time.

    :param name: of the scene
    :param in_image: positions in px
    :param in_space: positions in m
    :return: (H, :data:`WIDTH`, 3) uint8 RGB
    """
    step = _TITLE + _PANEL_HEIGHT + _AXIS
    canvas = Canvas.blank(WIDTH, 2 * step + _MARGIN)
    key = 'grey: truth, a color an identity'
    _draw_tracks(canvas, 0, in_image, f'{name}, in the image: x in px ({key})', 1.0)
    _draw_tracks(canvas, step, in_space, f'{name}, in space: x in mm', _MM_PER_M)
    return canvas.picture()


def draw_errors_by_depth(errors: dict[str, PointErrors]) -> np.ndarray:
    """
    Draw the lengths of errors in space over the true depth.

    :param errors: by the name of the point, in m
    :return: (H, :data:`WIDTH`, 3) uint8 RGB
    """
    step = _TITLE + _PANEL_HEIGHT + _AXIS
    canvas = Canvas.blank(WIDTH, len(errors) * step + 2 * _MARGIN)
    for index, (name, points) in enumerate(errors.items()):
        _draw_depths(canvas, index * step, name, points)
    x = float(_MARGIN)
    for text, color in (
        ('median', _MEDIAN), ('95 %', _P95), ('predicted: root of the trace, median', _PREDICTED),
    ):  # fmt: skip
        row = len(errors) * step + _MARGIN
        canvas.rectangle(x, row - 6, x + 20, row - 4, color)
        canvas.write(x + 28, row, text, _TEXT_SIZE)
        x += 56 + text_width(text, _TEXT_SIZE)
    return canvas.picture()


def _draw_tracks(
    canvas: Canvas, top: float, moments: Sequence[TrackMoment], title: str, scale: float
) -> None:
    values = [
        scale * float(place[0])
        for moment in moments
        for place in (*moment.truths.values(), *moment.tracks.values())
    ]
    if not values:
        canvas.write(_MARGIN, top + _TITLE - 14, f'{title}: nothing', _TITLE_SIZE, bold=True)
        return
    start, end = moments[0].time_s, moments[-1].time_s
    panel = _Panel(canvas, top, (start, end + 1e-3), (min(values) - 1.0, max(values) + 1.0))
    panel.draw_axes(title, 's')
    for moment in moments:
        for place in moment.truths.values():
            canvas.dot(*panel.place(moment.time_s, scale * place[0]), _TRUTH_RADIUS, _TRUTH)
    for moment in moments:
        for track_id, place in moment.tracks.items():
            color = TRACK_COLORS[(track_id - 1) % len(TRACK_COLORS)]
            canvas.dot(*panel.place(moment.time_s, scale * place[0]), _TRACK_RADIUS, color)


def _draw_depths(canvas: Canvas, top: float, name: str, errors: PointErrors) -> None:
    title = f'{name} in space: error in mm by depth, {len(errors.errors)} measurements'
    lengths = _MM_PER_M * errors.distances()
    highest = float(np.quantile(lengths, _ALL_SHOWN)) if len(lengths) else 1.0
    nearest, farthest = DEPTH_BANDS_MM[0][0], DEPTH_BANDS_MM[-1][1]
    panel = _Panel(canvas, top, (nearest, farthest), (0.0, max(highest, 1e-3)))
    panel.draw_axes(title, 'mm')
    for depth, length in zip(errors.depths, lengths, strict=True):
        place = panel.place(_MM_PER_M * depth, float(length))
        canvas.dot(*place, _ERROR_RADIUS, _TRUTH)
    for low, high in DEPTH_BANDS_MM:
        band = errors.between(low / _MM_PER_M, high / _MM_PER_M).summary(_MM_PER_M)
        if not band['count']:
            continue
        for figure, color in (
            ('predicted_median', _PREDICTED), ('p95', _P95), ('median', _MEDIAN),
        ):  # fmt: skip
            left, row = panel.place(low + 1.0, band[figure])
            right, _ = panel.place(high - 1.0, band[figure])
            canvas.rectangle(left, row - 1, right, row + 1, color)


def _ticks(low: float, high: float) -> list[float]:
    step = tick_step(high - low)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(index * step, 10) for index in range(first, last + 1)]
