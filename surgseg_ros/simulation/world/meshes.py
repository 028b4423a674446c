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


"""Procedural meshes: solids swept along a path."""

import mujoco
import numpy as np


def add_shell_mesh(spec: mujoco.MjSpec, name: str, mesh: tuple[np.ndarray, np.ndarray]) -> None:
    """Make a mesh of (V, 3) vertices in m and (F, 3) faces known to a scene by its name."""
    vertices, faces = mesh
    # Open surfaces, too, have a mass this way.
    spec.add_mesh(
        name=name,
        uservert=np.ravel(vertices),
        userface=np.ravel(faces),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )


def sweep(
    path: np.ndarray,
    half_thickness: np.ndarray | float,
    half_width: np.ndarray | float,
    closed: bool = False,
    squareness: float = 3.0,
    sides: int = 20,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Sweep a super-elliptic cross-section along a path in the y-z plane.

    :param path: (N, 3) m; its tangent must never be parallel to x
    :param half_thickness: half the extent along x, a number or one a path point, in m
    :param half_width: half the extent in the plane, across the path, in m
    :param closed: join the last path point to the first; otherwise cap both ends
    :param squareness: exponent of the cross-section: 2 is an ellipse, large is a rectangle
    :param sides: vertices of one cross-section
    :return: (V, 3) float64 vertices in m and (F, 3) int32 faces
    """
    path = np.asarray(path, dtype=np.float64)
    count = len(path)
    tangent = _tangents(path, closed)
    across = np.stack((np.zeros(count), tangent[:, 2], -tangent[:, 1]), axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    angle = np.arange(sides) * (2 * np.pi / sides)
    unit_x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / squareness)
    unit_y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / squareness)
    thickness = np.broadcast_to(half_thickness, count)[:, None, None]
    width = np.broadcast_to(half_width, count)[:, None, None]
    rings = (
        path[:, None, :]
        + thickness * unit_x[None, :, None] * np.array([1.0, 0.0, 0.0])
        + width * unit_y[None, :, None] * across[:, None, :]
    )
    vertices = rings.reshape(-1, 3)
    faces = _side_faces(count, sides, closed)
    if closed:
        return vertices, faces
    vertices = np.vstack((vertices, path[0], path[-1]))
    return vertices, np.vstack((faces, _cap_faces(count, sides)))


def straight_path(length: float, start: float = 0.0, points: int = 6) -> np.ndarray:
    """
    Return equally spaced points of the z axis.

    :param length: z of the last one in m
    :param start: z of the first one in m
    :param points: their number
    :return: (points, 3) m
    """
    path = np.zeros((points, 3))
    path[:, 2] = np.linspace(start, length, points)
    return path


def loop_path(start: float, end: float, half_width: float, points: int = 20) -> np.ndarray:
    """
    Return the center line of a fenestrated jaw: two rails joined by half circles.

    :param start: z of the near end in m
    :param end: z of the far end in m
    :param half_width: half the distance of the rails in m
    :param points: points of the line
    :return: (points, 3) m, in the y-z plane
    """
    turn = np.linspace(-np.pi / 2, np.pi / 2, points // 2)
    far = np.stack((half_width * np.sin(turn), end - half_width * (1 - np.cos(turn))), axis=1)
    near = np.stack((-half_width * np.sin(turn), start + half_width * (1 - np.cos(turn))), axis=1)
    outline = np.vstack((far, near))
    return np.column_stack((np.zeros(len(outline)), outline))


def tube(path: np.ndarray, radius: float, sides: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """
    Sweep a circle along any path in space.

    :param path: (N, 3) m
    :param radius: m
    :param sides: vertices of one cross-section
    :return: (V, 3) float64 vertices in m and (F, 3) int32 faces
    """
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.cross(tangent[0], np.eye(3)[np.argmin(np.abs(tangent[0]))])
    angle = (np.arange(sides) * (2 * np.pi / sides))[:, None]
    rings = []
    for point, direction in zip(path, tangent, strict=True):
        normal = normal - direction * (normal @ direction)
        normal /= np.linalg.norm(normal)
        across = np.cross(direction, normal)
        rings.append(point + radius * (np.cos(angle) * normal + np.sin(angle) * across))
    vertices = np.vstack((*rings, path[0], path[-1]))
    count = len(path)
    return vertices, np.vstack((_side_faces(count, sides, False), _cap_faces(count, sides)))


def _tangents(path: np.ndarray, closed: bool) -> np.ndarray:
    if closed:
        return np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    return np.gradient(path, axis=0)


def _side_faces(count: int, sides: int, closed: bool) -> np.ndarray:
    ring = np.arange(count if closed else count - 1)[:, None]
    side = np.arange(sides)[None, :]
    after = (ring + 1) % count
    beside = (side + 1) % sides
    a = ring * sides + side
    b = ring * sides + beside
    c = after * sides + beside
    d = after * sides + side
    triangles = np.stack((np.stack((a, b, c), -1), np.stack((a, c, d), -1)), axis=2)
    return triangles.reshape(-1, 3).astype(np.int32)


def _cap_faces(count: int, sides: int) -> np.ndarray:
    side = np.arange(sides)
    beside = (side + 1) % sides
    first = np.full(sides, count * sides)
    last = first + 1
    offset = (count - 1) * sides
    return np.vstack(
        (
            np.column_stack((first, beside, side)),
            np.column_stack((last, offset + side, offset + beside)),
        )
    ).astype(np.int32)
