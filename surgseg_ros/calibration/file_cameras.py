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
What a calibration file says of one camera.

The names of entries are those that exporters use, as :func:`.entries.squeeze` writes them.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import EQUIDISTANT
from surgseg_ros.calibration.camera import PLUMB_BOB
from surgseg_ros.calibration.distortion import name_distortion_model
from surgseg_ros.calibration.entries import Entries
from surgseg_ros.calibration.entries import Entry
from surgseg_ros.calibration.entries import read_count
from surgseg_ros.calibration.entries import read_matrix
from surgseg_ros.calibration.entries import read_size
from surgseg_ros.calibration.entries import read_vector
from surgseg_ros.calibration.matrices import check_camera_matrix
from surgseg_ros.calibration.matrices import check_projection
from surgseg_ros.calibration.matrices import check_rotation

CAMERA_MATRIX = ('k', 'm', 'cameramatrix', 'cammatrix', 'intrinsicmatrix', 'mtx', 'intrinsics')
DISTORTION = (
    *('d', 'distortioncoefficients', 'distortioncoeffs', 'distcoeffs', 'distcoefs', 'dist'),
    *('distcoeff', 'distortion', 'distortioncoefs'),
)
ROTATION = ('r', 'rotation', 'rotationmatrix', 'rotmatrix', 'rot')
TRANSLATION = ('t', 'translation', 'translationvector', 'trans')
RECTIFICATION = ('rectificationmatrix', 'rectification')
PROJECTION = ('p', 'projectionmatrix', 'projection')
MODEL = (
    *('distortionmodel', 'distortiontype', 'cameramodel', 'cameratype', 'projectionmodel'),
    *('modeltype', 'model', 'lensmodel'),
)
FISHEYE_SWITCH = ('fisheyemodel', 'fisheye', 'isfisheye', 'usefisheye')
SIZE = ('imagesize', 'resolution', 'imageresolution', 'imgsize', 'size')
SHAPE = ('imageshape', 'imgshape')
"""Of an array: height before width."""
WIDTH, HEIGHT = ('imagewidth', 'width', 'imgwidth'), ('imageheight', 'height', 'imgheight')
KALIBR_POSE = ('tcncnm1',)

Pose = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class FileCamera:
    """
    What a file says of one camera, in its own unit of length.

    :param camera_matrix: K (3, 3) px of the raw image
    :param distortion: D (n,)
    :param rectification: (3, 3), from the raw camera's frame to the rectified one
    :param projection: P (3, 4) px of the rectified image
    :param pose: R (3, 3) and t (3,) into the camera's frame
    :param image_size: (width, height) px
    """

    camera_matrix: np.ndarray | None = None
    distortion: np.ndarray = field(default_factory=lambda: np.zeros(5))
    distortion_model: str = PLUMB_BOB
    rectification: np.ndarray | None = None
    projection: np.ndarray | None = None
    pose: Pose | None = None
    image_size: tuple[int, int] | None = None


def read_camera(own: Entries, shared: Entries) -> FileCamera:
    """
    Read what is said of one camera.

    :param own: its entries
    :param shared: those of the file, which may tell model and size of both eyes
    :raises CalibrationError: if an entry is missing or wrong; the message names it
    """
    camera_matrix = _find_camera_matrix(own)
    projection = find_matrix(own, PROJECTION, (3, 4))
    if projection is not None:
        check_projection(*projection)
    rectification, pose = _find_rotations(own, shared)
    camera = FileCamera(
        camera_matrix,
        rectification=rectification,
        projection=None if projection is None else projection[1],
        pose=pose,
        image_size=find_size(own, shared),
    )
    if camera_matrix is None:
        return camera
    distortion, model = _find_distortion(own, shared)
    return replace(camera, distortion=distortion, distortion_model=model)


def find_matrix(
    entries: Entries, names: Sequence[str], shape: tuple[int, int]
) -> tuple[str, np.ndarray] | None:
    """Return name and content of a matrix, None if there is none."""
    entry = entries.find(*names)
    return None if entry is None else (entry.name, read_matrix(entry, *shape))


def _find_camera_matrix(own: Entries) -> np.ndarray | None:
    entry = own.find(*CAMERA_MATRIX)
    if entry is None:
        return None
    if isinstance(entry.value, list) and len(entry.value) == len(('fx', 'fy', 'cx', 'cy')):
        fx, fy, cx, cy = read_matrix(entry, 1, 4)[0]
        matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    else:
        matrix = read_matrix(entry, 3, 3)
    check_camera_matrix(entry.name, matrix)
    return matrix


def _find_distortion(own: Entries, shared: Entries) -> tuple[np.ndarray, str]:
    """Return D and its model."""
    entry = own.find(*DISTORTION)
    if entry is None:
        raise CalibrationError(
            f'D, the distortion coefficients, is missing{own.of}; write it, [0, 0, 0, 0, 0] for '
            'images without distortion'
        )
    coefficients = read_vector(entry)
    names = []
    for entries in (own, shared):
        names += [str(found.value) for name in MODEL if (found := entries.find(name))]
        switch = entries.find(*FISHEYE_SWITCH)
        if switch is not None and str(switch.value).lower() in ('1', 'true', 'yes'):
            names.append(EQUIDISTANT)
    try:
        model = name_distortion_model(names, coefficients)
    except CalibrationError as error:
        raise CalibrationError(f'{entry.name}: {error}') from error
    return (coefficients if len(coefficients) else np.zeros(5)), model


def _find_rotations(own: Entries, shared: Entries) -> tuple[np.ndarray | None, Pose | None]:
    """Return the rectification and the pose of a camera; R is that of which t is there."""
    rectification = find_matrix(own, RECTIFICATION, (3, 3))
    transform = own.find(*KALIBR_POSE)
    pose = None if transform is None else _read_transform(transform)
    rotation, translation = find_matrix(own, ROTATION, (3, 3)), own.find(*TRANSLATION)
    if translation is not None and own is not shared:
        if rotation is None:
            raise CalibrationError(f'R is missing beside {translation.name}; write it')
        check_rotation(*rotation)
        pose = rotation[1], read_translation(translation)
    elif translation is None and rectification is None:
        rectification = rotation
    if rectification is None:
        return None, pose
    check_rotation(*rectification)
    return rectification[1], pose


def read_translation(entry: Entry) -> np.ndarray:
    """Return t (3,)."""
    numbers = read_vector(entry)
    if len(numbers) != 3:
        raise CalibrationError(f'{entry.name} needs 3 numbers, got {len(numbers)}')
    return numbers


def _read_transform(entry: Entry) -> Pose:
    """Return R and t of a matrix (4, 4)."""
    matrix = read_matrix(entry, 4, 4)
    if not np.allclose(matrix[3], (0, 0, 0, 1), atol=1e-6):
        raise CalibrationError(
            f'the last row of {entry.name} is not 0 0 0 1; write it as [R t; 0 0 0 1]'
        )
    check_rotation(f'R in {entry.name}', matrix[:3, :3])
    return matrix[:3, :3], matrix[:3, 3]


def find_size(own: Entries, shared: Entries) -> tuple[int, int] | None:
    """
    Return width and height, of the camera or else of the file.

    :raises CalibrationError: if they contradict each other
    """
    for entries in (own, shared):
        sizes = list(_find_sizes(entries))
        if len(set(sizes)) > 1:
            raise CalibrationError(
                'the images have {}x{} px, but {}x{} px too; keep one size'.format(
                    *sizes[0], *sizes[1]
                )
            )
        if sizes:
            return sizes[0]
    return None


def _find_sizes(entries: Entries) -> Iterator[tuple[int, int]]:
    group, size, shape = entries.child(*SIZE), entries.find(*SIZE), entries.find(*SHAPE)
    if group is not None:
        yield from _find_sizes(group)
    elif size is not None:
        yield read_size(size)
    if shape is not None:
        height, width = read_size(shape)
        yield width, height
    yield from _find_sides(entries)


def _find_sides(entries: Entries) -> Iterator[tuple[int, int]]:
    width, height = entries.find(*WIDTH), entries.find(*HEIGHT)
    if width is not None and height is not None:
        yield read_count(width), read_count(height)
    elif width is not None or height is not None:
        raise CalibrationError('width and height of the images belong together; write both')
