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

"""Calibration files: one reader for commands and nodes."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from surgseg_ros.calibration.baseline import AUTO_UNIT
from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.baseline import ENDOSCOPE
from surgseg_ros.calibration.baseline import find_length_unit
from surgseg_ros.calibration.baseline import LENGTH_UNITS
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.camera import EYES
from surgseg_ros.calibration.entries import Entries
from surgseg_ros.calibration.file_cameras import FileCamera
from surgseg_ros.calibration.file_content import read_mapping
from surgseg_ros.calibration.image_size import check_image_size
from surgseg_ros.calibration.image_size import find_scale
from surgseg_ros.calibration.image_size import find_size_by_center
from surgseg_ros.calibration.image_size import scale_camera
from surgseg_ros.calibration.image_size import Size
from surgseg_ros.calibration.layouts import FilePair
from surgseg_ros.calibration.layouts import is_of_one_camera
from surgseg_ros.calibration.layouts import read_layout
from surgseg_ros.calibration.stereo import StereoCalibration

INTRINSICS_AND_EXTRINSICS = '--calibration intrinsics.yml extrinsics.yml'


@dataclass(frozen=True)
class ReadOptions:
    """
    What a file may leave open.

    :param length_unit: of the file: ``m``, ``mm`` or ``auto``, by the limits of the baseline
    :param limits: of the baseline
    :param are_rectified: whether the images are rectified, so that P alone describes them
    """

    length_unit: str = AUTO_UNIT
    limits: BaselineLimits = ENDOSCOPE
    are_rectified: bool = False


class StereoCalibrationFile:
    """
    The calibration of both eyes in one file or two.

    The content decides about the format; :mod:`.layouts` has the names of the entries.

    :param paths: one file of both eyes, or two: the left and the right eye's, or OpenCV's
        intrinsics and extrinsics
    :param options: what the files may leave open
    :raises CalibrationError: if they cannot be read or cannot be right; names file and entry
    """

    def __init__(self, paths: Sequence[Path], options: ReadOptions = ReadOptions()) -> None:
        if len(paths) not in (1, len(EYES)):
            raise CalibrationError(
                f'{len(paths)} calibration files; give one of both eyes, or those of the left and '
                'the right eye'
            )
        self.paths = tuple(paths)
        self._name = ' and '.join(f"'{path}'" for path in paths)
        self._options = options
        self._found: dict[Size, StereoCalibration] = {}
        contents = [read_mapping(path) for path in paths]
        with _named(self._name):
            self._pair = _read_pair(paths, contents)
            self._is_rectified = options.are_rectified or _needs_no_rectification(self._pair)
            self._length_unit = self._find_length_unit()

    def for_images(self, size: Size) -> StereoCalibration:
        """
        Return the calibration of images of a size; equal sizes are looked at once.

        :param size: (width, height) in px
        :raises CalibrationError: if the calibration is of other images
        """
        if size not in self._found:
            with _named(self._name):
                self._found[size] = self._make(size)
        return self._found[size]

    def describe(self) -> str:
        """Return in one line what was read and how it was understood."""
        lengths = f'lengths in {self._length_unit}'
        if self._is_rectified:
            kind = 'P of rectified images'
        else:
            models = dict.fromkeys(eye.distortion_model for eye in self._pair.eyes)
            kind = f'raw images, {" and ".join(models)}'
        parts = [f'calibration {self._name}: {kind}', lengths]
        parts += [
            f'baseline {1e3 * calibration.baseline:.2f} mm'
            f'{_describe_scale(self._pair.left, size, self._is_rectified)}'
            for size, calibration in self._found.items()
        ]
        return ', '.join(parts)

    def _find_length_unit(self) -> str:
        unit = self._pair.length_unit or self._options.length_unit
        baseline = self._find_baseline()
        found = find_length_unit(baseline, unit, self._options.limits)
        self._options.limits.check(baseline * LENGTH_UNITS[found])
        return found

    def _find_baseline(self) -> float:
        """Return how far the right eye is to the right of the left one, in the file's unit."""
        if not self._is_rectified and self._pair.pose is not None:
            translation = self._pair.pose[1]
            return -float(np.copysign(np.linalg.norm(translation), translation[0]))
        left, right = (
            _projection(eye, f'of the {name} eye')
            for eye, name in zip(self._pair.eyes, EYES, strict=True)
        )
        return float(left[0, 3] / left[0, 0] - right[0, 3] / right[0, 0])

    def _make(self, size: Size) -> StereoCalibration:
        factor = LENGTH_UNITS[self._length_unit]
        eyes = [
            _fit_camera(eye, f'of the {name} eye', size, factor, self._is_rectified)
            for eye, name in zip(self._pair.eyes, EYES, strict=True)
        ]
        if self._is_rectified or self._pair.pose is None:
            return StereoCalibration(eyes[0], eyes[1], self._options.limits)
        rotation, translation = self._pair.pose
        return StereoCalibration.from_raw_pair(
            [eye.camera_matrix for eye in eyes],
            [eye.distortion for eye in eyes],
            rotation,
            translation * factor,
            size,
            [eye.distortion_model for eye in eyes],
            self._options.limits,
        )


@dataclass(frozen=True)
class EyeCalibration:
    """
    The calibration of one eye for images of a size.

    :param image_size: (width, height) in px
    :param note: how it was understood, one line
    """

    camera: CameraCalibration
    image_size: Size
    note: str


def read_eye(
    path: Path,
    eye: str = 'left',
    image_size: Size | None = None,
    limits: BaselineLimits = ENDOSCOPE,
) -> EyeCalibration:
    """
    Read the calibration of one eye from a file of one camera or of both eyes.

    :param eye: ``'left'`` or ``'right'``
    :param image_size: (width, height) of the images in px; None: as the file says
    :raises CalibrationError: if it cannot be read or cannot be right; names file and entry
    """
    content = read_mapping(path)
    with _named(f"'{path}'"):
        layout = read_layout(Entries(content))
        camera = layout if isinstance(layout, FileCamera) else layout.eyes[EYES.index(eye)]
        size = image_size or camera.image_size
        if size is None:
            raise CalibrationError(
                'it names no size of the images; add image_width and image_height, or pass '
                'image_size'
            )
        if isinstance(layout, FileCamera):
            return _fit_only_camera(layout, f"'{path}'", size, limits)
    pair = StereoCalibrationFile([path], ReadOptions(limits=limits))
    fitted = pair.for_images(size).cameras[eye]
    return EyeCalibration(fitted, size, f'{eye} eye of {pair.describe()}')


def _fit_only_camera(
    camera: FileCamera, name: str, size: Size, limits: BaselineLimits
) -> EyeCalibration:
    is_rectified = camera.camera_matrix is None
    unit = 'm'
    if camera.projection is not None:
        shift = camera.projection[0, 3] / camera.projection[0, 0]
        unit = find_length_unit(shift, AUTO_UNIT, limits)
    fitted = _fit_camera(camera, 'of the camera', size, LENGTH_UNITS[unit], is_rectified)
    scaled = _describe_scale(camera, size, is_rectified)
    model = 'P of rectified images' if is_rectified else camera.distortion_model
    return EyeCalibration(fitted, size, f'calibration {name}: {model}, lengths in {unit}{scaled}')


def _describe_scale(camera: FileCamera, size: Size, is_rectified: bool) -> str:
    """Return how the size of the calibrated images became that of the images, for a list."""
    calibrated = _find_calibrated_size(camera, size, is_rectified)
    if calibrated is None:
        return f', taken for images of {size[0]}x{size[1]} px (the file names no size)'
    if calibrated == size:
        return ''
    scaled = ', scaled from {}x{} to {}x{} px'.format(*calibrated, *size)
    if camera.image_size is None:
        scaled += ' (the file names no size; its principal point is the middle of the former)'
    return scaled


def _find_calibrated_size(camera: FileCamera, size: Size, is_rectified: bool) -> Size | None:
    """Return the size that the calibrated images had, ``None`` if nothing tells."""
    matrix = camera.projection if is_rectified else camera.camera_matrix
    if camera.image_size is not None or matrix is None:
        return camera.image_size
    return find_size_by_center(matrix, size)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Begin the messages of what is refused with the name of the file."""
    try:
        yield
    except CalibrationError as error:
        raise CalibrationError(f'{name}: {error}') from error


def _read_pair(paths: Sequence[Path], contents: Sequence[Mapping[str, Any]]) -> FilePair:
    """Read one file of both eyes, one of each, or two that complete each other."""
    files = [Entries(content) for content in contents]
    if len(files) == len(EYES) and any(map(is_of_one_camera, files)):
        left, right = (
            _read_only_camera(path, entries) for path, entries in zip(paths, files, strict=True)
        )
        return FilePair(left, right)
    layout = read_layout(Entries(_merge(contents)))
    if isinstance(layout, FileCamera):
        raise CalibrationError(
            'it is of one camera; give the files of both eyes: --calibration LEFT RIGHT'
        )
    return layout


def _read_only_camera(path: Path, entries: Entries) -> FileCamera:
    with _named(f"'{path}'"):
        camera = read_layout(entries)
    if not isinstance(camera, FileCamera):
        raise CalibrationError(
            f"'{path}' is of both eyes, the other file of one; give one file, or one of each eye"
        )
    return camera


def _merge(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries of all files; those of one name must be equal, if they are matrices."""
    merged: dict[str, Any] = {}
    for content in contents:
        for name, value in content.items():
            if isinstance(value, Mapping | list) and merged.get(name, value) != value:
                raise CalibrationError(
                    f"'{name}' is in both files but differs; give files that belong together"
                )
            merged.setdefault(name, value)
    return merged


def _needs_no_rectification(pair: FilePair) -> bool:
    """
    Tell whether files describe rectified images, for which P is enough.

    :raises CalibrationError: if they describe raw ones, but not all of it
    """
    have_matrix = [eye.camera_matrix is not None for eye in pair.eyes]
    if all(have_matrix):
        _check_raw_pair(pair)
        return False
    if any(have_matrix):
        raise CalibrationError(
            f'K of the {EYES[have_matrix.index(False)]} eye is missing; write it'
        )
    if pair.pose is not None or any(eye.rectification is not None for eye in pair.eyes):
        raise CalibrationError(
            'it tells how images are rectified, but K and D of the eyes are missing; give both '
            f'files: {INTRINSICS_AND_EXTRINSICS}; or --rectified, if the images are rectified'
        )
    return True


def _check_raw_pair(pair: FilePair) -> None:
    """Refuse raw cameras of which nobody knows how they stand to each other."""
    have_own = all(
        eye.projection is not None and eye.rectification is not None for eye in pair.eyes
    )
    if pair.pose is None and not have_own:
        raise CalibrationError(
            'R and t from the left eye to the right one are missing; write them, or give both '
            f'files: {INTRINSICS_AND_EXTRINSICS}'
        )


def _projection(camera: FileCamera, whose: str) -> np.ndarray:
    if camera.projection is None:
        raise CalibrationError(f'P {whose} is missing, which rectified images need')
    return camera.projection


def _fit_camera(
    camera: FileCamera, whose: str, size: Size, length_factor: float, is_rectified: bool
) -> CameraCalibration:
    """
    Return the calibration of one eye for images of a size, lengths in m.

    :param whose: for messages
    """
    if is_rectified:
        fitted = CameraCalibration.of_rectified_image(_projection(camera, whose))
    else:
        matrix = camera.camera_matrix
        assert matrix is not None
        projection = np.column_stack((matrix, np.zeros(3)))
        fitted = CameraCalibration(
            matrix,
            camera.distortion,
            np.eye(3) if camera.rectification is None else camera.rectification,
            projection if camera.projection is None else camera.projection,
            camera.distortion_model,
        )
    calibrated = _find_calibrated_size(camera, size, is_rectified)
    if calibrated is not None:
        fitted = scale_camera(fitted, find_scale(calibrated, size))
    check_image_size(f'{"P" if is_rectified else "K"} {whose}', fitted.camera_matrix, size)
    in_meters = np.array(fitted.projection)
    in_meters[:, 3] *= length_factor
    return replace(fitted, projection=in_meters)
