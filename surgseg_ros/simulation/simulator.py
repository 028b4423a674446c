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


"""The stereo endoscope simulator: images and exact ground truth, frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from surgseg_ros.data import get_label_set
from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.imaging.effects import ImageEffects
from surgseg_ros.simulation.memory import keep_freed_memory
from surgseg_ros.simulation.options import EYES
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.rendering.lighting import Eye
from surgseg_ros.simulation.rendering.offscreen import IdentityRenderer
from surgseg_ros.simulation.rendering.ray_casting import surface_distances
from surgseg_ros.simulation.rendering.shading import Shader
from surgseg_ros.simulation.world.geoms import geom_group
from surgseg_ros.simulation.world.motion import Instrument
from surgseg_ros.simulation.world.motion import InstrumentScript
from surgseg_ros.simulation.world.scene import Scene

LABEL_NAMES = ('binary', 'parts', 'types', 'instance')

_TIP_OCCLUSION_TOLERANCE_M = 0.004


@dataclass(frozen=True)
class InstrumentTruth:
    """
    Where one instrument is, seen from one eye.

    :param instance_id: its value in the instance label image, 1..n
    :param class_id: of the label set ``types``
    :param class_name: of the label set ``types``
    :param tip: (3,) m, midpoint between the tips of both jaws, in the eye's optical frame
    :param centroid: (3,) m, in the eye's optical frame: on the ray through ``centroid_px`` at the
        harmonic mean depth of the visible surface; triangulating the centroids of both eyes gives
        a point farther inside, see :meth:`StereoEndoscopeSimulator.middle_depth`; NaN if nothing
        is visible
    :param tip_px: (2,) px, projection of ``tip``; may lie outside the image
    :param jaw_tips_px: (2, 2) px, projection of the tip of each jaw, likewise
    :param centroid_px: (2,) px, mean of the visible pixels; NaN if nothing is visible
    :param tip_visible: the tip is inside the image and nothing is in front of it
    :param jaw_angle: angle between both jaws in rad
    :param area: number of its pixels in the instance label image
    """

    instance_id: int
    class_id: int
    class_name: str
    tip: np.ndarray
    centroid: np.ndarray
    tip_px: np.ndarray
    jaw_tips_px: np.ndarray
    centroid_px: np.ndarray
    tip_visible: bool
    jaw_angle: float
    area: int


@dataclass(frozen=True)
class EyeFrame:
    """
    What one eye sees.

    ``image`` raises :class:`AttributeError` if the simulator renders labels only.

    :param color: (H, W, 3) uint8 RGB, or None if the simulator renders labels only
    :param labels: (H, W) uint8 label images ``binary``, ``parts``, ``types`` and ``instance``
    :param instruments: every instrument of the scene, visible or not
    """

    color: np.ndarray | None
    labels: dict[str, np.ndarray]
    instruments: list[InstrumentTruth]

    @property
    def image(self) -> np.ndarray:
        """Return the (H, W, 3) uint8 RGB image."""
        if self.color is None:
            raise AttributeError("there is no image; make the simulator with 'render_images'")
        return self.color


@dataclass(frozen=True)
class StereoFrame:
    """
    One instant.

    ``left`` and ``right`` raise :class:`AttributeError` for an eye that the options leave out.

    :param index: frame number from 0
    :param time: simulated time in s; the right eye may see a later one
    :param eyes: what each rendered eye sees, by its name
    """

    index: int
    time: float
    eyes: dict[str, EyeFrame]

    @property
    def left(self) -> EyeFrame:
        """Return what the left eye sees."""
        return self._eye('left')

    @property
    def right(self) -> EyeFrame:
        """Return what the right eye sees."""
        return self._eye('right')

    def _eye(self, name: str) -> EyeFrame:
        if name not in self.eyes:
            raise AttributeError(f"the {name} eye is not rendered; add it to the option 'eyes'")
        return self.eyes[name]


class StereoEndoscopeSimulator:
    """
    Endless video of a stereo endoscope, with exact ground truth.

    Equal arguments give equal frames on one machine. Use it in one thread, and close it.

    >>> with StereoEndoscopeSimulator(SceneOptions(seed=7)) as simulator:
    ...     frame = simulator.step()
    ...     frame.left.image.shape, frame.left.labels['parts'].max()
    ((512, 640, 3), 3)

    :param options: the scene, its look and the camera
    :param scripts: how each instrument moves; empty: the instruments move about at random
    :param right_eye_delay_s: the right eye sees the scene this much later than the left one
    :param render_images: render images; without them labels and truth come much faster
    :raises RenderingError: if there is no off-screen OpenGL; the message says what to install
    :raises ValueError: if there are scripts, but not one an instrument
    """

    def __init__(
        self,
        options: SceneOptions | None = None,
        *,
        scripts: tuple[InstrumentScript, ...] = (),
        right_eye_delay_s: float = 0.0,
        render_images: bool = True,
    ) -> None:
        keep_freed_memory()
        self.options = SceneOptions() if options is None else options
        self.camera = StereoCamera.centered(
            self.options.width,
            self.options.height,
            self.options.focal_length,
            self.options.baseline,
        )
        self._delays = {'left': 0.0, 'right': right_eye_delay_s}
        self._scene = Scene(self.options, self.camera, scripts)
        self._shader = Shader(self._scene, self.camera, self.options) if render_images else None
        self._effects = {eye: ImageEffects(self.options, EYES.index(eye)) for eye in EYES}
        self._tables = _label_tables(self._scene)
        self._fenestrated = [
            self._scene.model.geom(label.name).id + 1
            for label in self._scene.labels
            if label.fenestrated
        ]
        self._index = 0
        self._renderer = IdentityRenderer(self._scene.model, self.camera)

    def step(self) -> StereoFrame:
        """
        Render the next frame.

        :raises RuntimeError: if the simulator is closed
        """
        if not self._renderer.is_open:
            raise RuntimeError('the simulator is closed; make a new one')
        index, time = self._index, self._index / self.options.rate_hz
        self._index += 1
        frames = {name: self._render_eye(name, index) for name in self.options.eyes}
        return StereoFrame(index, time, frames)

    def middle_depth(
        self, instrument_id: int, pixels: np.ndarray, eye: str = 'left'
    ) -> np.ndarray:
        """
        Return the depth of the inside of an instrument in the frame of the last step.

        Triangulating the lines midway between its outlines gives this middle between the first
        and the last surface along a ray, and not the surface that an eye sees. Whatever is in
        front of the instrument is ignored.

        :param instrument_id: 1..n, its value in the instance label image
        :param pixels: (N, 2) px, x and y
        :param eye: ``left`` or ``right``, seen at its own time
        :return: (N,) m, z in the eye's optical frame; NaN where the ray misses the instrument, as
            through the openings of its jaws, labeled or not
        :raises ValueError: if there is no such instrument or eye
        :raises RuntimeError: before the first step
        """
        if self._index == 0:
            raise RuntimeError('there is no frame yet; call step first')
        if eye not in EYES:
            raise ValueError(f"eye: '{eye}' is not one of: {', '.join(EYES)}")
        if instrument_id not in [item.instrument_id for item in self._scene.instruments]:
            raise ValueError(f'there is no instrument {instrument_id}')
        time = self._time_of(eye, self._index - 1)
        self._scene.move_to(time)
        pose = self._eye_at(eye, time)
        rays = self.camera.back_project(np.reshape(pixels, (-1, 2)), 1.0)
        lengths = np.linalg.norm(rays, axis=1, keepdims=True)
        distances = surface_distances(
            self._scene.model,
            self._scene.data,
            geom_group(instrument_id),
            pose.position,
            rays / lengths @ pose.rotation.T,
        )
        return (distances / lengths).mean(axis=1)

    def close(self) -> None:
        """Free the renderer; the simulator cannot be used any more."""
        self._renderer.close()

    def __iter__(self) -> Iterator[StereoFrame]:
        """Yield frames for ever."""
        while True:
            yield self.step()

    def __enter__(self) -> 'StereoEndoscopeSimulator':
        """Return the simulator; it is closed at the end of the ``with`` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the simulator."""
        self.close()

    def _time_of(self, eye: str, index: int) -> float:
        """Return when an eye sees the frame with an index, in s."""
        return index / self.options.rate_hz + self._delays[eye]

    def _eye_at(self, name: str, time: float) -> Eye:
        position, rotation = self._scene.endoscope_at(time)
        light = position + rotation @ (
            self._scene.light_at(time) + np.array([self.camera.baseline / 2, 0.0, 0.0])
        )
        offset = rotation[:, 0] * (self.camera.baseline * EYES.index(name))
        return Eye(position + offset, rotation, light)

    def _render_eye(self, name: str, index: int) -> EyeFrame:
        time = self._time_of(name, index)
        eye = self._eye_at(name, time)
        self._scene.move_to(time)
        self._renderer.update(self._scene.data)
        identity, depth = self._renderer.render(eye.position, eye.rotation)
        image = None
        if self._shader is not None:
            radiance = self._shader.shade(identity, depth, eye)
            image = self._develop(radiance, name, index)
        labeled = identity
        if self.options.fill_fenestrations:
            labeled = _fill_openings(identity, self._tables['binary'], self._fenestrated)
        hidden = ~self._effects[name].visible
        identity[hidden] = 0
        labeled[hidden] = 0
        labels = {label: cv2.LUT(labeled, table) for label, table in self._tables.items()}
        surface = cv2.LUT(identity, self._tables['instance'])
        truths = [
            self._truth(instrument, eye, labels['instance'], surface, depth)
            for instrument in self._scene.instruments
        ]
        return EyeFrame(image, labels, truths)

    def _develop(self, radiance: np.ndarray, eye: str, index: int) -> np.ndarray:
        """Return the image that a camera makes of linear radiance; the first one is metered."""
        effects = self._effects[eye]
        if index == 0 and eye == self.options.eyes[0]:
            self._expose(effects.metered_gain(radiance))
        return effects.apply(radiance, index + 1, self._time_of(eye, index))

    def _expose(self, gain: float) -> None:
        for effects in self._effects.values():
            effects.gain = gain

    def _truth(
        self,
        instrument: Instrument,
        eye: Eye,
        instance: np.ndarray,
        surface: np.ndarray,
        depth: np.ndarray,
    ) -> InstrumentTruth:
        tip = eye.rotation.T @ (self._scene.tip(instrument) - eye.position)
        jaw_tips = (self._scene.jaw_tips(instrument) - eye.position) @ eye.rotation
        tip_px = self.camera.project(tip)
        mask = instance == instrument.instrument_id
        centroid_px, centroid = self._centroid(mask, depth[surface == instrument.instrument_id])
        return InstrumentTruth(
            instance_id=instrument.instrument_id,
            class_id=instrument.kind.class_id,
            class_name=instrument.kind.class_name,
            tip=tip,
            centroid=centroid,
            tip_px=tip_px,
            jaw_tips_px=self.camera.project(jaw_tips),
            centroid_px=centroid_px,
            tip_visible=self._is_visible(tip, tip_px, depth),
            jaw_angle=self._scene.jaw_angle(instrument),
            area=int(np.count_nonzero(mask)),
        )

    def _centroid(self, mask: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(depths) == 0:
            return np.full(2, np.nan), np.full(3, np.nan)
        moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
        pixel = np.array([moments['m10'], moments['m01']]) / moments['m00']
        harmonic_depth = 1 / np.mean(1 / depths, dtype=np.float64)
        return pixel, self.camera.back_project(pixel, harmonic_depth)

    def _is_visible(self, tip: np.ndarray, tip_px: np.ndarray, depth: np.ndarray) -> bool:
        if tip[2] <= 0:
            return False
        column, row = np.round(tip_px).astype(int)
        if not (0 <= column < self.camera.width and 0 <= row < self.camera.height):
            return False
        return bool(depth[row, column] > tip[2] - _TIP_OCCLUSION_TOLERANCE_M)


def randomized_frames(
    seed: int,
    width: int = 640,
    height: int = 512,
    frames_per_scene: int = 4,
    eyes: tuple[str, ...] = ('left',),
    **overrides: Any,
) -> Iterator[EyeFrame]:
    """
    Yield training frames from ever new randomized scenes, for ever.

    :param seed: scene ``i`` is drawn from the seed ``seed + i``
    :param width: px
    :param height: px
    :param frames_per_scene: frames of a scene, one simulated second apart
    :param eyes: eyes that are rendered; each gives a frame of its own
    :param overrides: options that are given instead of drawn
    """
    while True:
        options = SceneOptions.randomized(
            seed, width=width, height=height, eyes=eyes, **{'rate_hz': 1.0, **overrides}
        )
        with StereoEndoscopeSimulator(options) as simulator:
            for _ in range(frames_per_scene):
                yield from simulator.step().eyes.values()
        seed += 1


def _label_tables(scene: Scene) -> dict[str, np.ndarray]:
    """Return for every kind of label image the table from geom id + 1 to label."""
    tables = {name: np.zeros(256, np.uint8) for name in LABEL_NAMES}
    foreground = get_label_set('binary').index('instrument')
    for label in scene.labels:
        if label.instrument_id == 0:
            continue
        value = scene.model.geom(label.name).id + 1
        tables['binary'][value] = foreground
        tables['parts'][value] = label.part
        tables['types'][value] = label.class_id
        tables['instance'][value] = label.instrument_id
    return tables


def _fill_openings(identity: np.ndarray, foreground: np.ndarray, values: list[int]) -> np.ndarray:
    """
    Give the background inside the outline of geoms to these geoms.

    :param identity: (H, W) uint8 geom id + 1
    :param foreground: (256,) uint8 table, 0 for all that is no instrument
    :param values: of the geoms with openings
    :return: (H, W) uint8
    """
    background = cv2.LUT(identity, foreground) == 0
    filled = identity.copy()
    for value in values:
        mask = (identity == value).view(np.uint8)
        left, top, width, height = cv2.boundingRect(mask)
        if width == 0:
            continue
        box = np.s_[top : top + height, left : left + width]
        outlines, _ = cv2.findContours(mask[box], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        inside = np.zeros((height, width), np.uint8)
        cv2.drawContours(inside, outlines, -1, 1, cv2.FILLED)
        filled[box][(inside == 1) & background[box]] = value
    return filled
