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

"""The whole demo: simulator, segmentation and recorder as the processes that a user starts."""

import csv
import json
import os
from pathlib import Path
import signal
import subprocess
import sys

import cv2
from measurements import stamp_ns
from node_process import wait_until
import numpy as np
import psutil
import pytest
from rosbags.rosbag2 import Reader
import torch

from surgseg_ros.inference.backends import installed_backends
from surgseg_ros.nodes.common.process_environment import MALLOC_VARIABLES
from surgseg_ros.nodes.demo.bag_writer import make_typestore
from surgseg_ros.nodes.demo.program import choose_camera
from surgseg_ros.nodes.demo.program import CPU_CAMERA
from surgseg_ros.nodes.demo.program import demo_environment
from surgseg_ros.nodes.demo.program import parse_arguments

WIDTH, HEIGHT = 160, 128
DURATION_S = 2.0
# After so many every topic has been heard, camera images included, which are recorded at 2 Hz.
ENOUGH_FRAMES = 12
QUEUED_FRAMES = 10
START_TIMEOUT_S = 90.0
END_TIMEOUT_S = 60.0


class DemoProcess:
    """The demo command with a small camera and a network that takes no time."""

    def __init__(self, folder, checkpoint, *options):
        self.folder = folder / 'results'
        self.log = folder / 'demo.log'
        command = [sys.executable, '-m', 'surgseg_ros.nodes.demo', '--device', 'cpu']
        command += ['--output', str(self.folder), '--checkpoint', str(checkpoint)]
        command += ['--width', str(WIDTH), '--height', str(HEIGHT), '--rate', '5', *options]
        with self.log.open('wb') as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)

    @property
    def summary(self):
        path = self.folder / 'summary.json'
        return json.loads(path.read_text(encoding='utf-8')) if path.exists() else None

    def wait(self, timeout_s=START_TIMEOUT_S + END_TIMEOUT_S):
        return self._process.wait(timeout_s)

    def wait_for_frames(self):
        def recorded():
            assert self._process.poll() is None, self.log.read_text()
            return self.summary is not None and self.summary['frames_processed'] >= ENOUGH_FRAMES

        wait_until(recorded, START_TIMEOUT_S, 'the first processed frames')

    def children(self):
        """Return the process ids of the nodes by executable."""
        children = psutil.Process(self._process.pid).children()
        return {child.cmdline()[2].split('.')[-1]: child.pid for child in children}

    def send_signal(self, signal_number):
        self._process.send_signal(signal_number)

    def close(self):
        """End what a failed test has left."""
        if self._process.poll() is None:
            self.send_signal(signal.SIGINT)
            self.wait()


@pytest.fixture
def start_demo(tmp_path, target_checkpoint):
    demos = []

    def start(*options):
        demos.append(DemoProcess(tmp_path, target_checkpoint, *options))
        return demos[-1]

    yield start
    for demo in demos:
        demo.close()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_demo_leaves_complete_and_consistent_results(start_demo):
    demo = start_demo('--duration', str(DURATION_S))
    assert demo.wait() == 0, demo.log.read_text()
    check_summary(demo.summary)
    check_table(demo.folder / 'instruments.csv', demo.summary)
    check_bag(demo.folder / 'bag', demo.summary)
    check_end(demo.folder / 'bag', demo.summary)
    assert cv2.imread(str(demo.folder / 'overlay.jpg')).shape[1] == 4 * WIDTH
    assert cv2.VideoCapture(str(demo.folder / 'overlay.mp4')).read()[0]
    text = demo.log.read_text()
    assert 'Latency' in text
    assert str(demo.folder) in text


def check_summary(summary):
    assert summary['frames_processed'] > 0
    assert summary['frames_in'] == summary['frames_processed'] + summary['frames_dropped']
    assert summary['complete']
    assert summary['duration_s'] >= DURATION_S
    assert 0.0 < summary['latency_ms']['p50'] <= summary['latency_ms']['p95']
    assert summary['latency_ms']['p95'] <= summary['latency_ms']['p99']
    assert summary['latency_ms']['p50'] >= summary['node_latency_ms']['p50']
    assert summary['throughput_hz'] <= summary['camera_rate_hz']
    assert summary['device'] == 'cpu'
    assert summary['backend'] in installed_backends(torch.device('cpu'))
    assert (summary['model'], summary['branch']) == ('color_linear', 'main')
    assert summary['image_size'] == [WIDTH, HEIGHT]
    assert set(summary['dice']) == {'binary', 'instrument'}
    assert summary['frames_compared'] > 0


def check_table(path, summary):
    with path.open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert {row['eye'] for row in rows} <= {'left', 'right', 'stereo'}
    stamps = {(row['stamp'], row['eye']) for row in rows if row['eye'] != 'stereo'}
    assert len(stamps) <= summary['frames_processed']


def check_end(path, summary):
    """Check by the stamps of the frames in the bag that the recording ended after its time."""
    typestore = make_typestore()
    with Reader(path) as reader:
        stamps = [
            stamp_ns(typestore.deserialize_cdr(raw, connection.msgtype).header.stamp) / 1e9
            for connection, _, raw in reader.messages()
            if connection.topic == '/endoscope/left/camera_info'
        ]
    excess_s = np.array(stamps) - (max(stamps) - summary['duration_s'] + DURATION_S)
    # A frame more than the time takes, and those that queue up while the recorder is kept busy.
    assert (excess_s >= 0).sum() <= 1 + QUEUED_FRAMES


def check_bag(path, summary):
    with Reader(path) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
    results = [counts[f'/endoscope/segmentation/{eye}/instruments'] for eye in ('left', 'right')]
    assert sum(results) == summary['frames_processed']
    assert counts['/endoscope/left/image_raw/compressed'] > 0
    assert counts['/endoscope/ground_truth/right/label_image'] > 0


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_stopped_early_it_keeps_what_it_has_and_ends_all_nodes(start_demo, signal_number):
    demo = start_demo('--duration', '600')
    demo.wait_for_frames()
    nodes = demo.children()
    names = ('demo_recorder', 'tracking', 'segmentation', 'endoscope_simulator')
    assert set(nodes) == {f'{name}_node' for name in names}
    demo.send_signal(signal_number)
    assert demo.wait(END_TIMEOUT_S) == 0, demo.log.read_text()
    assert not any(map(is_alive, nodes.values()))
    assert 'Traceback' not in demo.log.read_text()
    summary = demo.summary
    assert not summary['complete']
    assert summary['frames_in'] == summary['frames_processed'] + summary['frames_dropped']
    check_bag(demo.folder / 'bag', summary)


def test_a_node_that_dies_is_named_and_the_others_are_stopped(start_demo):
    demo = start_demo('--duration', '600')
    demo.wait_for_frames()
    nodes = demo.children()
    os.kill(nodes['segmentation_node'], signal.SIGKILL)
    assert demo.wait(END_TIMEOUT_S) == 1
    text = demo.log.read_text()
    assert 'segmentation_node was ended by SIGKILL' in text
    assert 'segmentation_node.log' in text
    assert 'Traceback' not in text
    assert not any(map(is_alive, nodes.values()))


def test_a_checkpoint_that_does_not_exist_is_reported_at_once(tmp_path):
    demo = DemoProcess(tmp_path, 'no_such_weights')
    assert demo.wait() == 1
    assert "checkpoint 'no_such_weights': no such file" in demo.log.read_text()
    assert not (demo.folder / 'logs' / 'endoscope_simulator_node.log').exists()
    assert demo.summary is None


def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path, target_checkpoint):
    (tmp_path / 'results').write_text('in the way')
    demo = DemoProcess(tmp_path, target_checkpoint)
    assert demo.wait() == 1
    assert 'choose another folder with --output' in demo.log.read_text()


def test_the_nodes_hear_only_each_other_unless_the_user_says_otherwise():
    environment = demo_environment({'HOME': '/root'})
    assert 1 <= int(environment['ROS_DOMAIN_ID']) <= 101
    assert environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert environment['HOME'] == '/root'
    profiles = [value for name, value in environment.items() if name.endswith('PROFILES_FILE')]
    assert len(profiles) == 1
    assert Path(profiles[0]).name == 'fastdds_large_images.xml'
    assert Path(profiles[0]).is_file()
    assert MALLOC_VARIABLES.items() <= environment.items()


def test_what_the_user_has_set_stays():
    mine = {
        'ROS_DOMAIN_ID': '7',
        'FASTRTPS_DEFAULT_PROFILES_FILE': '/mine.xml',
        'MALLOC_TOP_PAD_': '1',
    }
    environment = demo_environment(mine)
    assert mine.items() <= environment.items()
    assert 'FASTDDS_DEFAULT_PROFILES_FILE' not in environment


def test_the_camera_follows_from_the_device_and_the_options():
    camera = choose_camera(parse_arguments(['--device', 'cpu', '--rate', '3']))
    assert camera == CPU_CAMERA._replace(rate_hz=3.0)


def test_a_duration_that_is_not_positive_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(['--duration', '0'])
    assert 'must be greater than 0' in capsys.readouterr().err
