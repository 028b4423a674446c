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

import json
import os
from pathlib import Path
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

REASON = 'ROS 2 launch is not installed; it comes with ROS 2 and is not on PyPI'
launch = pytest.importorskip('launch', reason=REASON)
pytest.importorskip('launch_ros', reason=REASON)

from launch.actions import DeclareLaunchArgument  # noqa: E402
from launch.actions import SetEnvironmentVariable  # noqa: E402
from launch.launch_description_sources import get_launch_description_from_python_launch_file  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / 'launch'
FILES = ('segmentation.launch.py', 'demo.launch.py', 'video.launch.py')
TIMEOUT_S = 120.0
RUNNER = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

path, *arguments = sys.argv[1:]
service = LaunchService()
service.include_launch_description(
    LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(path),
                launch_arguments=[argument.split(':=', 1) for argument in arguments],
            )
        ]
    )
)
sys.exit(service.run())
"""


def load(name):
    return get_launch_description_from_python_launch_file(str(FOLDER / name))


def arguments_of(name):
    return {
        entity.name: entity
        for entity in load(name).entities
        if isinstance(entity, DeclareLaunchArgument)
    }


def run(name, *arguments, **environment):
    """Run a launch file in a process and return what it printed."""
    result = subprocess.run(
        [sys.executable, '-c', RUNNER, str(FOLDER / name), *arguments],
        env={**os.environ, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described(name):
    for argument in arguments_of(name).values():
        assert argument.description, argument.name
        assert argument.description != 'no description given', argument.name


def test_the_robot_computer_has_its_arguments():
    assert list(arguments_of('segmentation.launch.py')) == [
        'namespace',
        'params_file',
        'checkpoint',
        'branch',
        'device',
        'eyes',
        'autostart',
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


def test_the_demo_runs_to_its_end(tmp_path, target_checkpoint):
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
    assert len(re.findall('process has finished cleanly', output)) == 3, output


def test_a_recording_is_played_to_its_end_with_the_parameters_of_a_file(
    tmp_path, target_checkpoint
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
    assert len(re.findall('process has finished cleanly', output)) == 2, output
