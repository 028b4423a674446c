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

"""An instrument's silhouette in one eye, in rectified pixels: both edges of every row."""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.data.image_files import size_of
from surgseg_ros.perception.region import Region

NEIGHBOR_PX = 3
"""An edge so near to a pixel of another instrument is where that one covers, or may cover, it."""
SLOPE_ROWS = 5
"""Rows on either side over which the slope of an edge is taken."""
MAX_SAMPLES = 1500
"""About how many pixels of a mask are looked at."""


@dataclass(frozen=True)
class Silhouette:
    """
    Where an instrument begins and ends in each rectified row.

    :param eye: ``'left'`` or ``'right'``
    :param first_row: rectified row of the first entry
    :param edges: (2, N) rectified x of the left and the right edge, nan where the image border or
        another instrument cuts it
    :param slopes: (2, N) px that an edge moves sideways per row
    :param samples: (M, 2) rectified places of pixels all over the mask
    :param image_size: (width, height)
    :param shift: (2,) px by which all of it was moved since, see :meth:`shifted`
    """

    eye: str
    region: Region
    first_row: int
    edges: np.ndarray
    slopes: np.ndarray
    samples: np.ndarray
    image_size: tuple[int, int]
    shift: np.ndarray

    @property
    def last_row(self) -> int:
        """Return the row of the last entry."""
        return self.first_row + self.edges.shape[1] - 1

    def rows(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Return edges and slopes (2, last - first + 1) of rows that it has."""
        part = slice(first - self.first_row, last - self.first_row + 1)
        return self.edges[:, part], self.slopes[:, part]

    def contains(self, points: np.ndarray, calibration: StereoCalibration) -> np.ndarray:
        """
        Tell which rectified points lie on the instrument's pixels.

        :param points: (N, 2) px
        :return: (N,) bool
        """
        places = self._pixels(points, calibration)
        x, y, width, height = self.region.bounding_box
        columns, rows = places[:, 0] - x, places[:, 1] - y
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        inside[inside] = self.region.mask[rows[inside], columns[inside]] > 0
        return inside

    def in_image(self, points: np.ndarray, calibration: StereoCalibration) -> np.ndarray:
        """Tell which rectified points (N, 2) the eye's image shows, (N,) bool."""
        places = self._pixels(points, calibration)
        return np.all((places >= 0) & (places < self.image_size), axis=1)

    def shifted(self, shift: np.ndarray) -> 'Silhouette':
        """
        Return the silhouette of the instrument at another place.

        :param shift: (2,) rectified px
        """
        if not np.any(shift):
            return self
        rows = np.arange(self.edges.shape[1]) + self.first_row + shift[1]
        first = int(np.ceil(rows[0]))
        wanted = np.arange(first, int(np.floor(rows[-1])) + 1)
        edges = np.stack([np.interp(wanted, rows, edge) for edge in self.edges]) + shift[0]
        return replace(
            self,
            first_row=first,
            edges=edges,
            slopes=np.stack([np.interp(wanted, rows, slope) for slope in self.slopes]),
            samples=self.samples + shift,
            shift=self.shift + shift,
        )

    def _pixels(self, points: np.ndarray, calibration: StereoCalibration) -> np.ndarray:
        """Return the pixels (N, 2) of the image that show rectified points (N, 2)."""
        return np.rint(calibration.unrectify(self.eye, points - self.shift)).astype(int)


def find_silhouette(
    region: Region, eye: str, label_image: np.ndarray, calibration: StereoCalibration
) -> Silhouette:
    """
    Return the silhouette of an instrument.

    :param region: with its mask
    :param eye: ``'left'`` or ``'right'``
    :param label_image: (H, W) uint8, of which other instruments' pixels are looked at
    """
    x, y, width, _ = region.bounding_box
    mask = region.mask > 0
    filled = np.flatnonzero(mask.any(axis=1))
    rows = mask[filled]
    columns = np.stack([rows.argmax(axis=1), width - 1 - rows[:, ::-1].argmax(axis=1)])
    edges, image_rows = columns + x, filled + y
    cut = _is_cut(edges, image_rows, label_image)
    # The outline of a pixel lies half a pixel beyond its center.
    outline_x = edges + np.array([[-0.5], [0.5]])
    first, rectified = _resample(outline_x, image_rows, cut, eye, calibration)
    return Silhouette(
        eye,
        region,
        first,
        rectified,
        _slopes(rectified),
        calibration.rectify(eye, _sample(region)),
        size_of(label_image),
        np.zeros(2),
    )


def _is_cut(edges: np.ndarray, rows: np.ndarray, label_image: np.ndarray) -> np.ndarray:
    """Tell which edge pixels (2, N) lie at the image border or at another instrument."""
    last = label_image.shape[1] - 1
    neighbor = np.zeros(edges.shape, bool)
    for distance in range(1, NEIGHBOR_PX + 1):
        outward = np.array([[-distance], [distance]])
        neighbor |= label_image[rows, np.clip(edges + outward, 0, last)] > 0
    return (edges <= 0) | (edges >= last) | neighbor


def _resample(
    edges: np.ndarray,
    rows: np.ndarray,
    cut: np.ndarray,
    eye: str,
    calibration: StereoCalibration,
) -> tuple[int, np.ndarray]:
    """Return the first rectified row, and the edges (2, N) from there on."""
    rectified = [
        calibration.rectify(eye, np.column_stack((edge, rows)).astype(float)) for edge in edges
    ]
    first = int(np.ceil(min(points[:, 1].min() for points in rectified) - 1e-6))
    last = int(np.floor(max(points[:, 1].max() for points in rectified) + 1e-6))
    wanted = np.arange(first, max(last, first) + 1)
    resampled = []
    for points, is_cut in zip(rectified, cut, strict=True):
        x = np.where(is_cut, np.nan, points[:, 0])
        order = np.argsort(points[:, 1], kind='stable')
        resampled.append(np.interp(wanted, points[order, 1], x[order], np.nan, np.nan))
    return first, np.stack(resampled)


def _slopes(edges: np.ndarray) -> np.ndarray:
    """Return how far edges (2, N) move sideways per row, (2, N)."""
    count = edges.shape[1]
    before = np.clip(np.arange(count) - SLOPE_ROWS, 0, count - 1)
    after = np.clip(np.arange(count) + SLOPE_ROWS, 0, count - 1)
    span = np.maximum(after - before, 1)
    return (edges[:, after] - edges[:, before]) / span


def _sample(region: Region) -> np.ndarray:
    """Return pixels (M, 2) all over a region, x and y."""
    step = max(1, round((region.area / MAX_SAMPLES) ** 0.5))
    x, y, width, height = region.bounding_box
    rows = np.arange((-y) % step, height, step)
    columns = np.arange((-x) % step, width, step)
    picked_rows, picked_columns = np.nonzero(region.mask[np.ix_(rows, columns)])
    if len(picked_rows) == 0:
        return np.array([region.centroid])
    return np.column_stack((columns[picked_columns] + x, rows[picked_rows] + y)).astype(float)
