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

"""The launch files, with the real launch where it is installed."""

from collections.abc import Iterator
import json
import os
from pathlib import Path
import re
import signal
import sys

import cv2
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from lifecycle_msgs.srv import GetState
import numpy as np
import pytest
from rcl_interfaces.srv import GetParameters
from sensor_msgs.msg import Image
import yaml

REASON = 'ROS 2 launch is not installed; it comes with ROS 2 and is not on PyPI'
launch = pytest.importorskip('launch', reason=REASON)
pytest.importorskip('launch_ros', reason=REASON)

from launch.actions import DeclareLaunchArgument  # noqa: E402
from launch.actions import SetEnvironmentVariable  # noqa: E402
from launch.launch_description_sources import get_launch_description_from_python_launch_file  # noqa: E402
from launch_process import LaunchProcess  # noqa: E402
from node_process import wait_until  # noqa: E402
from rig import next_header  # noqa: E402
from targets import draw_target  # noqa: E402
from targets import make_image  # noqa: E402
from targets import paint  # noqa: E402

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / 'launch'
FILES = ('segmentation.launch.py', 'demo.launch.py', 'video.launch.py')
READY = 'waiting for images'
TIMEOUT_S = 120.0
ANSWER_TIMEOUT_S = 2.0
RVIZ = f"""#!{sys.executable}
import json
import os
import sys

with open(os.environ['ARGUMENTS_OF_RVIZ'], 'w') as file:
    json.dump(sys.argv, file)
"""


def load(name):
    return get_launch_description_from_python_launch_file(str(FOLDER / name))


def arguments_of(name):
    return {
        entity.name: entity
        for entity in load(name).entities
        if isinstance(entity, DeclareLaunchArgument)
    }


@pytest.fixture
def start(tmp_path) -> Iterator:
    """
    Return ``start(name, *arguments, **environment)``, which starts a launch file.

    Those that still run at the end of the test get Ctrl-C and must end cleanly.
    """
    processes = []

    def start_file(name, *arguments, **environment):
        output = tmp_path / f'{name}_{len(processes)}.log'
        processes.append(LaunchProcess(FOLDER / name, arguments, output, environment))
        return processes[-1]

    try:
        yield start_file
        for process in processes:
            if process.is_running():
                process.stop()
    finally:
        for process in processes:
            process.kill()


@pytest.fixture
def run(start):
    """Return ``run(name, *arguments)``, which runs a launch file to its end and returns output."""

    def run_file(name, *arguments, **environment):
        process = start(name, *arguments, **environment)
        assert process.wait_for_exit(TIMEOUT_S) == 0, process.output
        return process.output

    return run_file


@pytest.fixture
def start_segmentation(start, station, target_checkpoint):
    """Return ``start_segmentation(*arguments)``; the node gets the namespace of the station."""

    def start_node(*arguments):
        return start(
            'segmentation.launch.py',
            f'namespace:={station.namespace}',
            f'checkpoint:={target_checkpoint}',
            'device:=cpu',
            *arguments,
        )

    return start_node


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described(name):
    for argument in arguments_of(name).values():
        assert argument.description, argument.name
        assert argument.description != 'no description given', argument.name


def test_the_robot_computer_has_its_arguments():
    assert list(arguments_of('segmentation.launch.py')) == [
        'namespace',
        'rig',
        'params_file',
        'tracking',
        'tracking_params_file',
        'checkpoint',
        'branch',
        'device',
        'eyes',
        'image_transport',
        'crop',
        'autostart',
        'respawn',
        'use_sim_time',
        'use_large_image_profile',
        'tune_malloc',
        'log_level',
        'rviz',
    ]


def environment_set_by(name):
    return {
        ''.join(part.text for part in entity.name): ''.join(part.text for part in entity.value)
        for entity in load(name).entities
        if isinstance(entity, SetEnvironmentVariable)
    }


def test_the_profile_for_large_images_is_set(monkeypatch):
    for variable in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        monkeypatch.delenv(variable, raising=False)
    variables = environment_set_by('segmentation.launch.py')
    (profile,) = (value for name, value in variables.items() if name.endswith('PROFILES_FILE'))
    assert Path(profile).is_file()
    assert 'MALLOC_TRIM_THRESHOLD_' in variables


def test_a_profile_of_the_user_stays(monkeypatch):
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/mine.xml')
    variables = environment_set_by('segmentation.launch.py')
    assert not any(name.endswith('PROFILES_FILE') for name in variables)


def test_the_demo_runs_to_its_end(run, tmp_path, target_checkpoint):
    folder = tmp_path / 'results'
    output = run(
        'demo.launch.py',
        f'output:={folder}',
        'duration:=1.0',
        'width:=160',
        'height:=128',
        f'checkpoint:={target_checkpoint}',
        'truth_task:=binary',
        'device:=cpu',
    )
    summary = json.loads((folder / 'summary.json').read_text(encoding='utf-8'))
    assert summary['complete']
    assert summary['frames_processed'] > 0
    assert summary['model'] == 'color_linear'
    assert (folder / 'bag' / 'metadata.yaml').is_file()
    assert len(re.findall('process has finished cleanly', output)) == 4, output


def test_a_recording_is_played_to_its_end_with_the_parameters_of_a_file(
    run, tmp_path, target_checkpoint
):
    (tmp_path / 'frames').mkdir()
    for index in range(3):
        image = np.full((24, 32, 3), (10, 10, 250), np.uint8)
        assert cv2.imwrite(str(tmp_path / 'frames' / f'{index}.png'), image)
    parameters = tmp_path / 'mine.yaml'
    content = {'/**/segmentation': {'ros__parameters': {'checkpoint': str(target_checkpoint)}}}
    parameters.write_text(yaml.safe_dump(content), encoding='utf-8')
    output = run(
        'video.launch.py',
        f'left:={tmp_path / "frames"}',
        f'params_file:={parameters}',
        'namespace:=jhu_daVinci',
        'rate:=5.0',
    )
    assert 'color_linear' in output
    assert 'waiting for images on /jhu_daVinci/left/image_raw\n' in output
    assert 'end of the recording after 3 frames' in output, output
    assert len(re.findall('process has finished cleanly', output)) == 3, output


class StateClient:
    """The state of the node as ``ros2 lifecycle get`` and ``set`` see it."""

    def __init__(self, station):
        self._station = station
        self._get = station.node.create_client(GetState, 'segmentation/get_state')

    def wait_for(self, label):
        wait_until(lambda: self._ask() == label, TIMEOUT_S, f'the state {label}')

    def change(self, transition_id):
        request = ChangeState.Request(transition=Transition(id=transition_id))
        return self._station.call_once(ChangeState, 'segmentation/change_state', request).success

    def _ask(self):
        """Return the state, or nothing: DDS still knows a killed node for a while."""
        future = self._get.call_async(GetState.Request())
        try:
            wait_until(future.done, ANSWER_TIMEOUT_S, 'an answer')
        except AssertionError:
            self._get.remove_pending_request(future)
            return ''
        return future.result().current_state.label


def sees_an_image_of(station, topic):
    """Send images to a topic until the label image of one with the same header comes."""
    camera = station.advertise(Image, topic)
    labels = station.listen(Image, 'segmentation/left/label_image')
    mask = draw_target(64, 48, (32, 24), (20, 8), 0)

    def answered():
        header = next_header()
        camera.publish(make_image(paint(mask), header))
        try:
            answer = labels.wait_for_header(header, ANSWER_TIMEOUT_S)
        except AssertionError:
            return False
        return np.array_equal(np.frombuffer(answer.data, np.uint8).reshape(48, 64), mask)

    wait_until(answered, TIMEOUT_S, f'the label image of an image on {topic}')
    station.node.destroy_publisher(camera)


def test_the_states_can_be_changed_by_hand(start_segmentation, station):
    process = start_segmentation('autostart:=false')
    client = StateClient(station)
    client.wait_for('unconfigured')
    assert client.change(Transition.TRANSITION_CONFIGURE)
    client.wait_for('inactive')
    assert client.change(Transition.TRANSITION_ACTIVATE)
    client.wait_for('active')
    assert client.change(Transition.TRANSITION_DEACTIVATE)
    assert client.change(Transition.TRANSITION_CLEANUP)
    client.wait_for('unconfigured')
    process.stop()
    assert 'process has finished cleanly' in process.output, process.output


def test_a_rig_leads_the_node_to_its_cameras(start_segmentation, station):
    process = start_segmentation('rig:=jhu_daVinci')
    process.wait_for_output(
        f'{READY} on /jhu_daVinci/left/image_raw, /jhu_daVinci/right/image_raw'
    )
    sees_an_image_of(station, '/jhu_daVinci/left/image_raw')


def test_a_mono_rig_starts_one_eye(start_segmentation):
    process = start_segmentation('rig:=gscam')
    process.wait_for_output(f'{READY} on /camera/image_raw\n')


def test_transport_and_crop_reach_the_node(start_segmentation, station):
    process = start_segmentation('rig:=sitl_ecm', 'crop:=[2, 4, 32, 24]')
    process.wait_for_output(f'{READY} on /ecm/left/image_color, /ecm/right/image_color')
    request = GetParameters.Request(names=['image_transport', 'crop'])
    transport, crop = station.call(GetParameters, 'segmentation/get_parameters', request).values
    assert transport.string_value == 'compressed'
    assert list(crop.integer_array_value) == [2, 4, 32, 24]


def test_an_argument_goes_before_the_rig(start_segmentation):
    process = start_segmentation('rig:=jhu_daVinci_compressed', 'image_transport:=raw')
    process.wait_for_output(f'{READY} on /jhu_daVinci/left/image_raw, ')


def test_an_unknown_rig_is_refused_with_the_known_ones(start_segmentation):
    process = start_segmentation('rig:=jhu_davinci')
    assert process.wait_for_exit() != 0
    assert '"jhu_davinci" is not valid' in process.output, process.output
    assert "'jhu_daVinci', " in process.output


def test_a_killed_node_is_started_again_and_works(start_segmentation, station):
    process = start_segmentation('respawn:=true', 'tracking:=false')
    process.wait_for_output(READY)
    sees_an_image_of(station, 'left/image_raw')
    os.kill(process.node_pids[0], signal.SIGKILL)
    process.wait_for_output(READY, count=2)
    assert len(set(process.node_pids)) == 2
    StateClient(station).wait_for('active')
    sees_an_image_of(station, 'left/image_raw')
    process.stop()
    assert len(process.node_pids) == 2, 'it was started again at the end'


@pytest.mark.parametrize('rig', ['', 'stereo'])
def test_rviz_gets_every_topic_of_its_configuration_remapped(start, tmp_path, rig):
    prefix = tmp_path / 'prefix'
    executable = prefix / 'lib' / 'rviz2' / 'rviz2'
    executable.parent.mkdir(parents=True)
    executable.write_text(RVIZ, encoding='utf-8')
    executable.chmod(0o755)
    index = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'rviz2').touch()
    arguments = tmp_path / 'arguments.json'
    process = start(
        'segmentation.launch.py',
        *('rviz:=true', 'autostart:=false', 'namespace:=or_1', f'rig:={rig}'),
        AMENT_PREFIX_PATH=os.pathsep.join([str(prefix), os.environ['AMENT_PREFIX_PATH']]),
        ARGUMENTS_OF_RVIZ=str(arguments),
    )
    process.wait_for_output('[rviz2-3]: process has finished cleanly')
    _, *words = json.loads(arguments.read_text(encoding='utf-8'))
    configuration = Path(words[words.index('-d') + 1])
    assert configuration.read_bytes() == (CHECKOUT / 'config/segmentation.rviz').read_bytes()
    rules = dict(word.split(':=') for word in words if ':=' in word)
    assert rules.pop('__ns') == '/or_1'
    content = yaml.safe_load(configuration.read_text(encoding='utf-8'))
    shown = {display['Topic']['Value'] for display in content['Visualization Manager']['Displays']}
    assert shown <= set(rules)
    assert rules['/endoscope/segmentation/left/color'] == 'segmentation/left/color'
    assert rules['/endoscope/segmentation/left/camera_info'] == 'segmentation/left/camera_info'
    camera = '/stereo/left/image' if rig else 'left/image_raw'
    assert rules['/endoscope/left/image_raw'] == camera
