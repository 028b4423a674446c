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

"""From the results of both eyes to instruments in space."""

from collections.abc import Mapping
from collections.abc import Sequence
import time

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import EYES
from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.data.image_files import size_of
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.problem_log import shorten
from surgseg_ros.nodes.messages.stereo import make_stereo_instrument
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs
from surgseg_ros.nodes.segmentation.frames import FrameResult
from surgseg_ros.nodes.segmentation.frames import NANOSECONDS
from surgseg_ros.nodes.segmentation.parameters import OFF
from surgseg_ros.nodes.segmentation.parameters import RAW
from surgseg_ros.nodes.segmentation.parameters import RECTIFIED
from surgseg_ros.nodes.segmentation.stereo_calibration_source import StereoCalibrationSource
from surgseg_ros.nodes.segmentation.stereo_outputs import StereoOutputs
from surgseg_ros.nodes.segmentation.stereo_statistics import StereoStatistics
from surgseg_ros.perception.image_motion import ImageMotion
from surgseg_ros.perception.stereo import locate_instruments
from surgseg_ros.perception.stereo_matching import EyeView
from surgseg_ros.perception.stereo_matching import StereoOptions

ERROR_PERIOD_S = 10.0
RECTIFIED_WORD = 'rect'


class StereoStage:
    """
    Pair the results of both eyes by stamp and publish where the instruments are.

    Every image is used once. Whatever goes wrong here is said in the diagnostics and costs no
    two-dimensional result.

    :param node: for its logger and the names of the image topics
    :param eyes: their newest calibrations
    :param outputs: the publishers
    :param parameters: read anew for every pair: ``stereo...``
    """

    def __init__(
        self,
        node: LifecycleNode,
        eyes: Mapping[str, EyeOutputs],
        outputs: StereoOutputs,
        parameters: ParameterTable,
    ) -> None:
        self._logger = node.get_logger()
        self._topics = [node.resolve_topic_name(f'{eye}/image_raw') for eye in EYES]
        self._eyes = eyes
        self._outputs = outputs
        self._parameters = parameters
        self._calibrations = StereoCalibrationSource()
        self._motion: dict[str, ImageMotion] = {}
        self._waiting: dict[str, tuple[FrameResult, EyeView]] = {}
        self.statistics = StereoStatistics()

    def process(self, results: Sequence[FrameResult]) -> None:
        """Take the newest results of one eye or both, and publish what they give together."""
        if self._parameters['stereo'] == OFF:
            self._waiting.clear()
            self.statistics.record_problem('off', is_fault=False)
            return
        try:
            for result in results:
                self._keep(result)
            if len(self._waiting) == len(EYES):
                self._locate()
        except CalibrationError as error:
            self.statistics.record_problem(str(error), is_fault=True)
        except Exception as error:  # The results of the eyes are out; the next pair is due.
            self.statistics.record_problem(shorten(error), is_fault=True)
            self._logger.error(
                f'stereo: no positions: {shorten(error)}', throttle_duration_sec=ERROR_PERIOD_S
            )

    def _keep(self, result: FrameResult) -> None:
        """Let a result wait for its partner in place of an older one."""
        eye = result.frame.eye
        size = size_of(result.frame.image)
        if eye not in self._motion or self._motion[eye].image_size != size:
            self._motion[eye] = ImageMotion(size)
        instruments = result.found.instruments
        stamp_s = result.frame.arrival.stamp_ns / NANOSECONDS
        motions = self._motion[eye].update(stamp_s, instruments)
        if eye in self._waiting:
            self.statistics.record_unsynchronized()
        view = EyeView(result.segmentation.label_image, instruments, motions)
        self._waiting[eye] = result, view

    def _locate(self) -> None:
        (left_result, left_view), (right_result, right_view) = (self._waiting[eye] for eye in EYES)
        results = left_result, right_result
        stamps = [result.frame.arrival.stamp_ns for result in results]
        gap_s = (stamps[1] - stamps[0]) / NANOSECONDS
        if abs(gap_s) > self._parameters['stereo_sync_tolerance_ms'] / 1e3:
            # The older one will find no partner any more.
            del self._waiting[EYES[0] if gap_s > 0 else EYES[1]]
            self.statistics.record_unsynchronized()
            self._tell_gap(gap_s)
            return
        self._waiting.clear()
        start_s = time.monotonic()
        calibration = self._calibrate(results)
        if calibration is None:
            return
        found = locate_instruments(left_view, right_view, calibration, self._options(), gap_s)
        left, right = (result.frame.arrival.msg.header for result in results)
        processing_s = time.monotonic() - start_s
        array = StereoInstrumentArray(
            header=left,
            right_header=right,
            stamp_gap=gap_s,
            baseline=calibration.baseline,
            model=results[0].model,
            processing=Duration(seconds=processing_s).to_msg(),
            pair_index=self.statistics.pairs,
            instruments=[make_stereo_instrument(item) for item in found],
        )
        self._outputs.publish(array, results[0].label_set)
        self.statistics.record_pair(len(found), processing_s)

    def _tell_gap(self, gap_s: float) -> None:
        if self.statistics.pairs == 0:
            self.statistics.record_problem(
                f'the stamps of the eyes are {1e3 * abs(gap_s):.1f} ms apart, '
                'stereo_sync_tolerance_ms is '
                f'{self._parameters["stereo_sync_tolerance_ms"]:g}; synchronize the cameras or '
                'raise it',
                is_fault=True,
            )

    def _calibrate(self, results: Sequence[FrameResult]) -> StereoCalibration | None:
        """Return the calibration, ``None`` while an eye has sent none."""
        infos = {eye: self._eyes[eye].camera_info for eye in EYES}
        known = {eye: info for eye, info in infos.items() if info is not None}
        missing = [f'{eye}/camera_info' for eye in EYES if eye not in known]
        if missing:
            self.statistics.record_problem(
                f'no {" and no ".join(missing)} came: positions need the calibration of both eyes',
                is_fault=False,
            )
            return None
        sizes = [size_of(result.frame.image) for result in results]
        if sizes[0] != sizes[1]:
            raise CalibrationError(
                'the images of the left eye have {}x{} px, those of the right eye {}x{}; both '
                'must have one size'.format(*sizes[0], *sizes[1])
            )
        limits = self._parameters['stereo_baseline_mm']
        return self._calibrations.find(known, sizes[0], self._are_rectified(), limits)

    def _are_rectified(self) -> bool:
        kind = self._parameters['stereo_images']
        if kind in (RAW, RECTIFIED):
            return bool(kind == RECTIFIED)
        return all(RECTIFIED_WORD in topic for topic in self._topics)

    def _options(self) -> StereoOptions:
        return StereoOptions(
            min_depth=self._parameters['stereo_min_depth_m'],
            max_depth=self._parameters['stereo_max_depth_m'],
            calibration_std_px=self._parameters['stereo_calibration_std_px'],
        )
