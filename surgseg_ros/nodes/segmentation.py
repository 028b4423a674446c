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
from functools import partial
import traceback

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from surgseg_ros.inference.checkpoints import CheckpointError
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.segmenter import DeviceError
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.diagnostics import explain_silence
from surgseg_ros.nodes.diagnostics import eye_status
from surgseg_ros.nodes.diagnostics import idle_status
from surgseg_ros.nodes.diagnostics import model_status
from surgseg_ros.nodes.eye_outputs import EyeOutputs
from surgseg_ros.nodes.frame_pipeline import FramePipeline
from surgseg_ros.nodes.parameters import Change
from surgseg_ros.nodes.parameters import NodeParameter
from surgseg_ros.nodes.parameters import ParameterTable
from surgseg_ros.perception.instruments import DEFAULT_MIN_AREA
from surgseg_ros.perception.overlay import DEFAULT_ALPHA

DIAGNOSTICS_PERIOD_S = 1.0
USER_ERRORS = (CheckpointError, DeviceError)

PARAMETERS = (
    NodeParameter('autostart', True, 'Configure and activate the node when it starts.'),
    NodeParameter(
        'eyes',
        ['left', 'right'],
        'Cameras to subscribe to; [left] for a mono rig.',
        choices=('left', 'right'),
    ),
    NodeParameter(
        'reliability',
        'best_effort',
        'QoS of the image subscriptions; best_effort matches every camera driver.',
        choices=('best_effort', 'reliable'),
    ),
    NodeParameter(
        'checkpoint',
        DEFAULT_CHECKPOINT,
        'Weights: a .safetensors file or the name of a shipped checkpoint.',
        Change.UNCONFIGURED,
    ),
    NodeParameter(
        'branch',
        'main',
        'Output of the network: main is exact, auxiliary is faster and coarser.',
        Change.UNCONFIGURED,
        choices=('main', 'auxiliary'),
    ),
    NodeParameter(
        'device',
        'auto',
        'cpu, cuda, cuda:<index>, or auto: CUDA when there is one, else CPU.',
        Change.UNCONFIGURED,
    ),
    NodeParameter(
        'input_size',
        [0, 0],
        'Width and height in px that the network is run at; [0, 0]: those of the checkpoint.',
        Change.UNCONFIGURED,
        bounds=(0, 16_384),
        length=2,
    ),
    NodeParameter(
        'threads',
        0,
        "CPU threads of the network; 0: torch's choice.",
        Change.UNCONFIGURED,
        bounds=(0, 256),
    ),
    NodeParameter(
        'min_area_px',
        DEFAULT_MIN_AREA,
        'Smaller connected regions are not reported as instruments (px).',
        Change.ALWAYS,
        bounds=(0, 1_000_000),
    ),
    NodeParameter(
        'max_image_age_ms',
        0.0,
        'Drop images whose stamp is older than this (ms); 0: never.',
        Change.ALWAYS,
        bounds=(0.0, 10_000.0),
    ),
    NodeParameter(
        'publish_overlay',
        True,
        'Publish ~/<eye>/overlay while somebody subscribes to it.',
        Change.ALWAYS,
    ),
    NodeParameter(
        'overlay_alpha',
        DEFAULT_ALPHA,
        'Opacity of the colors in the overlay.',
        Change.ALWAYS,
        bounds=(0.0, 1.0),
    ),
    NodeParameter(
        'publish_confidence',
        True,
        'Publish ~/<eye>/confidence while somebody subscribes to it.',
        Change.ALWAYS,
    ),
    NodeParameter(
        'input_timeout_s',
        5.0,
        'Warn when no image of an eye came for this long (s).',
        Change.ALWAYS,
        bounds=(0.1, 3600.0),
    ),
)


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
        self._inputs: dict[str, Subscription] = {}
        self._silent_eyes: set[str] = set()
        self._problem = ''
        self._settings = ParameterTable(self, PARAMETERS, self._is_configured)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._report)
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
        eyes = list(dict.fromkeys(self._settings['eyes']))
        segmenter = self._load_segmenter()
        if segmenter.info.notice:
            self.get_logger().warning(
                f"weights '{segmenter.checkpoint_name}': {segmenter.info.notice}"
            )
        segmenter.warm_up(len(eyes))
        self._segmenter = segmenter
        self._outputs = {eye: EyeOutputs(self, eye) for eye in eyes}
        self._problem = ''

    def _load_segmenter(self) -> Segmenter:
        width, height = self._settings['input_size']
        return Segmenter(
            self._settings['checkpoint'],
            self._settings['device'],
            self._settings['branch'],
            (width, height) if width and height else None,
            self._settings['threads'],
        )

    def _activate(self) -> None:
        assert self._segmenter is not None
        self._pipeline = FramePipeline(self, self._segmenter, self._outputs, self._settings)
        self._pipeline.start()
        self._inputs = {eye: self._subscribe(eye, self._pipeline) for eye in self._outputs}
        self._silent_eyes.clear()
        topics = ', '.join(subscription.topic_name for subscription in self._inputs.values())
        self.get_logger().info(
            f"'{self._segmenter.checkpoint_name}' ({self._segmenter.model_name}, branch "
            f'{self._segmenter.branch}) on {self._segmenter.device}, '
            f'backend {self._segmenter.backend}; waiting for images on {topics}'
        )

    def _subscribe(self, eye: str, pipeline: FramePipeline) -> Subscription:
        return self.create_subscription(
            Image,
            f'{eye}/image_raw',
            partial(pipeline.submit, eye),
            QoSProfile(
                history=HistoryPolicy.KEEP_LAST,
                depth=1,
                reliability=ReliabilityPolicy[self._settings['reliability'].upper()],
            ),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _deactivate(self) -> None:
        for subscription in self._inputs.values():
            self.destroy_subscription(subscription)
        self._inputs = {}
        if self._pipeline is not None:
            self._pipeline.stop()
        self._pipeline = None

    def _release(self) -> None:
        self._deactivate()
        for outputs in self._outputs.values():
            outputs.destroy()
        self._outputs = {}
        if self._segmenter is not None:
            self._segmenter.close()
        self._segmenter = None

    def _report(self) -> None:
        """Publish the diagnostics; a timer calls it, so that a dead camera is reported too."""
        array = DiagnosticArray(status=list(self._statuses()))
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _statuses(self) -> Iterator[DiagnosticStatus]:
        name = self.get_fully_qualified_name().lstrip('/')
        if self._segmenter is None:
            yield idle_status(f'{name}: model', self._problem)
            return
        yield model_status(f'{name}: model', self._segmenter)
        if self._pipeline is None:
            return
        for eye in self._inputs:
            counts = self._pipeline.counts(eye)
            summary = self._pipeline.summary(eye)
            silence = self._check_silence(eye, counts.received, summary.silence_s)
            yield eye_status(f'{name}: {eye}', counts, summary, silence)

    def _check_silence(self, eye: str, received: int, silence_s: float) -> str:
        """Explain a missing camera, and log it once until it is back."""
        if silence_s < self._settings['input_timeout_s']:
            self._silent_eyes.discard(eye)
            return ''
        topic = self._inputs[eye].topic_name
        silence = explain_silence(topic, self.count_publishers(topic), received, silence_s)
        if eye not in self._silent_eyes:
            self._silent_eyes.add(eye)
            self.get_logger().warning(silence)
        return silence
