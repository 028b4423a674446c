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

"""What the workers survive and how they overlap; test/ros has the frames that go well."""

from collections.abc import Callable
import shutil
import threading
import time

import pytest

rclpy = pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
import numpy as np  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from surgseg_ros.inference.segmenter import Segmenter  # noqa: E402
from surgseg_ros.nodes.common.parameters import ParameterTable  # noqa: E402
from surgseg_ros.nodes.common.problem_log import LONGEST_TEXT  # noqa: E402
from surgseg_ros.nodes.messages.images import array_to_image  # noqa: E402
from surgseg_ros.nodes.segmentation.camera_input import CameraInput  # noqa: E402
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs  # noqa: E402
from surgseg_ros.nodes.segmentation.node import SegmentationNode  # noqa: E402
from surgseg_ros.nodes.segmentation.parameters import PARAMETERS  # noqa: E402
from surgseg_ros.nodes.segmentation.pipeline import FramePipeline  # noqa: E402
from surgseg_ros.nodes.segmentation.segmenter_loader import SegmenterLoader  # noqa: E402

TIMEOUT_S = 30.0


class FailingSegmenter(Segmenter):
    """A network whose device has failed, as no test can make a real one do."""

    closed = False

    def segment(self, images, confidence=False, variant=None):
        raise RuntimeError('CUDA error: an illegal memory access was encountered' + 1000 * '.')

    def close(self):
        self.closed = True
        super().close()


class CountingSegmenter(Segmenter):
    """A network that counts its runs, and notes when it is closed."""

    runs = 0
    closed = False

    def segment(self, images, confidence=False, variant=None):
        assert not self.closed
        segmentations = super().segment(images, confidence, variant)
        self.runs += 1
        return segmentations

    def close(self):
        self.closed = True
        super().close()


class GpuSegmenter(CountingSegmenter):
    """A network that leaves the CPU alone, as the computer of a test need not have one."""

    @property
    def device(self):
        return 'cuda:0'


class GatedOutputs(EyeOutputs):
    """Outputs that keep each result until it is let through."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.gate = threading.Semaphore(0)
        self.arrived = 0
        self.published = []
        self.failure: Exception | None = None

    def publish_result(self, *arguments):
        self.arrived += 1
        assert self.gate.acquire(timeout=TIMEOUT_S)
        if self.failure is not None:
            raise self.failure
        result, array = super().publish_result(*arguments)
        self.published.append(array)
        return result, array

    def let_through(self, count=1):
        self.gate.release(count)


@pytest.fixture
def build(context):
    """Return a function that starts a pipeline of one eye, with its camera."""
    running = []

    def start(segmenter, recover=lambda error: None, make_outputs=EyeOutputs):
        node = rclpy.lifecycle.LifecycleNode('segmentation', context=context)
        table = ParameterTable(node, PARAMETERS)
        outputs = make_outputs(node, 'left', table)
        pipeline = FramePipeline(node, segmenter, {'left': outputs}, table, recover)
        pipeline.start()
        running.append((node, pipeline, outputs))
        return CameraInput(node, 'left', table, pipeline, outputs), pipeline, outputs, node

    yield start
    for node, pipeline, outputs in running:
        if isinstance(outputs, GatedOutputs):
            outputs.let_through(100)
        pipeline.stop()
        node.destroy_node()


@pytest.fixture
def start_pipeline(build, red_checkpoint):
    """Return a function that starts a pipeline with a failing network."""

    def start(recover=lambda error: None):
        segmenter = FailingSegmenter(red_checkpoint, 'cpu', backend='torch')
        camera, pipeline, *_ = build(segmenter, recover)
        return pipeline, camera, segmenter

    return start


@pytest.fixture
def start_gated(build, red_checkpoint):
    """Return a function that starts a pipeline of a kind of network and gated outputs."""

    def start(kind):
        segmenter = kind(red_checkpoint, 'cpu')
        camera, pipeline, outputs, _ = build(segmenter, make_outputs=GatedOutputs)
        return pipeline, camera, outputs, segmenter

    return start


def make_frame():
    return array_to_image(np.zeros((24, 32, 3), np.uint8), 'rgb8', Header(frame_id='camera'))


def wait_for(condition: Callable[[], object]):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def wait_until_done(pipeline):
    """Wait until the workers are done with all frames, and return the counters."""
    wait_for(lambda: pipeline.slots.counts('left').pending == 0)
    return pipeline.slots.counts('left')


def process(camera, pipeline):
    """Receive a frame and wait until the workers are done with it."""
    camera.receive(make_frame())
    return wait_until_done(pipeline)


def test_failed_inferences_are_counted_and_survived(start_pipeline):
    pipeline, camera, _ = start_pipeline()
    for number in (1, 2, 3):
        assert process(camera, pipeline).rejected == number
    assert pipeline.failures_in_a_row == 3
    summary = pipeline.statistics['left'].summary()
    assert summary.rejected == {'inference': 3}
    assert summary.last_error.startswith('RuntimeError: CUDA error')
    assert len(summary.last_error) < LONGEST_TEXT + 10


def test_a_replacement_goes_on_after_a_failure(start_pipeline, red_checkpoint):
    replacements = [Segmenter(red_checkpoint, 'cpu', backend='torch')]
    pipeline, camera, failed = start_pipeline(
        lambda error: replacements.pop() if replacements else None
    )
    assert process(camera, pipeline).rejected == 1
    counts = process(camera, pipeline)
    assert (counts.processed, counts.rejected) == (1, 1)
    assert pipeline.failures_in_a_row == 0
    assert failed.closed


def test_a_frame_with_an_impossible_stamp_never_waits(start_pipeline):
    pipeline, camera, _ = start_pipeline()
    for sec, nanosec in ((-1, 0), (0, 1_000_000_000)):
        msg = make_frame()
        msg.header.stamp.sec, msg.header.stamp.nanosec = sec, nanosec
        camera.receive(msg)
    assert pipeline.statistics['left'].summary().rejected == {'stamp': 2}
    assert pipeline.slots.counts('left').rejected == 2


def test_a_frame_of_endless_data_never_waits(build, red_checkpoint):
    camera, pipeline, _, node = build(Segmenter(red_checkpoint, 'cpu', backend='torch'))
    node.set_parameters([Parameter('max_image_pixels', value=10)])
    camera.receive(Image(width=1, height=1, step=3, encoding='rgb8', data=bytes(81)))
    assert pipeline.statistics['left'].summary().rejected == {'too_large': 1}


def hold_one_result(camera, outputs):
    camera.receive(make_frame())
    wait_for(lambda: outputs.arrived == 1)


def places(outputs):
    return [(array.frame_index, array.frames_dropped) for array in outputs.published]


def test_the_next_batch_is_inferred_while_the_last_one_is_published(start_gated):
    pipeline, camera, outputs, segmenter = start_gated(GpuSegmenter)
    hold_one_result(camera, outputs)
    camera.receive(make_frame())
    wait_for(lambda: segmenter.runs == 2)
    # One finished batch waits; the network does not begin with what would wait behind it.
    camera.receive(make_frame())
    camera.receive(make_frame())
    counts = pipeline.slots.counts('left')
    assert (counts.received, counts.replaced, counts.pending) == (4, 1, 3)
    outputs.let_through(3)
    wait_until_done(pipeline)
    assert places(outputs) == [(0, 0), (1, 0), (2, 1)]


def test_overlapping_batches_keep_the_order_of_the_frames(start_gated):
    pipeline, camera, outputs, _ = start_gated(GpuSegmenter)
    outputs.let_through(200)
    for number in range(200):
        msg = make_frame()
        msg.header.stamp.sec = number + 1
        camera.receive(msg)
    counts = wait_until_done(pipeline)
    stamps = [array.header.stamp.sec for array in outputs.published]
    assert counts.processed == len(stamps)
    assert stamps == sorted(set(stamps))
    assert stamps[-1] == 200
    assert [index for index, _ in places(outputs)] == list(range(len(stamps)))


def test_on_the_cpu_a_batch_is_published_before_the_next_one_begins(start_gated):
    pipeline, camera, outputs, segmenter = start_gated(CountingSegmenter)
    hold_one_result(camera, outputs)
    camera.receive(make_frame())
    camera.receive(make_frame())
    assert pipeline.slots.counts('left').replaced == 1
    assert segmenter.runs == 1
    outputs.let_through(2)
    wait_until_done(pipeline)
    assert places(outputs) == [(0, 0), (1, 1)]


def test_a_result_names_its_network_which_may_be_closed_by_then(
    start_gated, red_checkpoint, tmp_path
):
    pipeline, camera, outputs, old = start_gated(GpuSegmenter)
    hold_one_result(camera, outputs)
    new = GpuSegmenter(shutil.copy(red_checkpoint, tmp_path / 'new.safetensors'), 'cpu')
    pipeline.exchange(new)
    camera.receive(make_frame())
    wait_for(lambda: new.runs == 1)
    assert old.closed
    outputs.let_through(2)
    wait_until_done(pipeline)
    names = [array.model for array in outputs.published]
    assert names == [old.checkpoint_name, new.checkpoint_name]
    assert not new.closed


def test_the_batches_at_work_are_published_before_the_end(start_gated):
    pipeline, camera, outputs, segmenter = start_gated(GpuSegmenter)
    hold_one_result(camera, outputs)
    camera.receive(make_frame())
    wait_for(lambda: segmenter.runs == 2)
    camera.receive(make_frame())
    end = threading.Thread(target=pipeline.stop)
    end.start()
    wait_for(lambda: pipeline.slots.counts('left').stale == 1)
    outputs.let_through(2)
    end.join(TIMEOUT_S)
    assert not end.is_alive()
    assert places(outputs) == [(0, 0), (1, 0)]
    assert pipeline.slots.counts('left').pending == 0


def test_a_failed_publication_is_a_rejection(start_gated):
    pipeline, camera, outputs, _ = start_gated(CountingSegmenter)
    outputs.let_through(2)
    outputs.failure = RuntimeError('the publisher is gone')
    assert process(camera, pipeline).rejected == 1
    assert pipeline.statistics['left'].summary().rejected == {'publication': 1}
    outputs.failure = None
    process(camera, pipeline)
    assert places(outputs) == [(0, 1)]


def test_too_many_failures_deactivate_the_node(monkeypatch, red_checkpoint):
    monkeypatch.setattr(SegmenterLoader, 'load', make_failing_segmenter)
    arguments = ['--ros-args', '-p', f'checkpoint:={red_checkpoint}', '-p', 'eyes:=[left]']
    rclpy.init(args=[*arguments, '-p', 'max_consecutive_errors:=2'])
    executor = SingleThreadedExecutor()
    node = SegmentationNode()
    executor.add_node(node)
    statuses = []
    node.create_subscription(DiagnosticArray, '/diagnostics', statuses.append, 10)
    camera = node.create_publisher(Image, 'left/image_raw', 1)

    def has_unsubscribed():
        camera.publish(make_frame())
        executor.spin_once(timeout_sec=0.05)
        return statuses and camera.get_subscription_count() == 0

    def has_reported():
        executor.spin_once(timeout_sec=0.05)
        return any('deactivated after' in s.message for msg in statuses for s in msg.status)

    try:
        wait_for(has_unsubscribed)
        wait_for(has_reported)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown()


def make_failing_segmenter(loader, checkpoint):
    return FailingSegmenter(checkpoint, 'cpu')
