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


"""A node that publishes a simulated stereo endoscope as a camera driver would."""

import time
from typing import Any

from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.cameras.publisher import CameraPublisher
from surgseg_ros.nodes.cameras.publisher import create_reliable_publisher
from surgseg_ros.nodes.cameras.simulator_truth import truth_instruments
from surgseg_ros.nodes.cameras.simulator_truth import truth_tips
from surgseg_ros.nodes.common.parameters import NodeParameter
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.running import NodeError
from surgseg_ros.nodes.messages.camera_info import make_camera_info
from surgseg_ros.nodes.messages.images import array_to_image
from surgseg_ros.simulation import EyeFrame
from surgseg_ros.simulation import RenderingError
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoCamera
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation.options import CHOICES
from surgseg_ros.simulation.options import EYES
from surgseg_ros.simulation.options import LIMITS

QUEUE_DEPTH = 5
WARNING_PERIOD_S = 30.0

_DESCRIPTIONS = {
    'seed': 'Decides anatomy, instruments, motion and noise; equal seeds give equal images.',
    'width': 'Width of one image in pixels.',
    'height': 'Height of one image in pixels.',
    'rate_hz': 'Images a second, if rendering keeps up; also the pace of the simulated motion.',
    'num_instruments': 'Number of instruments.',
    'instrument_types': "Class names of the task 'types', one an instrument; empty: random.",
    'instrument_scale': 'Thickness of the instruments relative to those of 8.4 mm.',
    'motion': 'Speed and extent of the motion of the instruments.',
    'camera_motion': 'How far the endoscope wanders about, in m.',
    'distance': 'Distance of the tissue along the optical axis, in m.',
    'tilt': "Angle between the optical axis and the tissue's normal, in rad.",
    'tissue': 'Kind of the main organ.',
    'second_tissue': 'Kind of the organ beside it.',
    'vessels': 'Density of the vessels.',
    'wetness': 'Strength of the highlights on tissue.',
    'shaft_brightness': 'Shafts from black (0) to bright metal (1).',
    'tool_blood': 'Blood on the instruments.',
    'blood': 'Share of the tissue that is under blood.',
    'smoke': 'Density of the smoke.',
    'defocus': 'Blur radius in pixels of a 640 pixels wide image.',
    'motion_blur': 'Length of the smear in pixels of a 640 pixels wide image.',
    'noise': 'Standard deviation of the sensor noise in gray levels of 255.',
    'vignetting': 'Darkening of the corners.',
    'black_border': 'Shape of the field of view.',
    'exposure': 'Gain relative to a well exposed image.',
    'grayscale': 'Make all channels equal.',
    'jpeg_quality': 'Compress and decompress every image; 0: do not.',
    'threads': 'Number of suture threads.',
    'needles': 'Number of curved needles.',
    'gauzes': 'Number of white patches.',
    'clips': 'Number of metal clips.',
    'backdrop': 'What lies behind the instruments.',
    'probes': 'Number of drop-in ultrasound probes.',
    'suctions': 'Number of suction tubes.',
    'cannulas': 'Number of mouths of trocars.',
    'retractors': 'Number of dark knitted bodies.',
    'drains': 'Number of silicone drains.',
    'vessel_loops': 'Number of colored bands.',
    'polymer_clips': 'Number of purple or white clips.',
    'towels': 'Number of colored cloths.',
    'bubbles': 'Number of drops on the surface.',
    'sharpening': 'Edge enhancement of the camera.',
    'bloom': 'Glare around what is too bright.',
    'black_level': 'Display value of black; below 0 dark areas are cut off.',
    'color_cast': 'Color of the light.',
    'chroma_noise': 'Standard deviation of blotches of color in gray levels of 255.',
    'near_infrared': 'Look of near infrared images: gray, hard and grainy.',
    'misregistration': 'Shift between color channels in pixels of a 640 pixels wide image.',
    'fog': 'Condensation on the lens of one eye.',
    'lens_dirt': 'Drops and smears on the lens of one eye.',
    'interlacing': 'Shift between even and odd lines in pixels of a 640 pixels wide image.',
    'video_compression': 'Loss of detail and blocks of a small video stream.',
    'overlay': 'What a console draws over the image; what it hides is labeled background.',
    'bodies': 'How many rounded organs, loops and cords lie on the surface.',
    'char': 'What cautery has burnt.',
    'texture': 'Fineness of the wet structure of tissue: 0 smooth, 1 rough.',
    'shadow': 'Darkness of the shadows that objects throw.',
    'shadow_softness': 'Of the edges of shadows: 0 sharp, 1 blurred.',
    'stray_shadows': 'Number of shadows of things that are out of view.',
    'fill_fenestrations': 'Label the openings of jaws as jaw, as the EndoVis annotations do.',
}
"""Scene options that are parameters of the node, with their descriptions."""


def _scene_parameter(name: str, description: str, default: Any) -> NodeParameter:
    choices = CHOICES.get(name, ())
    if isinstance(default, tuple):
        # An empty list has no type in ROS 2; an empty name stands for it.
        default, choices = [*default] or [''], ('', *choices)
    if name == 'seed':
        return NodeParameter(name, default, description, bounds=(0, 2**62))
    return NodeParameter(name, default, description, bounds=LIMITS.get(name), choices=choices)


PARAMETERS = (
    *(
        _scene_parameter(name, description, getattr(SceneOptions, name))
        for name, description in _DESCRIPTIONS.items()
    ),
    NodeParameter(
        'randomize',
        False,
        'Draw every option that is left at its default from the standard ranges.',
    ),
    NodeParameter(
        'truth_task',
        'parts',
        'Label set of the ground truth label images.',
        choices=('binary', 'parts', 'types'),
    ),
    NodeParameter('encoding', 'rgb8', 'Encoding of the images.', choices=('rgb8', 'bgr8')),
    NodeParameter('left_frame_id', 'endoscope_left_optical_frame', 'frame_id of the left images.'),
    NodeParameter(
        'right_frame_id', 'endoscope_right_optical_frame', 'frame_id of the right images.'
    ),
)

_NOT_DRAWN = ('seed', 'width', 'height', 'rate_hz', 'fill_fenestrations')


class TruthPublisher:
    """
    Publish the ground truth of one eye, each topic only while somebody subscribes.

    :param node: owns the publishers
    :param eye: ``'left'`` or ``'right'``
    :param task: label set of the label image
    """

    def __init__(self, node: Node, eye: str, task: str) -> None:
        self._eye = eye
        self._task = task
        topic = f'ground_truth/{eye}'
        self._labels = create_reliable_publisher(node, Image, f'{topic}/label_image', QUEUE_DEPTH)
        self._instances = create_reliable_publisher(
            node, Image, f'{topic}/instance_image', QUEUE_DEPTH
        )
        self._instruments = create_reliable_publisher(
            node, InstrumentArray, f'{topic}/instruments', QUEUE_DEPTH
        )
        self._tips = create_reliable_publisher(node, PoseArray, f'{topic}/tips', QUEUE_DEPTH)

    def publish(self, frame: EyeFrame, index: int, header: Header) -> None:
        """
        Publish the truth of one image.

        :param frame: what the eye sees
        :param index: frame number
        :param header: of the image
        """
        if self._labels.get_subscription_count():
            self._labels.publish(array_to_image(frame.labels[self._task], 'mono8', header))
        if self._instances.get_subscription_count():
            self._instances.publish(array_to_image(frame.labels['instance'], 'mono8', header))
        if self._instruments.get_subscription_count():
            self._instruments.publish(truth_instruments(frame, self._eye, index, header))
        if self._tips.get_subscription_count():
            self._tips.publish(truth_tips(frame, header))


class EndoscopeSimulatorNode(Node):
    """
    Publish ``left`` and ``right`` images, calibration and ground truth at a steady rate.

    Every frame advances the simulated time by one period. Both eyes of a frame carry the same
    stamp, the time of publication, and the ground truth carries the header of its image.

    :raises NodeError: if the scene cannot be rendered on this computer
    """

    def __init__(self) -> None:
        super().__init__('endoscope_simulator')
        # rclpy destroys a half-made node too.
        self._simulator: StereoEndoscopeSimulator | None = None
        self._settings = ParameterTable(self, PARAMETERS)
        try:
            simulator = StereoEndoscopeSimulator(self._scene_options())
        except (ValueError, RenderingError) as error:
            raise NodeError(f'cannot simulate: {error}') from error
        self._simulator = simulator
        self._cameras = {
            eye: self._create_camera(eye, simulator.camera) for eye in simulator.options.eyes
        }
        self._truths = {
            eye: TruthPublisher(self, eye, self._settings['truth_task'])
            for eye in simulator.options.eyes
        }
        self._period_s = 1 / simulator.options.rate_hz
        self.create_timer(self._period_s, self._publish_next)
        self.get_logger().info(
            f'simulating {simulator.camera.width}x{simulator.camera.height} pixels '
            f'at {simulator.options.rate_hz:g} Hz, seed {simulator.options.seed}'
        )

    def destroy_node(self) -> None:
        """Free the renderer and destroy the node."""
        if self._simulator is not None:
            self._simulator.close()
        super().destroy_node()

    def _scene_options(self) -> SceneOptions:
        given = {name: self._settings[name] for name in _DESCRIPTIONS}
        given['instrument_types'] = tuple(filter(None, given['instrument_types']))
        if not self._settings['randomize']:
            return SceneOptions(**given)
        kept = {
            name: value
            for name, value in given.items()
            if name in _NOT_DRAWN or value != getattr(SceneOptions, name)
        }
        return SceneOptions.randomized(**kept)

    def _create_camera(self, eye: str, camera: StereoCamera) -> CameraPublisher:
        offset = camera.baseline * EYES.index(eye)
        info = make_camera_info(
            camera.width,
            camera.height,
            camera.fx,
            camera.fy,
            camera.cx,
            camera.cy,
            baseline_px_tx=-camera.fx * offset,
        )
        return CameraPublisher(
            self, eye, self._settings['encoding'], self._settings[f'{eye}_frame_id'], info
        )

    def _publish_next(self) -> None:
        if self._simulator is None:
            return
        start = time.monotonic()
        frame = self._simulator.step()
        rendering_s = time.monotonic() - start
        stamp = self.get_clock().now().to_msg()
        for eye, view in frame.eyes.items():
            self._cameras[eye].publish(view.image, stamp)
            header = Header(stamp=stamp, frame_id=self._settings[f'{eye}_frame_id'])
            self._truths[eye].publish(view, frame.index, header)
        if rendering_s > self._period_s:
            self.get_logger().warning(
                f'a frame takes {1e3 * rendering_s:.0f} ms to render, too long for '
                f'{1 / self._period_s:g} Hz; lower rate_hz, width or height',
                throttle_duration_sec=WARNING_PERIOD_S,
            )
