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

"""The lifecycle node that segments instruments in the images of a stereo endoscope."""

from collections.abc import Callable
from collections.abc import Iterator
import threading
import traceback
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.task import Future
from std_srvs.srv import SetBool

from surgseg_ros.inference.checkpoints import check_permitted
from surgseg_ros.inference.checkpoints import CheckpointError
from surgseg_ros.inference.memory import return_free_memory
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.problem_log import ProblemLog
from surgseg_ros.nodes.segmentation.camera_input import CameraInput
from surgseg_ros.nodes.segmentation.diagnostics import eye_status
from surgseg_ros.nodes.segmentation.diagnostics import EyeLimits
from surgseg_ros.nodes.segmentation.diagnostics import find_eye_problems
from surgseg_ros.nodes.segmentation.diagnostics import find_frame_id_notes
from surgseg_ros.nodes.segmentation.diagnostics import idle_status
from surgseg_ros.nodes.segmentation.diagnostics import model_status
from surgseg_ros.nodes.segmentation.diagnostics import stereo_status
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs
from surgseg_ros.nodes.segmentation.parameters import PARAMETERS
from surgseg_ros.nodes.segmentation.pipeline import FramePipeline
from surgseg_ros.nodes.segmentation.segmenter_loader import SegmenterLoader
from surgseg_ros.nodes.segmentation.segmenter_loader import USER_ERRORS
from surgseg_ros.nodes.segmentation.stereo_outputs import StereoOutputs
from surgseg_ros.nodes.segmentation.stereo_stage import StereoStage
from surgseg_ros.srv import LoadModel

DIAGNOSTICS_PERIOD_S = 1.0


class SegmentationNode(LifecycleNode):
    """
    Label image and instruments for every image of a stereo endoscope.

    Configure loads the network and warms it up, activate subscribes to the cameras, deactivate
    keeps the network, cleanup frees it.
    """

    def __init__(self) -> None:
        super().__init__('segmentation')
        self._segmenter: Segmenter | None = None
        self._pipeline: FramePipeline | None = None
        self._outputs: dict[str, EyeOutputs] = {}
        self._stereo_outputs: StereoOutputs | None = None
        self._inputs: dict[str, CameraInput] = {}
        self._loading: threading.Thread | None = None
        self._problem = ''
        self._surrender = ''
        self._problem_log = ProblemLog(self.get_logger())
        self._settings = ParameterTable(self, PARAMETERS, self._is_configured)
        self._loader = SegmenterLoader(self._settings, self.get_logger())
        # From here on a change comes from outside; the values of the start were the operator's.
        self.add_on_set_parameters_callback(self._check_checkpoint_change)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # A clock that goes on when simulated time stands still or jumps.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._report, clock=steady)
        self.create_service(SetBool, '~/enable', self._set_enabled)
        # The type stub knows no coroutines.
        self.create_service(LoadModel, '~/load_model', self._load_model)  # type: ignore[misc]
        if self._settings['autostart']:
            self._start()
        else:
            self.get_logger().info(
                f'unconfigured; ros2 lifecycle set {self.get_fully_qualified_name()} configure '
                'loads the network'
            )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network, warm it up and create the publishers."""
        return self._attempt(self._configure, super().on_configure, state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe to the cameras."""
        return self._attempt(self._activate, super().on_activate, state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and working; keep the network."""
        return self._attempt(self._deactivate, super().on_deactivate, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and remove the publishers."""
        return self._attempt(self._release, super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything."""
        return self._attempt(self._release, super().on_shutdown, state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to the unconfigured state after a transition that raised an exception."""
        return self._attempt(self._release, super().on_error, state)

    def destroy_node(self) -> None:
        """Stop the worker, free the network and destroy the node."""
        self._release()
        super().destroy_node()
        # rclpy forgets it. It holds the participant, whose threads would outlive the context.
        self._state_machine.destroy_when_not_in_use()

    def _start(self) -> None:
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _is_configured(self) -> bool:
        return self._segmenter is not None

    def _attempt(
        self,
        action: Callable[[], None],
        managed: Callable[[LifecycleState], TransitionCallbackReturn],
        state: LifecycleState,
    ) -> TransitionCallbackReturn:
        """Do the node's part of a transition, then that of its publishers; log what fails."""
        try:
            action()
            return managed(state)
        except USER_ERRORS as error:
            self._problem = str(error)
            name = self.get_fully_qualified_name()
            self.get_logger().error(
                f'{error}. Then: ros2 param set {name} <parameter> <value> and '
                f'ros2 lifecycle set {name} configure, or start the node again.'
            )
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # rclpy itself would swallow it without a word.
            self._problem = f'{type(error).__name__}: {error}'
            self.get_logger().error(
                f"transition from '{state.label}' failed: {traceback.format_exc()}"
            )
            return TransitionCallbackReturn.ERROR

    def _configure(self) -> None:
        self._surrender = ''
        self._segmenter = self._loader.load(self._settings['checkpoint'])
        eyes = list(dict.fromkeys(self._settings['eyes']))
        self._outputs = {eye: EyeOutputs(self, eye, self._settings) for eye in eyes}
        if len(eyes) > 1:
            self._stereo_outputs = StereoOutputs(self)
        self._announce_classes()
        self._problem = ''

    def _recover(self, error: Exception) -> Segmenter | None:
        """Return another segmenter to go on with after a failed inference, if there is one."""
        if self._segmenter is None:
            return None
        replacement = self._loader.recover(self._segmenter, error)
        if replacement is not None:
            self._segmenter = replacement
        return replacement

    def _announce_classes(self) -> None:
        for outputs in self._outputs.values():
            if self._segmenter is not None:
                outputs.announce_classes(self._segmenter.label_set)

    def _activate(self) -> None:
        assert self._segmenter is not None
        self._pipeline = FramePipeline(
            self,
            self._segmenter,
            self._outputs,
            self._settings,
            self._recover,
            self._make_stereo_stage(),
        )
        self._pipeline.start()
        self._subscribe()
        topics = ', '.join(camera.topic for camera in self._inputs.values())
        self.get_logger().info(
            f"'{self._segmenter.checkpoint_name}' ({self._segmenter.model_name}, branch "
            f'{self._segmenter.branch}) on {self._segmenter.device}, '
            f'backend {self._segmenter.backend} {self._segmenter.precision} '
            f'({self._segmenter.backend_reason}); waiting for images on {topics}'
        )

    def _make_stereo_stage(self) -> StereoStage | None:
        if self._stereo_outputs is None:
            return None
        return StereoStage(self, self._outputs, self._stereo_outputs, self._settings)

    def _subscribe(self) -> None:
        assert self._pipeline is not None
        self._problem_log.clear()
        self._inputs = {
            eye: CameraInput(self, eye, self._settings, self._pipeline, outputs)
            for eye, outputs in self._outputs.items()
        }

    def _unsubscribe(self) -> None:
        for camera in self._inputs.values():
            camera.destroy()
        self._inputs = {}

    def _deactivate(self) -> None:
        self._unsubscribe()
        if self._pipeline is not None:
            self._pipeline.stop()
        self._pipeline = None

    def _release(self) -> None:
        self._deactivate()
        if self._loading is not None:
            self._loading.join()
        for outputs in self._outputs.values():
            outputs.destroy()
        self._outputs = {}
        if self._stereo_outputs is not None:
            self._stereo_outputs.destroy()
        self._stereo_outputs = None
        if self._segmenter is not None:
            self._segmenter.close()
        self._segmenter = None
        return_free_memory()

    def _check_checkpoint_change(self, changes: list[Parameter]) -> SetParametersResult:
        for change in changes:
            if change.name == 'checkpoint':
                try:
                    check_permitted(change.value, self._settings['checkpoint_directory'])
                except CheckpointError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _set_enabled(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        """Pause or resume listening to the cameras, the network stays loaded."""
        if self._pipeline is None:
            response.message = 'the node is not active; configure and activate it first'
            return response
        if not request.data:
            self._unsubscribe()
        elif not self._inputs:
            self._subscribe()
        response.success = True
        response.message = 'listening to the cameras' if self._inputs else 'paused'
        self.get_logger().info(response.message)
        return response

    async def _load_model(
        self, request: LoadModel.Request, response: LoadModel.Response
    ) -> LoadModel.Response:
        """Exchange the network; the present one goes on while the new one is loaded."""
        loaded: Future[Segmenter] = Future(executor=self.executor)
        try:
            self._start_loading(request.checkpoint, loaded)
            segmenter: Any = await loaded
            self._adopt(segmenter, request.checkpoint)
        except Exception as error:  # Whatever is wrong with a file, the present network stays.
            response.message = f'{error}; the present network goes on'
            self.get_logger().error(f'load_model: {response.message}')
            return response
        response.success = True
        response.message = f"'{segmenter.checkpoint_name}' runs on {segmenter.device}"
        response.class_names = list(segmenter.label_set.class_names)
        self.get_logger().info(f'load_model: {response.message}')
        return response

    def _start_loading(self, checkpoint: str, loaded: 'Future[Segmenter]') -> None:
        if self._segmenter is None:
            raise CheckpointError('the node is unconfigured; set the parameter checkpoint instead')
        if self._loading is not None and self._loading.is_alive():
            raise CheckpointError('another network is being loaded; try again when it is done')
        check_permitted(checkpoint, self._settings['checkpoint_directory'])

        def load() -> None:
            try:
                loaded.set_result(self._loader.load(checkpoint))
            except Exception as error:  # It belongs to the one who waits for the result.
                loaded.set_exception(error)

        self._loading = threading.Thread(target=load, name='load_model', daemon=True)
        self._loading.start()

    def _adopt(self, segmenter: Segmenter, checkpoint: str) -> None:
        """Let a loaded network take over."""
        old = self._segmenter
        if old is None:
            segmenter.close()
            raise CheckpointError('the node was cleaned up meanwhile')
        self._segmenter = segmenter
        if self._pipeline is not None:
            self._pipeline.exchange(segmenter)
        else:
            old.close()
        self._settings.store('checkpoint', checkpoint)
        self._announce_classes()

    def _report(self) -> None:
        """Publish the diagnostics; a timer calls it, so that a dead camera is reported too."""
        self._announce_classes()
        self._give_up_after_too_many_errors()
        array = DiagnosticArray(status=list(self._statuses()))
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _give_up_after_too_many_errors(self) -> None:
        limit = self._settings['max_consecutive_errors']
        if self._pipeline is None or not 0 < limit <= self._pipeline.failures_in_a_row:
            return
        self._surrender = (
            f'deactivated after {self._pipeline.failures_in_a_row} failed inferences in a row '
            f'(max_consecutive_errors is {limit})'
        )
        self.get_logger().fatal(self._surrender)
        self.trigger_deactivate()

    def _statuses(self) -> Iterator[DiagnosticStatus]:
        name = self.get_fully_qualified_name().lstrip('/')
        if self._segmenter is None:
            yield idle_status(f'{name}: model', self._problem)
            return
        pipeline = self._pipeline
        yield model_status(
            f'{name}: model',
            self._segmenter,
            None if pipeline is None else pipeline.variant,
            0 if pipeline is None else pipeline.failures_in_a_row,
            self._surrender or self._loader.warning,
        )
        if self._pipeline is None:
            return
        yield from self._eye_statuses(name, self._pipeline)
        if self._pipeline.stereo is not None:
            yield self._stereo_status(name, self._pipeline.stereo)

    def _stereo_status(self, name: str, stage: StereoStage) -> DiagnosticStatus:
        assert self._pipeline is not None
        summary = stage.statistics.summary()
        problems = {} if self._stereo_outputs is None else self._stereo_outputs.refused
        limit_s = self._settings['input_timeout_s']
        if summary.is_fault:
            problems = problems | {'positions': summary.problem}
        elif self._inputs and not summary.problem and (summary.silence_s or 0.0) > limit_s:
            problems = problems | {
                'pairs': f'no pair of images for {summary.silence_s:.0f} s, so no positions: '
                'the statuses of the eyes say which one is missing'
            }
        self._problem_log.update('stereo', problems)
        return stereo_status(
            f'{name}: stereo', self._pipeline.pairing.summary(), summary, problems
        )

    def _eye_statuses(self, name: str, pipeline: FramePipeline) -> Iterator[DiagnosticStatus]:
        summaries = {eye: pipeline.statistics[eye].summary() for eye in self._outputs}
        notes = find_frame_id_notes({eye: s.frame_id for eye, s in summaries.items()})
        limits = EyeLimits(
            self._settings['input_timeout_s'],
            self._settings['max_lost_fraction'],
            self._settings['max_latency_ms'],
        )
        for eye, summary in summaries.items():
            counts = pipeline.slots.counts(eye)
            problems = self._outputs[eye].refused
            if eye in self._inputs:
                camera = self._inputs[eye]
                problems |= camera.refused | find_eye_problems(
                    camera.topic, camera.count_publishers(), counts.received, summary, limits
                )
            note = notes.get(eye, '')
            self._problem_log.update(eye, problems | ({'frame_id': note} if note else {}))
            yield eye_status(
                f'{name}: {eye}', counts, summary, problems, eye in self._inputs, note
            )
