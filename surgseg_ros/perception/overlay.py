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

"""Pictures of label images and instruments, for people."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.stereo import StereoInstrument

DEFAULT_ALPHA = 0.45
_WHITE = (255, 255, 255)
_TIP_COLOR = (255, 0, 128)
_TEXT_COLOR = (255, 255, 0)
_BLACK = (0, 0, 0)
GOLDEN_ANGLE_DEG = 137.5
VELOCITY_SHOWN_S = 0.25


def draw_overlay(
    image: np.ndarray, label_image: np.ndarray, label_set: LabelSet, alpha: float = DEFAULT_ALPHA
) -> np.ndarray:
    """
    Tint every class in its color and outline it; the background stays untouched.

    :param image: (H, W, 3) uint8 RGB
    :param label_image: (H, W) uint8
    :param alpha: opacity of the tint, [0, 1]
    :return: (H, W, 3) uint8 RGB, a new array
    """
    tinted = cv2.addWeighted(image, 1 - alpha, label_set.colorize(label_image), alpha, 0)
    overlay = np.where((label_image > 0)[..., None], tinted, image)
    thickness = _line_width(image)
    for class_id in range(1, label_set.num_classes):
        mask = (label_image == class_id).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(overlay, contours, -1, label_set.colors[class_id].tolist(), thickness)
    return overlay


def draw_instruments(image: np.ndarray, instruments: Sequence[Region]) -> np.ndarray:
    """
    Mark centroid, principal axis, edges of the shaft, tip and both jaws of every instrument.

    :param image: (H, W, 3) uint8 RGB
    :return: (H, W, 3) uint8 RGB, a new array
    """
    drawn = image.copy()
    width = _line_width(image)
    for region in instruments:
        centroid = np.array(region.centroid)
        direction = np.array([np.cos(region.orientation), np.sin(region.orientation)])
        arm = direction * region.major_axis_length / 2
        cv2.line(drawn, _pixel(centroid - arm), _pixel(centroid + arm), _WHITE, width, cv2.LINE_AA)
        cv2.circle(drawn, _pixel(centroid), 3 * width, _WHITE, -1, cv2.LINE_AA)
        for start, end in np.array(region.shaft_edges).reshape(-1, 2, 2):
            cv2.line(drawn, _pixel(start), _pixel(end), _WHITE, width, cv2.LINE_AA)
        for jaw_tip in region.jaw_tips:
            cv2.circle(drawn, _pixel(np.array(jaw_tip)), 3 * width, _TIP_COLOR, width, cv2.LINE_AA)
        if region.tip_valid:
            cv2.drawMarker(
                drawn, _pixel(np.array(region.tip)), _TIP_COLOR, cv2.MARKER_CROSS, 12 * width,
                2 * width,
            )  # fmt: skip
    return drawn


def draw_positions(
    image: np.ndarray, instruments: Sequence[StereoInstrument], eye: str
) -> np.ndarray:
    """
    Write the depth of centroid and tip of every located instrument beside them, in mm.

    :param image: (H, W, 3) uint8 RGB of the eye
    :param eye: ``'left'`` or ``'right'``
    :return: (H, W, 3) uint8 RGB, a new array
    """
    drawn = image.copy()
    width = _line_width(image)
    for instrument in instruments:
        for point in (instrument.centroid, instrument.tip):
            if point is None:
                continue
            place = point.left if eye == 'left' else point.right
            text = f'{1e3 * point.position[2]:.1f} mm'
            cv2.circle(drawn, _pixel(place), 5 * width, _TEXT_COLOR, width, cv2.LINE_AA)
            _write(drawn, text, _pixel(place + np.array([8.0, -8.0]) * width), width)
    return drawn


@dataclass(frozen=True)
class TrackMark:
    """
    A track to draw.

    :param track_id: its number
    :param position: x and y in px
    :param velocity: px/s
    :param is_seen: whether it is seen in this image
    """

    track_id: int
    position: tuple[float, float]
    velocity: tuple[float, float]
    is_seen: bool


def track_color(track_id: int) -> tuple[int, int, int]:
    """Return a color for a track, red, green and blue; neighboring ids differ well."""
    hue = round(track_id * GOLDEN_ANGLE_DEG) % 360
    color = cv2.cvtColor(np.array([[[hue // 2, 200, 255]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    red, green, blue = color.tolist()
    return red, green, blue


def draw_tracks(image: np.ndarray, tracks: Sequence[TrackMark]) -> np.ndarray:
    """
    Mark tracks with their ids and where they will be in a quarter of a second.

    A ring is thin where the track goes on without being seen.

    :param image: (H, W, 3) uint8 RGB
    :return: (H, W, 3) uint8 RGB, a new array
    """
    drawn = image.copy()
    width = _line_width(image)
    for track in tracks:
        place = np.array(track.position)
        ahead = place + VELOCITY_SHOWN_S * np.array(track.velocity)
        color = track_color(track.track_id)
        thickness = 2 * width if track.is_seen else width
        cv2.circle(drawn, _pixel(place), 10 * width, color, thickness, cv2.LINE_AA)
        cv2.arrowedLine(drawn, _pixel(place), _pixel(ahead), color, width, cv2.LINE_AA)
        label = _pixel(place + np.array([12.0, 5.0]) * width)
        _write(drawn, f'#{track.track_id}', label, width)
    return drawn


def _write(image: np.ndarray, text: str, place: tuple[int, int], width: int) -> None:
    """Write a text with a dark rim into an image."""
    for color, thickness in ((_BLACK, 3 * width), (_TEXT_COLOR, width)):
        cv2.putText(
            image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * width, color, thickness,
            cv2.LINE_AA,
        )  # fmt: skip


def _pixel(point: np.ndarray) -> tuple[int, int]:
    x, y = np.rint(point).astype(int).tolist()
    return x, y


def _line_width(image: np.ndarray) -> int:
    """Return a line width that looks alike at every image size."""
    return max(round(image.shape[1] / 640), 1)
