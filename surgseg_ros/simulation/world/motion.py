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


"""How the instruments of a scene move: wandering about at random, or along a script."""

from abc import ABC
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.world.instrument_builder import InstrumentType
from surgseg_ros.simulation.world.kinematics import joint_angles
from surgseg_ros.simulation.world.kinematics import MAX_WRIST_ANGLE_RAD
from surgseg_ros.simulation.world.kinematics import tip_offset


class Wander:
    """
    Smooth seeded motion: a sum of sinusoids in every channel, within -1..1.

    :param rng: draws amplitudes, frequencies and phases
    :param channels: independent values
    :param speed: factor on all frequencies
    """

    def __init__(self, rng: np.random.Generator, channels: int, speed: float = 1.0) -> None:
        weights = rng.uniform(0.3, 1.0, (channels, 3))
        self._weights = weights / weights.sum(axis=1, keepdims=True)
        self._rates = (
            speed * 2 * np.pi * rng.uniform((0.05, 0.15, 0.35), (0.15, 0.35, 0.7), (channels, 3))
        )
        self._phases = rng.uniform(0, 2 * np.pi, (channels, 3))

    def at(self, time: float) -> np.ndarray:
        """Return the (channels,) values at a time in s."""
        return (self._weights * np.sin(self._rates * time + self._phases)).sum(axis=1)


@dataclass(frozen=True)
class Waypoint:
    """
    Where the tip of a scripted instrument rests for an instant.

    :param time: s
    :param x: in the left image, as a fraction of its width: 0 left edge .. 1 right edge
    :param y: in the left image, as a fraction of its height: 0 upper edge .. 1 lower edge
    :param depth: m, z in the left optical frame
    :param jaw_angle: between both jaws in rad
    """

    time: float
    x: float
    y: float
    depth: float
    jaw_angle: float = 0.3


@dataclass(frozen=True)
class InstrumentScript:
    """
    The motion of one instrument, as the endoscope sees it at time 0.

    The tip moves on straight lines in image and depth, with least jerk and a rest at every
    waypoint. It stays at the first waypoint before, and at the last one after the script.

    :param waypoints: in the order of their times
    :param entry: direction in the image that the shaft comes from at the first waypoint, in rad:
        0 right, pi/2 below, pi left
    :param slope: depth that this shaft gains per length across the image
    :param roll: of the shaft in rad
    :param wrist_pitch: rad
    :param wrist_yaw: rad
    :raises ValueError: if there are no waypoints or their times do not rise
    """

    waypoints: tuple[Waypoint, ...]
    entry: float
    slope: float = 0.4
    roll: float = 0.0
    wrist_pitch: float = 0.0
    wrist_yaw: float = 0.0

    def __post_init__(self) -> None:
        """Check the waypoints."""
        if not self.waypoints:
            raise ValueError('a script needs at least one waypoint')
        if np.any(np.diff([point.time for point in self.waypoints]) <= 0):
            raise ValueError('the times of the waypoints must rise')

    def at(self, time: float) -> Waypoint:
        """Return where the tip is at a time in s."""
        times = [point.time for point in self.waypoints]
        values = np.array(
            [(point.x, point.y, point.depth, point.jaw_angle) for point in self.waypoints]
        )
        position = np.interp(time, times, np.arange(len(times)))
        start = min(int(position), max(len(times) - 2, 0))
        share = _least_jerk(position - start)
        end = min(start + 1, len(times) - 1)
        return Waypoint(time, *(values[start] + share * (values[end] - values[start])))


@dataclass
class Instrument(ABC):
    """
    One instrument of a scene.

    :param instrument_id: 1..n
    :param kind: which instrument
    :param trocar: (3,) m, in the world
    :param rotation: (3, 3) of the trocar
    """

    instrument_id: int
    kind: InstrumentType
    trocar: np.ndarray
    rotation: np.ndarray

    @abstractmethod
    def joints_at(self, time: float) -> np.ndarray:
        """Return the joint positions in the order of ``JOINTS`` at a time in s."""


@dataclass
class WanderingInstrument(Instrument):
    """
    An instrument that moves about at random.

    :param wrist: (3,) m, mean position of the wrist in the world
    :param posture: (4,) rad, mean roll, wrist pitch, wrist yaw and jaw angle
    :param path: drives wrist position and posture
    :param extent: m, amplitude of the wrist's motion
    """

    wrist: np.ndarray
    posture: np.ndarray
    path: Wander
    extent: float

    def joints_at(self, time: float) -> np.ndarray:
        """Return the joint positions in the order of ``JOINTS`` at a time in s."""
        values = self.path.at(time)
        yaw, pitch, insertion = joint_angles(
            self.rotation, self.trocar, self.wrist + self.extent * values[:3]
        )
        roll, wrist_pitch, wrist_yaw, jaw = self.posture + values[3:] * (0.6, 0.5, 0.5, 0.5)
        wrist_pitch, wrist_yaw = np.clip(
            (wrist_pitch, wrist_yaw), -MAX_WRIST_ANGLE_RAD, MAX_WRIST_ANGLE_RAD
        )
        half = np.clip(jaw, 0.0, self.kind.max_jaw_angle) / 2
        return np.array(
            [yaw, pitch, insertion, roll, wrist_pitch, wrist_yaw + half, wrist_yaw - half]
        )


@dataclass
class ScriptedInstrument(Instrument):
    """
    An instrument whose tip follows a script.

    :param script: the path of the tip
    :param view: what the script's positions refer to
    """

    script: InstrumentScript
    view: 'ScriptView'

    def joints_at(self, time: float) -> np.ndarray:
        """Return the joint positions in the order of ``JOINTS`` at a time in s."""
        script, point = self.script, self.script.at(time)
        jaw = float(np.clip(point.jaw_angle, 0.0, self.kind.max_jaw_angle))
        offset = tip_offset(self.kind, script.roll, script.wrist_pitch, script.wrist_yaw, jaw)
        yaw, pitch, insertion = joint_angles(
            self.rotation, self.trocar, self.view.position_of(point), offset
        )
        return np.array(
            [
                *(yaw, pitch, insertion, script.roll, script.wrist_pitch),
                *(script.wrist_yaw + jaw / 2, script.wrist_yaw - jaw / 2),
            ]
        )


@dataclass(frozen=True)
class ScriptView:
    """
    The view of the left eye that scripts refer to.

    :param camera: intrinsics
    :param position: (3,) m, optical center in the world
    :param rotation: (3, 3) optical frame to world
    """

    camera: StereoCamera
    position: np.ndarray
    rotation: np.ndarray

    def position_of(self, point: Waypoint) -> np.ndarray:
        """Return the (3,) position of a waypoint in the world in m."""
        size = np.array([self.camera.width, self.camera.height])
        pixel = np.array([point.x, point.y]) * size - 0.5
        return self.position + self.rotation @ self.camera.back_project(pixel, point.depth)


def _least_jerk(share: float) -> float:
    """Return the way covered, 0..1, after a share of the time, 0..1."""
    return share**3 * (10 - 15 * share + 6 * share**2)
