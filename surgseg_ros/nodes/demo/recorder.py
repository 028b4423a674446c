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

"""A node that measures and records the running system against the truth of the simulator."""

from functools import partial
import os
from pathlib import Path
import platform
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.raw_images import image_to_array
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.nodes.common.parameters import NodeParameter
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.running import NodeError
from surgseg_ros.nodes.common.running import NodeFinished
from surgseg_ros.nodes.demo.bag_writer import BagWriter
from surgseg_ros.nodes.demo.instruments_csv import InstrumentsCsv
from surgseg_ros.nodes.demo.pictures import DemoPictures
from surgseg_ros.nodes.demo.pictures import encode_jpeg
from surgseg_ros.nodes.demo.summary import DemoStatistics
from surgseg_ros.nodes.demo.summary import format_summary
from surgseg_ros.nodes.demo.summary import FrameResult
from surgseg_ros.nodes.demo.summary import NANOSECONDS
from surgseg_ros.nodes.demo.summary import STAGES
from surgseg_ros.nodes.demo.summary import write_summary
from surgseg_ros.reporting.frame_pairing import FramePairing
from surgseg_ros.reporting.video_file import VideoFileError

SAVE_PERIOD_S = 1.0
DRAIN_S = 10.0
"""How long the recorder waits, after the measurement, for the last frames to be answered."""

SEGMENTATION = 'segmentation'
TRACKING = 'tracking'
TRUTH = 'ground_truth'
MODEL_KEYS = ('device', 'backend', 'branch', 'model', 'checkpoint', 'task')

# Deep queues: a recorder that falls behind for a moment must not miss a frame, and never a result.
RESULT_QOS = QoSProfile(depth=1000)
LABEL_QOS = QoSProfile(depth=30)
CAMERA_QOS = QoSProfile(depth=30, reliability=ReliabilityPolicy.BEST_EFFORT)

PARAMETERS = (
    NodeParameter(
        'output_directory',
        'demo_output',
        'Folder for the results; those of an earlier run are replaced.',
    ),
    NodeParameter(
        'duration_s',
        0.0,
        'Measure for this long by the stamps of the images (s), then exit; 0: until stopped.',
        bounds=(0.0, 86_400.0),
    ),
    NodeParameter(
        'eyes',
        ['left', 'right'],
        'Eyes to record, as the segmentation node has them.',
        choices=('left', 'right'),
    ),
    NodeParameter('video_rate_hz', 10, 'Frames a second of overlay.mp4 (Hz).', bounds=(1, 60)),
    NodeParameter(
        'bag_image_rate_hz',
        2.0,
        'At most so many camera images of each eye a second go to the bag, as JPEG (Hz).',
        bounds=(0.1, 100.0),
    ),
)


class DemoRecorderNode(Node):
    """
    Compare the segmentation with the simulator's truth and record both.

    The measurement begins once every eye has been answered, so that loading and warming up are
    not part of it. Latency is the time from the stamp of an image to the arrival of its
    instruments in this process, by the system clock that both share.
    """

    def __init__(self) -> None:
        super().__init__('demo_recorder')
        # rclpy destroys a half-made node too.
        self._is_made = False
        self._settings = ParameterTable(self, PARAMETERS)
        self._eyes: list[str] = list(dict.fromkeys(self._settings['eyes']))
        self._folder = _prepare_folder(Path(self._settings['output_directory']))
        self._bag = BagWriter(self._folder / 'bag')
        self._csv = InstrumentsCsv(self._folder / 'instruments.csv')
        self._pairing = FramePairing(self._eyes)
        self._model: dict[str, str] = {}
        self._statistics: DemoStatistics | None = None
        self._pictures: DemoPictures | None = None
        self._answered_ns = dict.fromkeys(self._eyes, 0)
        self._newest_ns = 0
        self._end_ns = 0
        self._drain_deadline: float | None = None
        self._image_size = (0, 0)
        self._bag_slots: dict[str, int] = {}
        self._offered_qos: dict[str, QoSProfile] = {}
        self._subscribe()
        self.create_timer(SAVE_PERIOD_S, self._save)
        self.create_timer(0.1, self._check_end)
        self._is_made = True
        self.get_logger().info(f'waiting for results on {self._node_topic()}/<eye>/instruments')

    def destroy_node(self) -> None:
        """Finish all files and destroy the node."""
        try:
            if self._is_made:
                self._finish_files()
        finally:
            super().destroy_node()

    def _subscribe(self) -> None:
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._listen(
            StereoInstrumentArray,
            f'{TRACKING}/stereo/instruments',
            self._on_positions,
            'stereo',
            RESULT_QOS,
        )
        for eye in self._eyes:
            self._listen(CameraInfo, f'{eye}/camera_info', self._on_camera_info, eye)
            self._listen(Image, f'{eye}/image_raw', self._on_image, eye)
            results = f'{SEGMENTATION}/{eye}'
            self._listen(Image, f'{results}/label_image', self._on_prediction, eye, LABEL_QOS)
            overlay = f'{TRACKING}/{eye}/overlay'
            self._listen(Image, overlay, self._on_overlay, eye, LABEL_QOS)
            truth = f'{TRUTH}/{eye}/label_image'
            self._listen(Image, truth, self._on_truth, eye, LABEL_QOS)
            self._listen(
                InstrumentArray, f'{results}/instruments', self._on_instruments, eye, RESULT_QOS
            )

    def _listen(
        self,
        message_type: type,
        topic: str,
        callback: Any,
        eye: str,
        qos: QoSProfile = CAMERA_QOS,
    ) -> None:
        full_name = self.resolve_topic_name(topic)
        self.create_subscription(message_type, topic, partial(callback, eye, full_name), qos)

    def _node_topic(self) -> str:
        return self.resolve_topic_name(SEGMENTATION)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Learn what runs from the node that runs it."""
        name = f'{self._node_topic().lstrip("/")}: model'
        for status in message.status:
            if status.name != name:
                continue
            if status.level == DiagnosticStatus.ERROR:
                raise NodeError(f'the segmentation node cannot work: {status.message}')
            values = {entry.key: entry.value for entry in status.values}
            if all(key in values for key in MODEL_KEYS):
                self._model = {key: values[key] for key in MODEL_KEYS}

    def _on_camera_info(self, eye: str, topic: str, message: CameraInfo) -> None:
        if self._note_frame(eye, _stamp_ns(message)):
            self._record(topic, message)

    def _on_image(self, eye: str, topic: str, message: Image) -> None:
        stamp_ns = _stamp_ns(message)
        if not self._note_frame(eye, stamp_ns):
            return
        image = self._read(image_to_array, message, topic)
        if image is None:
            return
        self._image_size = (message.width, message.height)
        self._pairing.add(stamp_ns, eye, 'image', image)
        self._finish_frame(stamp_ns)
        self._record_image(eye, topic, message, image)

    def _on_prediction(self, eye: str, topic: str, message: Image) -> None:
        self._on_labels('prediction', eye, topic, message)

    def _on_truth(self, eye: str, topic: str, message: Image) -> None:
        self._on_labels('truth', eye, topic, message)

    def _on_labels(self, part: str, eye: str, topic: str, message: Image) -> None:
        stamp_ns = _stamp_ns(message)
        if not self._note_frame(eye, stamp_ns):
            return
        labels = self._read(label_image_to_array, message, topic)
        if labels is None:
            return
        self._record(topic, message)
        parts = self._pairing.add(stamp_ns, eye, part, labels)
        if 'truth' in parts and 'prediction' in parts:
            self._compare(eye, stamp_ns, parts['truth'], parts['prediction'])
        self._finish_frame(stamp_ns)

    def _on_overlay(self, eye: str, topic: str, message: Image) -> None:
        stamp_ns = _stamp_ns(message)
        if not self._note_frame(eye, stamp_ns):
            return
        overlay = self._read(image_to_array, message, topic)
        if overlay is not None:
            self._pairing.add(stamp_ns, eye, 'overlay', overlay)
            self._finish_frame(stamp_ns)

    def _on_instruments(
        self, eye: str, topic: str, message: InstrumentArray, info: MessageInfo
    ) -> None:
        stamp_ns = _stamp_ns(message)
        self._answered_ns[eye] = max(self._answered_ns[eye], stamp_ns)
        self._start_when_ready()
        if self._statistics is None:
            return
        # The middleware's time of arrival: what this process does meanwhile must not count.
        latency_s = (info['received_timestamp'] - stamp_ns) / NANOSECONDS
        self._statistics.add_result(eye, stamp_ns, _to_result(message, latency_s))
        if self._statistics.counts(stamp_ns):
            self._csv.write(message)
            self._record(topic, message)

    def _on_positions(self, eye: str, topic: str, message: StereoInstrumentArray) -> None:
        if self._statistics is not None and self._statistics.counts(_stamp_ns(message)):
            self._csv.write_positions(message)
            self._record(topic, message)

    def _start_when_ready(self) -> None:
        if self._statistics is not None or not self._model or not all(self._answered_ns.values()):
            return
        label_set = get_label_set(self._model['task'])
        self._statistics = DemoStatistics(label_set, self._eyes)
        self._pictures = DemoPictures(self._folder, label_set, self._settings['video_rate_hz'])
        # Of frames that were on their way before this moment, some messages are already gone.
        self._statistics.start(max(self._newest_ns, *self._answered_ns.values()))
        self.get_logger().info(f'recording to {self._folder.resolve()}')

    def _note_frame(self, eye: str, stamp_ns: int) -> bool:
        """Count a frame of the camera; return whether it belongs to the measurement."""
        self._newest_ns = max(self._newest_ns, stamp_ns)
        if self._statistics is None or not self._statistics.counts(stamp_ns):
            return False
        self._statistics.add_frame(eye, stamp_ns)
        return True

    def _read(self, reader: Any, message: Image, topic: str) -> np.ndarray | None:
        try:
            return reader(message)
        except ImageFormatError as error:
            self.get_logger().warning(f'{topic}: {error}', throttle_duration_sec=5.0)
            return None

    def _compare(self, eye: str, stamp_ns: int, truth: np.ndarray, prediction: np.ndarray) -> None:
        assert self._statistics is not None
        try:
            self._statistics.add_comparison(eye, stamp_ns, truth, prediction)
        except ValueError as error:
            self.get_logger().warning(
                f'cannot compare with the truth: {error}; the simulator must publish truth of '
                f"task '{self._model['task']}' (parameter truth_task) for these images",
                throttle_duration_sec=5.0,
            )

    def _finish_frame(self, stamp_ns: int) -> None:
        frames = self._pairing.take_complete(stamp_ns)
        if frames is None:
            return
        assert self._pictures is not None
        try:
            self._pictures.add(stamp_ns, frames)
        except VideoFileError as error:
            raise NodeError(str(error)) from error

    def _record_image(self, eye: str, topic: str, message: Image, image: np.ndarray) -> None:
        """Put one image of every slot of the bag's image rate into the bag."""
        slot = int(_stamp_ns(message) * self._settings['bag_image_rate_hz'] / NANOSECONDS)
        if self._bag_slots.get(eye) == slot:
            return
        self._bag_slots[eye] = slot
        compressed = CompressedImage(
            header=message.header, format='rgb8; jpeg compressed bgr8', data=encode_jpeg(image)
        )
        self._record(f'{topic}/compressed', compressed, topic)

    def _record(self, topic: str, message: Any, published_on: str | None = None) -> None:
        """Put a message into the bag, with the QoS that its publisher offers."""
        received_ns = self.get_clock().now().nanoseconds
        if topic not in self._offered_qos:
            publishers = self.get_publishers_info_by_topic(published_on or topic)
            self._offered_qos[topic] = publishers[0].qos_profile if publishers else LABEL_QOS
        self._bag.write(topic, message, received_ns, self._offered_qos[topic])

    def _check_end(self) -> None:
        """End the measurement after its duration and leave once its frames are answered."""
        duration_s = self._settings['duration_s']
        if self._statistics is None or not duration_s:
            return
        if self._drain_deadline is None:
            if self._statistics.duration_s() < duration_s:
                return
            self._end_ns = self._newest_ns
            self._statistics.stop(self._end_ns)
            self._drain_deadline = time.monotonic() + DRAIN_S
        complete = self._statistics.answered(self._end_ns) and self._statistics.all_compared
        if complete or time.monotonic() > self._drain_deadline:
            raise NodeFinished

    def _save(self) -> None:
        if self._statistics is None:
            return
        write_summary(self._folder / 'summary.json', self._summarize(self._statistics))
        if self._pictures is not None:
            self._pictures.save_picture()

    def _finish_files(self) -> None:
        self._bag.close()
        self._csv.close()
        self._save()
        self._close_pictures()
        self._report()

    def _close_pictures(self) -> None:
        if self._pictures is None:
            return
        try:
            self._pictures.close()
        except VideoFileError as error:
            self.get_logger().error(str(error))

    def _summarize(self, statistics: DemoStatistics) -> dict[str, Any]:
        return {
            **statistics.summarize(),
            **self._model,
            'image_size': list(self._image_size),
            'complete': self._drain_deadline is not None,
            'host': {'processor': _processor_name(), 'cores': os.cpu_count()},
        }

    def _report(self) -> None:
        if self._statistics is None:
            self.get_logger().warning('stopped before every eye had a result; nothing measured')
            return
        summary = format_summary(self._summarize(self._statistics))
        self.get_logger().info(f'results in {self._folder.resolve()}:\n{summary}')


def label_image_to_array(message: Image) -> np.ndarray:
    """
    Read a label image.

    :return: (H, W) uint8 class ids, a view of the message
    :raises ImageFormatError: if it is not a well-formed ``mono8`` image
    """
    if message.encoding != 'mono8':
        raise ImageFormatError(
            'encoding', f"a label image must be 'mono8', got '{message.encoding}'"
        )
    if message.step < message.width or len(message.data) != message.step * message.height:
        raise ImageFormatError(
            'data_length',
            f'{len(message.data)} bytes with step {message.step} are no '
            f'{message.width}x{message.height} mono8 image',
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    return rows[:, : message.width]


def _prepare_folder(folder: Path) -> Path:
    """Create the output folder and remove the results of an earlier run, and nothing else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ('summary.json', 'overlay.jpg', 'overlay.mp4', 'instruments.csv'):
            (folder / name).unlink(missing_ok=True)
        bag = folder / 'bag'
        for path in (bag / 'metadata.yaml', bag / 'bag.mcap'):
            path.unlink(missing_ok=True)
        if bag.exists():
            bag.rmdir()
    except OSError as error:
        raise NodeError(
            f"cannot write to '{folder}': {error}; choose another output_directory"
        ) from error
    return folder


def _stamp_ns(message: Any) -> int:
    return _nanoseconds(message.header.stamp)


def _to_result(message: InstrumentArray, latency_s: float) -> FrameResult:
    timing = message.timing
    return FrameResult(
        latency_s=latency_s,
        node_latency_s=(_nanoseconds(timing.published) - _nanoseconds(timing.received))
        / NANOSECONDS,
        stages_s={stage: _nanoseconds(getattr(timing, stage)) / NANOSECONDS for stage in STAGES},
        dropped_before=message.frames_dropped,
    )


def _nanoseconds(time_or_duration: Any) -> int:
    return time_or_duration.sec * NANOSECONDS + time_or_duration.nanosec


def _processor_name() -> str:
    path = Path('/proc/cpuinfo')
    lines = path.read_text(encoding='utf-8').splitlines() if path.exists() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor()
