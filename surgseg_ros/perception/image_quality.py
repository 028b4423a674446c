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
Whether a camera image is fit to be segmented: black, over-exposed, frozen or blurred.

Every measure works on a few ten thousand pixels sampled from the image, so that it costs about a
millisecond whatever the camera's resolution.
"""

from dataclasses import dataclass
import math

import cv2
import numpy as np

DEFAULT_BLACK_BELOW = 20.0
"""Mean luminance, 0 to 255; black is 0 or, in the limited range of video, 16."""

DEFAULT_OVEREXPOSED_ABOVE = 0.3
"""Fraction of white pixels; highlights of wet tissue stay below 0.05."""

DEFAULT_FROZEN_AFTER_S = 2.0
"""Seconds without any change."""

DEFAULT_BLURRED_BELOW = 0.55
"""Sharpness, see :func:`sharpness_of`; sharp images have 0.67 or more, blurred 0.52 or less."""

WHITE_LEVEL = 250
"""Luminance from which on a pixel counts as over-exposed."""

SATURATED_FRACTION = 0.9
"""From this fraction of white pixels on nothing is left that could tell a frozen image."""

UNCHANGED_DIFFERENCE = 0.1
"""
Mean absolute difference of luminance up to which two images are the same.

A repeated frame differs by 0 or by what an encoder refines, sensor noise of one grey level by 0.7.
"""

SAMPLE_WIDTH = 320
"""Width in px of the luminance image that brightness and changes are measured on."""

SHARPNESS_WIDTH = 480
"""Width in px to which the image is reduced to measure sharpness."""

SHARPNESS_WINDOW = 2 / 3
"""The middle of the image, in width and height, is where sharpness is measured."""

BORDER_LEVEL = 24
"""Luminance up to which a pixel may be the black border of an endoscope image."""

FULL_CONTRAST = 0.2
"""Deviation over mean of the luminance from which on there is no fog; a veil of 70 % has 0.13."""

_SCALES = (0.7, 1.4, 2.8)  # standard deviations in px of the low passes at SHARPNESS_WIDTH
_PEAK_SIZE = 11  # px, wider than an edge at the coarsest scale
_PEAK_STRIDE = 5  # px; neighboring peaks are alike
_EDGE_QUANTILE = 0.7  # the strongest edges, which stand above noise
_RATIO_QUANTILE = 0.35  # below the middle, for text drawn into a blurred image is sharp


@dataclass(frozen=True)
class QualityThresholds:
    """
    Limits of the measures; 0 turns a check off.

    :param black_below: mean luminance, 0 to 255
    :param overexposed_above: fraction of pixels, [0, 1]
    :param frozen_after_s: seconds
    :param blurred_below: sharpness, about [0, 1.2]
    """

    black_below: float = DEFAULT_BLACK_BELOW
    overexposed_above: float = DEFAULT_OVEREXPOSED_ABOVE
    frozen_after_s: float = DEFAULT_FROZEN_AFTER_S
    blurred_below: float = DEFAULT_BLURRED_BELOW


@dataclass(frozen=True)
class QualityReport:
    """
    The measures of one image.

    :param mean_luminance: of the whole image, 0 to 255
    :param overexposed_fraction: of its pixels with luminance :data:`WHITE_LEVEL` or more
    :param sharpness: see :func:`sharpness_of`
    :param unchanged_s: seconds since the image last changed
    :param problems: what is wrong and what to check, nothing for a good image
    """

    mean_luminance: float
    overexposed_fraction: float
    sharpness: float
    unchanged_s: float
    problems: tuple[str, ...]


class ImageQualityMonitor:
    """
    Judge the images of one camera, one after the other.

    Where only a part of the image is used, pass that part: a black border dilutes its brightness.

    >>> monitor = ImageQualityMonitor()
    >>> monitor.check(np.zeros((512, 640, 3), np.uint8), 0.0, QualityThresholds()).problems
    ('black image (mean 0 of 255): light source, cable or lens cap?',)
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past images."""
        self._reference: np.ndarray | None = None
        self._reference_size: tuple[int, ...] = (0, 0)
        self._unchanged_since_s = 0.0
        self._last_time_s = -math.inf

    def check(
        self, image: np.ndarray, time_s: float, thresholds: QualityThresholds
    ) -> QualityReport:
        """
        Measure an image and name its problems, the most telling ones only.

        The past is forgotten when the time goes backwards or the image size changes.

        :param image: (H, W, 3) uint8 RGB
        :param time_s: when it was taken or received, in seconds on any one clock
        """
        luminance = sample_luminance(image)
        unchanged_s = self._measure_unchanged(luminance, image.shape[:2], time_s)
        white = np.count_nonzero(luminance >= WHITE_LEVEL) / luminance.size
        mean = cv2.mean(luminance)[0]
        sharpness = sharpness_of(image)
        problems = find_problems(mean, white, sharpness, unchanged_s, thresholds)
        return QualityReport(mean, white, sharpness, unchanged_s, problems)

    def _measure_unchanged(
        self, luminance: np.ndarray, size: tuple[int, ...], time_s: float
    ) -> float:
        """
        Return for how long the image has been the same.

        The comparison is with the first image of the unchanged ones, so that slow changes add up.
        """
        is_next = size == self._reference_size and time_s >= self._last_time_s
        reference = self._reference if is_next else None
        self._last_time_s = time_s
        if reference is not None and _are_alike(reference, luminance):
            return time_s - self._unchanged_since_s
        self._reference, self._reference_size = luminance, size
        self._unchanged_since_s = time_s
        return 0.0


def _are_alike(first: np.ndarray, second: np.ndarray) -> bool:
    return cv2.norm(first, second, cv2.NORM_L1) <= UNCHANGED_DIFFERENCE * first.size


def find_problems(
    mean_luminance: float,
    overexposed_fraction: float,
    sharpness: float,
    unchanged_s: float,
    thresholds: QualityThresholds,
) -> tuple[str, ...]:
    """
    Compare the measures of :class:`QualityReport` with their thresholds.

    A black image also is frozen and without edges, and a white one likewise: what follows from a
    reported problem is left out.
    """
    # With its check off a black image is no problem, but nothing else can be said of it either.
    if mean_luminance < (thresholds.black_below or DEFAULT_BLACK_BELOW):
        if thresholds.black_below == 0:
            return ()
        return (
            f'black image (mean {mean_luminance:.0f} of 255): light source, cable or lens cap?',
        )
    problems = []
    if 0 < thresholds.overexposed_above < overexposed_fraction:
        problems.append(
            f'over-exposed ({overexposed_fraction:.0%} of the pixels are white): light intensity, '
            'exposure, or too close to the tissue?'
        )
    if 0 < thresholds.frozen_after_s < unchanged_s and overexposed_fraction < SATURATED_FRACTION:
        problems.append(
            f'frozen image (the same for {unchanged_s:.1f} s while messages arrive): camera, '
            'frame grabber or encoder hung?'
        )
    if not problems and sharpness < thresholds.blurred_below:
        problems.append(
            f'blurred or fogged (sharpness {sharpness:.2f} below {thresholds.blurred_below:.2f}): '
            'lens dirty, fogged or out of focus?'
        )
    return tuple(problems)


def sample_luminance(image: np.ndarray) -> np.ndarray:
    """
    Pick every n-th pixel; averages would hide the noise that tells a live image.

    :param image: (H, W, 3) uint8 RGB
    :return: (h, w) uint8 luminance, w at most :data:`SAMPLE_WIDTH`
    """
    size = _fit_width(image, SAMPLE_WIDTH)
    return cv2.cvtColor(
        cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), cv2.COLOR_RGB2GRAY
    )


def sharpness_of(image: np.ndarray) -> float:
    """
    Return how sharp the edges of an image are, less where fog takes its contrast.

    The image is split into a fine and a twice as coarse band, differences of Gaussians (the
    Laplacian at two scales). At an ideal step edge both respond equally, whatever its height, and
    blur lowers the fine response first; hence the ratio of their local peaks measures the edges'
    width, not their number or strength. A plain variance of the Laplacian does depend on them, and
    on noise: a sharp image of smooth tissue has less of it than a blurred one of a checkerboard.
    Three things make the ratio robust:

    * Only places count where the coarse band is among the strongest, for there noise is weak.
    * The lower third of the ratios there counts, not the mean: text that a console draws into
      the image stays sharp when the lens is not.
    * The middle of the image counts without what is nearly black, for the outline of the black
      border is sharp, too.

    Fog lowers both bands alike. Its effect is on contrast, the deviation of the luminance over its
    mean, so that the ratio is multiplied by contrast over :data:`FULL_CONTRAST` where that is
    below 1.

    :param image: (H, W, 3) uint8 RGB
    :return: 0.67 to 1.1 for sharp images of theatre and phantoms; 0.52 or less after a Gaussian
        blur of 1/320 of the image width (standard deviation), or below a white veil of 70 %; in
        images narrower than 400 px 0.6 or less
    """
    luminance = _reduce_middle(image)
    inside = _inside_border(luminance)
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(luminance, mask=inside))
    contrast = deviation / max(mean, 1.0)
    return _edge_sharpness(luminance, inside) * min(contrast / FULL_CONTRAST, 1.0)


def _edge_sharpness(luminance: np.ndarray, inside: np.ndarray) -> float:
    """
    Return the ratio of the peaks of the fine and the coarse band at the strongest edges.

    :param luminance: (h, w) uint8
    :param inside: (h, w) uint8, zero where not to look
    """
    first, second, third = _SCALES
    # A Gaussian of a Gaussian: the second needs the difference of the variances only.
    low = cv2.GaussianBlur(luminance.astype(np.float32), (5, 5), first)
    middle = cv2.GaussianBlur(low, (9, 9), math.sqrt(second**2 - first**2))
    high = cv2.GaussianBlur(middle, (15, 15), math.sqrt(third**2 - second**2))
    fine = _peaks(cv2.absdiff(low, middle), inside)
    coarse = _peaks(cv2.absdiff(middle, high), inside)
    edges = coarse > max(_quantile(coarse, _EDGE_QUANTILE), 0.0)
    if not edges.any():
        return 0.0
    return _quantile(fine[edges] / coarse[edges], _RATIO_QUANTILE)


def _quantile(values: np.ndarray, fraction: float) -> float:
    """Return the value that a fraction is below, without the cost of ``np.quantile``."""
    index = int(fraction * len(values))
    return float(np.partition(values, index)[index])


def _peaks(band: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the local maxima inside, (N,) float32, at every fifth pixel of either direction."""
    masked = cv2.copyTo(band, inside)
    kernel = np.ones((_PEAK_SIZE, _PEAK_SIZE), np.uint8)
    every = slice(None, None, _PEAK_STRIDE)
    return cv2.dilate(masked, kernel)[every, every][inside[every, every] > 0]


def _reduce_middle(image: np.ndarray) -> np.ndarray:
    """Return the luminance of the middle of an image at a fixed scale, (h, w) uint8."""
    height, width = image.shape[:2]
    left, top = (round(side * (1 - SHARPNESS_WINDOW) / 2) for side in (width, height))
    window = image[top : height - top, left : width - left]
    width, height = _fit_width(window, round(SHARPNESS_WIDTH * SHARPNESS_WINDOW))
    if window.shape[1] == width:
        return cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    # Averages over four picked pixels: OpenCV is fast at this ratio only, and over all pixels the
    # averages would cost more than everything else together.
    picked = cv2.resize(window, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    luminance = cv2.cvtColor(picked, cv2.COLOR_RGB2GRAY)
    return cv2.resize(luminance, (width, height), interpolation=cv2.INTER_AREA)


def _inside_border(luminance: np.ndarray) -> np.ndarray:
    """Return (h, w) uint8, zero in and near dark areas; all ones if there is nothing else."""
    smooth = cv2.blur(luminance, (5, 5))
    bright = cv2.threshold(smooth, BORDER_LEVEL, 255, cv2.THRESH_BINARY)[1]
    inside = cv2.erode(bright, np.ones((_PEAK_SIZE, _PEAK_SIZE), np.uint8))
    every = slice(None, None, _PEAK_STRIDE)
    return inside if inside[every, every].any() else np.ones_like(inside)


def _fit_width(image: np.ndarray, width: int) -> tuple[int, int]:
    """Return (width, height) of an image reduced to a width, its own if that is smaller."""
    height, own_width = image.shape[:2]
    width = min(width, own_width)
    return width, max(round(height * width / own_width), 1)
