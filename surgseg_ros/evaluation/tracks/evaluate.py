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

"""The work of ``surgseg evaluate --tracks``: positions and tracks against the simulator."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import sys
import time
from typing import Any
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.camera import EYES
from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.evaluation.tracks.metrics import check_motmetrics
from surgseg_ros.evaluation.tracks.metrics import IdentityCounter
from surgseg_ros.evaluation.tracks.metrics import OVERALL
from surgseg_ros.evaluation.tracks.metrics import summarize_identities
from surgseg_ros.evaluation.tracks.metrics import summarize_times
from surgseg_ros.evaluation.tracks.scores import find_owners
from surgseg_ros.evaluation.tracks.scores import IMAGE
from surgseg_ros.evaluation.tracks.scores import Ownership
from surgseg_ros.evaluation.tracks.scores import SPACE
from surgseg_ros.evaluation.tracks.scores import TrackScores
from surgseg_ros.evaluation.tracks.scores import TrueInstrument
from surgseg_ros.evaluation.tracks.targets import judge_tracks
from surgseg_ros.evaluation.tracks.truth import find_middle_point
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.perception.image_motion import ImageMotion
from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.observations import observe_in_space
from surgseg_ros.perception.observations import observe_regions
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.stereo import locate_instruments
from surgseg_ros.perception.stereo import StereoInstrument
from surgseg_ros.perception.stereo_matching import EyeView
from surgseg_ros.perception.stereo_matching import StereoOptions
from surgseg_ros.perception.tracking import InstrumentTracker
from surgseg_ros.perception.tracking import TrackerOptions
from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.scripted_scenes import get_scripted_scene
from surgseg_ros.simulation.scripted_scenes import SCRIPTED_SCENES
from surgseg_ros.simulation.scripted_scenes import ScriptedScene
from surgseg_ros.simulation.simulator import EyeFrame
from surgseg_ros.simulation.simulator import InstrumentTruth
from surgseg_ros.simulation.simulator import StereoEndoscopeSimulator
from surgseg_ros.simulation.simulator import StereoFrame

SCHEMA = 'surgseg_ros/tracks/1'
"""Names the fields of the JSON file; a change of their meaning changes the number."""
ALL_SCENES = 'all'
TASKS = ('parts', 'types', 'binary')
"""Label images that the simulator knows."""
LIMIT_WIDTHS = 0.1
"""Longest distance between a track and its instrument in the image, in image widths."""
LIMIT_M = 0.015
"""Likewise in space."""
MIN_AREA_SHARE = 0.002
"""Instruments that show less of the image are neither missed nor false."""
STAGES = ('find_instruments', 'locate_instruments', 'track_in_image', 'track_in_space')
"""What is timed: an eye, a pair, an image, a pair."""
_SCALES = {IMAGE: 1.0, SPACE: 1e3}

_Result = TypeVar('_Result')


@dataclass(frozen=True)
class TrackEvaluationOptions:
    """
    What is evaluated.

    :param scenes: names, or :data:`ALL_SCENES`
    :param task: label set of the label images
    :param size: width and height of the images, px
    :param rate_hz: of the frames; ``None``: that of each scene
    :param seconds: most of each scene that is evaluated; ``None``: all
    :raises ValueError: if there is no such scene or task, or a value is out of range
    """

    scenes: tuple[str, ...] = (ALL_SCENES,)
    task: str = 'parts'
    size: tuple[int, int] = (1280, 1024)
    rate_hz: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.task not in TASKS:
            raise ValueError(f"task '{self.task}': the simulator knows {', '.join(TASKS)}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f'seconds must be above 0, got {self.seconds}')
        self.chosen_scenes()

    def chosen_scenes(self) -> list[ScriptedScene]:
        """Return the scenes."""
        names = tuple(SCRIPTED_SCENES) if self.scenes == (ALL_SCENES,) else self.scenes
        overrides: dict[str, Any] = {'width': self.size[0], 'height': self.size[1]}
        if self.rate_hz is not None:
            overrides['rate_hz'] = self.rate_hz
        scenes = [get_scripted_scene(name, **overrides) for name in dict.fromkeys(names)]
        if self.seconds is None:
            return scenes
        return [replace(scene, duration_s=min(scene.duration_s, self.seconds)) for scene in scenes]


@dataclass
class SceneScores:
    """
    What one scene gave.

    :param frames: number of frames
    :param image: tracks in the left image
    :param space: tracks in space
    :param times: seconds of each of :data:`STAGES`
    """

    frames: int
    image: TrackScores
    space: TrackScores
    times: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})

    @classmethod
    def empty(cls, image_width: int) -> 'SceneScores':
        """Return scores without frames."""
        return cls(
            0,
            TrackScores(IMAGE, IdentityCounter(LIMIT_WIDTHS * image_width)),
            TrackScores(SPACE, IdentityCounter(LIMIT_M)),
        )

    def extend(self, other: 'SceneScores') -> None:
        """Count another scene too, but for its identities."""
        self.frames += other.frames
        self.image.extend(other.image)
        self.space.extend(other.space)
        for stage, seconds in other.times.items():
            self.times[stage] += seconds


@dataclass(frozen=True)
class _Eye:
    """What was found in the image of one eye."""

    label_image: np.ndarray
    instruments: list[Region]
    motions: list[np.ndarray | None]

    @property
    def view(self) -> EyeView:
        """Return it for the stereo search."""
        return EyeView(self.label_image, self.instruments, self.motions)


def evaluate_tracks(
    options: TrackEvaluationOptions, segmenter: Segmenter | None = None
) -> tuple[dict[str, Any], dict[str, SceneScores]]:
    """
    Follow the instruments of scripted scenes and compare them with the truth.

    :param options: what is evaluated
    :param segmenter: makes the label images from rendered ones; without it they are the true ones
    :return: all figures, ready for JSON; and what each scene gave, by its name
    :raises MissingMetricsError: if motmetrics is not installed
    :raises RenderingError: if there is no off-screen OpenGL
    :raises ValueError: if the segmenter has another task
    """
    check_motmetrics()
    if segmenter is not None and segmenter.label_set.name != options.task:
        raise ValueError(
            f"the network's task is '{segmenter.label_set.name}', not '{options.task}'"
        )
    scores = {
        scene.name: _SceneRun(scene, options.task, segmenter).run()
        for scene in options.chosen_scenes()
    }
    return _summarize(options, segmenter, scores), scores


class _SceneRun:
    """
    One scene from its first frame to its last.

    :param scene: with its size and rate
    :param task: label set of the label images
    :param segmenter: makes them; ``None``: they are the true ones
    """

    def __init__(self, scene: ScriptedScene, task: str, segmenter: Segmenter | None) -> None:
        self._scene = scene
        self._segmenter = segmenter
        self._label_set: LabelSet = get_label_set(task)
        options = scene.options
        self._motion = {eye: ImageMotion((options.width, options.height)) for eye in EYES}
        self._image_tracker = InstrumentTracker(TrackerOptions.for_pixels(options.width))
        self._space_tracker = InstrumentTracker(TrackerOptions.for_metres())
        self._scores = SceneScores.empty(options.width)

    def run(self) -> SceneScores:
        """Return the scores of all frames."""
        scene = self._scene
        with ExitStack() as stack:
            simulator = stack.enter_context(scene.make_simulator(self._segmenter is not None))
            # What the right eye would see at the left one's time.
            at_once = (
                stack.enter_context(replace(scene, right_eye_delay_s=0.0).make_simulator(False))
                if scene.right_eye_delay_s
                else simulator
            )
            calibration = calibration_of(simulator.camera)
            for _ in tqdm(range(scene.num_frames), unit='frame', desc=scene.name, file=sys.stderr):
                frame = simulator.step()
                truth = frame if at_once is simulator else at_once.step()
                self._judge(frame, truth, at_once, calibration)
                self._scores.frames += 1
        return self._scores

    def _judge(
        self,
        frame: StereoFrame,
        truth: StereoFrame,
        simulator: StereoEndoscopeSimulator,
        calibration: StereoCalibration,
    ) -> None:
        """
        Count a frame.

        An eye that sees nothing gives no image: the trackers do not hear of it.

        :param frame: what the eyes see
        :param truth: what both see at the left one's time
        :param simulator: of the truth
        """
        eyes = self._look(frame)
        if 'left' not in eyes:
            return
        left = eyes['left']
        ownership = find_owners(left.instruments, truth.left.labels['instance'])
        observations = observe_regions(left.instruments)
        tracks = self._timed(
            'track_in_image', self._image_tracker.update, frame.time, observations
        )
        truths = [_truth_in_image(item, truth.left) for item in truth.left.instruments]
        self._scores.image.update(frame.time, truths, observations, ownership, tracks)
        if 'right' not in eyes:
            return
        found: list[StereoInstrument] = self._timed(
            'locate_instruments',
            locate_instruments,
            left.view,
            eyes['right'].view,
            calibration,
            StereoOptions(calibration_std_px=0.0),
            self._scene.right_eye_delay_s,
        )
        in_space = observe_in_space(found)
        tracks = self._timed('track_in_space', self._space_tracker.update, frame.time, in_space)
        space_truths = _truths_in_space(truth, simulator, calibration)
        places = [item.left_index for item in found]
        space_ownership = Ownership(
            [ownership.owners[place] for place in places],
            [ownership.largest[place] for place in places],
        )
        self._scores.space.update(frame.time, space_truths, in_space, space_ownership, tracks)

    def _look(self, frame: StereoFrame) -> dict[str, _Eye]:
        """Return what each eye finds that sees something."""
        seeing = {
            name: eye
            for name, eye in frame.eyes.items()
            if not self._scene.is_blind(name, frame.time)
        }
        labels = self._label(list(seeing.values()))
        found = {}
        for name, (label_image, confidence) in zip(seeing, labels, strict=True):
            instruments = self._timed(
                'find_instruments', find_instruments, label_image, self._label_set, confidence
            ).instruments
            delay = self._scene.right_eye_delay_s if name == 'right' else 0.0
            motions = self._motion[name].update(frame.time + delay, instruments)
            found[name] = _Eye(label_image, instruments, motions)
        return found

    def _label(self, eyes: Sequence[EyeFrame]) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Return label image and confidence of each image."""
        if self._segmenter is None:
            return [(eye.labels[self._label_set.name], None) for eye in eyes]
        results = self._segmenter.segment([eye.image for eye in eyes])
        return [(result.label_image, result.confidence) for result in results]

    def _timed(self, stage: str, work: Callable[..., _Result], *arguments: Any) -> _Result:
        start = time.perf_counter()
        result = work(*arguments)
        self._scores.times[stage].append(time.perf_counter() - start)
        return result


def calibration_of(camera: StereoCamera) -> StereoCalibration:
    """Return the exact calibration of the simulated endoscope."""
    left = np.array([
        [camera.fx, 0.0, camera.cx, 0.0],
        [0.0, camera.fy, camera.cy, 0.0],
        [0.0, 0.0, 1.0, 0.0],
    ])  # fmt: skip
    right = left.copy()
    right[0, 3] = -camera.fx * camera.baseline
    return StereoCalibration(
        CameraCalibration.of_rectified_image(left), CameraCalibration.of_rectified_image(right)
    )


def _truth_in_image(truth: InstrumentTruth, eye: EyeFrame) -> TrueInstrument:
    tip = truth.tip_px if truth.tip_visible else np.full(2, np.nan)
    return TrueInstrument(truth.instance_id, (truth.centroid_px, tip), _is_large(truth, eye))


def _truths_in_space(
    frame: StereoFrame, simulator: StereoEndoscopeSimulator, calibration: StereoCalibration
) -> list[TrueInstrument]:
    """Return where the instruments are in the left optical frame."""
    truths = []
    for left, right in zip(frame.left.instruments, frame.right.instruments, strict=True):
        tip_visible = left.tip_visible and right.tip_visible
        centroid = _middle_point(left.instance_id, frame, simulator, calibration)
        is_seen = bool(np.isfinite(centroid).all())
        truths.append(
            TrueInstrument(
                left.instance_id,
                (centroid, left.tip if tip_visible else np.full(3, np.nan)),
                is_seen and _is_large(left, frame.left) and _is_large(right, frame.right),
            )
        )
    return truths


def _middle_point(
    number: int,
    frame: StereoFrame,
    simulator: StereoEndoscopeSimulator,
    calibration: StereoCalibration,
) -> np.ndarray:
    """Return the centroid (3,) m by the definition of the stereo positions, NaN without one."""
    middle = find_middle_point(
        frame.left.labels['instance'] == number,
        frame.right.labels['instance'] == number,
        lambda pixels: calibration.disparity_at(1.0) / simulator.middle_depth(number, pixels),
        np.random.default_rng(frame.index),
    )
    if middle is None:
        return np.full(3, np.nan)
    return calibration.triangulate(middle.pixel, middle.disparity, np.zeros((3, 3)))[0]


def _is_large(truth: InstrumentTruth, eye: EyeFrame) -> bool:
    return truth.area > MIN_AREA_SHARE * eye.labels['instance'].size


def _summarize(
    options: TrackEvaluationOptions,
    segmenter: Segmenter | None,
    scores: Mapping[str, SceneScores],
) -> dict[str, Any]:
    """Return all figures, ready for JSON."""
    together = SceneScores.empty(options.size[0])
    for scene in scores.values():
        together.extend(scene)
    identities = {
        kind: summarize_identities(
            {name: getattr(scene, kind).identities for name, scene in scores.items()}
        )
        for kind in _SCALES
    }
    rows = {
        name: _describe_scene(scene, {kind: table[name] for kind, table in identities.items()})
        for name, scene in {**scores, OVERALL: together}.items()
    }
    overall = rows.pop(OVERALL)
    return {
        'schema': SCHEMA,
        'settings': {
            **asdict(options),
            'labels': 'truth' if segmenter is None else segmenter.checkpoint_name,
            'limit_px': LIMIT_WIDTHS * options.size[0],
            'limit_mm': 1e3 * LIMIT_M,
            'min_area_share': MIN_AREA_SHARE,
        },
        'scenes': rows,
        OVERALL: overall,
        'targets': judge_tracks(rows, overall),
    }


def _describe_scene(
    scores: SceneScores, identities: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    content: dict[str, Any] = {'frames': scores.frames}
    for kind, scale in _SCALES.items():
        figures: TrackScores = getattr(scores, kind)
        content[kind] = figures.summary(scale) | {'identities': identities[kind]}
    times = {stage: summarize_times(seconds) for stage, seconds in scores.times.items()}
    return content | {'times': times}
