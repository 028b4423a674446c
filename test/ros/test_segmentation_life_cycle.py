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

"""How the segmentation node starts, changes state and ends."""

import hashlib
import signal
import time

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from lifecycle_msgs.srv import GetState
from node_process import NodeProcess
from node_process import wait_until
import numpy as np
import pytest
from rcl_interfaces.msg import Parameter
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from rig import change_parameter
from rig import parameters_for
from rig import Rig
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from targets import draw_target
from targets import make_image
from targets import paint
import torch

READY = 'waiting for images'
TIMEOUT_S = 2.0
MISSED_TIMEOUT_S = 60.0
MASK = draw_target(160, 120, (80, 60), (40, 15), 0)


def state_of(station, node='segmentation'):
    answer = station.call(GetState, f'{node}/get_state', GetState.Request())
    return answer.current_state.label


def change_state(station, transition_id):
    request = ChangeState.Request(transition=Transition(id=transition_id))
    return station.call_once(ChangeState, 'segmentation/change_state', request).success


def test_every_transition_by_service(start_node, station, target_checkpoint):
    start_node('segmentation_node', parameters_for(target_checkpoint, autostart=False))
    assert state_of(station) == 'unconfigured'
    assert change_state(station, Transition.TRANSITION_CONFIGURE)
    assert state_of(station) == 'inactive'
    assert change_state(station, Transition.TRANSITION_ACTIVATE)
    rig = Rig(station)
    _, before = rig.answer('left', rig.send('left', MASK))
    assert before.frame_index > 0

    assert change_state(station, Transition.TRANSITION_DEACTIVATE)
    rig.wait_for_subscriptions(0)
    ignored = rig.send('left', MASK)
    assert change_state(station, Transition.TRANSITION_ACTIVATE)
    rig.wait_for_subscriptions(1)
    # Label images and instruments are heard since the first activation: none is missed here.
    _, after = rig.answer('left', rig.send('left', MASK))
    assert after.frame_index == 0
    assert all(message.header != ignored for message in rig.labels['left'].messages)

    assert change_state(station, Transition.TRANSITION_DEACTIVATE)
    assert change_state(station, Transition.TRANSITION_CLEANUP)
    assert state_of(station) == 'unconfigured'
    assert change_state(station, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state_of(station) == 'finalized'


def test_a_missing_checkpoint_can_be_corrected_while_running(
    start_node, station, target_checkpoint
):
    process = start_node('segmentation_node', parameters_for('/nowhere/net.safetensors'))
    process.wait_for_output('/nowhere/net.safetensors')
    assert state_of(station) == 'unconfigured'
    assert not change_state(station, Transition.TRANSITION_CONFIGURE)
    value = ParameterValue(
        type=ParameterType.PARAMETER_STRING, string_value=str(target_checkpoint)
    )
    request = SetParameters.Request(parameters=[Parameter(name='checkpoint', value=value)])
    assert (
        station.call(SetParameters, 'segmentation/set_parameters', request).results[0].successful
    )
    assert change_state(station, Transition.TRANSITION_CONFIGURE)
    assert change_state(station, Transition.TRANSITION_ACTIVATE)
    rig = Rig(station)
    np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)


UNUSABLE = {
    'device': ('tpu', "unknown device 'tpu'"),
    'branch': ('auxiliary', "no branch 'auxiliary'"),
    'checkpoint': ('damaged.safetensors', '/damaged.safetensors'),
}
"""A value that the configuration fails with, and what the node says of it, by parameter."""


@pytest.fixture(scope='module')
def misled_nodes(
    start_module_node, module_station, target_checkpoint, tmp_path_factory
) -> dict[str, NodeProcess]:
    """Return the nodes with unusable values, by parameter; they start at the same time."""
    folder = tmp_path_factory.mktemp('checkpoints')
    (folder / 'damaged.safetensors').write_bytes(b'not a checkpoint')
    values = {name: value for name, (value, _) in UNUSABLE.items()}
    values['checkpoint'] = str(folder / 'damaged.safetensors')
    return {
        name: start_module_node(
            'segmentation_node',
            {**parameters_for(target_checkpoint), name: value},
            f'{module_station.namespace}/unusable_{name}',
        )
        for name, value in values.items()
    }


@pytest.mark.parametrize('name', UNUSABLE)
def test_unusable_settings_leave_the_node_unconfigured(misled_nodes, module_station, name):
    process = misled_nodes[name]
    process.wait_for_output(UNUSABLE[name][1])
    assert 'Traceback' not in process.output
    assert state_of(module_station, f'unusable_{name}/segmentation') == 'unconfigured'


def test_only_the_pinned_file_is_loaded(start_node, station, target_checkpoint):
    digest = hashlib.sha256(target_checkpoint.read_bytes()).hexdigest()
    pinned = parameters_for('mffnet_parts_sim', checkpoint_sha256=digest.upper())
    process = start_node('segmentation_node', pinned)
    process.wait_for_output(f'expected {digest.upper()}')
    assert state_of(station) == 'unconfigured'
    assert not change_parameter(station, 'checkpoint_sha256', '').successful
    assert change_parameter(station, 'checkpoint', str(target_checkpoint)).successful
    assert change_state(station, Transition.TRANSITION_CONFIGURE)


@pytest.mark.skipif(torch.cuda.is_available(), reason='this computer has a CUDA device')
def test_a_missing_gpu_is_replaced_by_the_cpu_only_when_allowed(
    start_node, station, target_checkpoint
):
    process = start_node('segmentation_node', parameters_for(target_checkpoint, device='cuda'))
    process.wait_for_output("device 'cuda' was asked for")
    assert state_of(station) == 'unconfigured'
    assert change_parameter(station, 'allow_cpu_fallback', True).successful
    assert change_state(station, Transition.TRANSITION_CONFIGURE)
    assert change_state(station, Transition.TRANSITION_ACTIVATE)
    process.wait_for_output('running on the CPU, much slower')
    rig = Rig(station)
    rig.wait_for_status_message('model', 'running on the CPU', DiagnosticStatus.WARN)
    np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)


def test_one_eye_dies_and_comes_back(start_node, station, target_checkpoint):
    start_node('segmentation_node', parameters_for(target_checkpoint, input_timeout_s=TIMEOUT_S))
    rig = Rig(station)
    station.node.destroy_publisher(rig.cameras['right'])

    judged = []

    def right_is_missed():
        sent_ns = time.time_ns()
        np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)
        msg, written_ns = rig.diagnostics.wait_for_news(lambda msg: rig.status(msg, 'left'))
        # A busy computer may make even this eye silent for longer; then it is told so, rightly.
        if written_ns - sent_ns < TIMEOUT_S * 1e9:
            judged.append(rig.status(msg, 'left').message)
            assert 'no image' not in judged[-1]
        return judged and 'nobody publishes it' in rig.status(msg, 'right').message

    wait_until(right_is_missed, MISSED_TIMEOUT_S, 'a message that the right camera is dead')
    rig.cameras['right'] = station.advertise(Image, 'right/image_raw')
    rig.reconnect()
    np.testing.assert_array_equal(rig.answer('right', rig.send('right', MASK))[0], MASK)


def test_a_clock_that_jumps_back_and_a_looping_bag_change_nothing(
    start_node, station, target_checkpoint
):
    parameters = parameters_for(target_checkpoint, use_sim_time=True, max_image_age_ms=500.0)
    start_node('segmentation_node', parameters)
    clock = station.advertise(Clock, '/clock')
    rig = Rig(station)
    for second in (100, 101, 102, 100, 101, 50):
        clock.publish(Clock(clock=Time(sec=second)))
        rig.diagnostics.wait_for_news(
            lambda msg, now=second: rig.status(msg, 'left') and msg.header.stamp.sec == now
        )
        header = Header(stamp=Time(sec=second, nanosec=5), frame_id='bag')
        answers = len(rig.instruments['left'].messages)
        rig.cameras['left'].publish(make_image(paint(MASK), header))
        newest = rig.instruments['left'].wait_for_count(answers + 1)[-1]
        assert newest.header == header
        assert newest.timing.received.sec == second
    stale = rig.present_status('left')['stale']
    rig.cameras['left'].publish(make_image(paint(MASK), Header(stamp=Time(sec=49))))
    rig.wait_for_status('left', lambda values: int(values['stale']) == int(stale) + 1)


def test_a_mono_rig_has_no_right_topics(start_node, station, target_checkpoint):
    start_node('segmentation_node', parameters_for(target_checkpoint, eyes=['left']))
    rig = Rig(station, eyes=['left'])
    np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)
    topics = [name for name, _ in station.node.get_topic_names_and_types()]
    mine = [name for name in topics if name.startswith(station.namespace)]
    assert f'{station.namespace}/segmentation/left/instruments' in mine
    assert not [name for name in mine if '/right/' in name]


def test_best_effort_cameras_are_heard_by_default(start_node, station, target_checkpoint):
    parameters = parameters_for(target_checkpoint)
    del parameters['reliability']
    process = start_node('segmentation_node', parameters)
    process.wait_for_output(READY)
    publisher = station.advertise(Image, 'left/image_raw', reliable=False)
    info = station.node.get_subscriptions_info_by_topic(publisher.topic_name)[0]
    assert info.qos_profile.reliability.name == 'BEST_EFFORT'
    rig = Rig(station)
    rig.cameras['left'] = publisher
    np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)


def test_each_cause_of_silence_is_explained_once(start_node, station, target_checkpoint):
    process = start_node('segmentation_node', parameters_for(target_checkpoint, input_timeout_s=1))
    process.wait_for_output('nobody publishes it')
    # A camera whose images do not arrive is another trouble, with another remedy.
    station.node.create_publisher(Image, 'left/image_raw', 1)
    process.wait_for_output('left: publisher problem over')
    process.wait_for_output('fastdds_large_images.xml')
    rig = Rig(station, eyes=[])
    for _ in range(2):
        rig.diagnostics.wait_for_news(lambda msg: rig.status(msg, 'left'))
    assert process.output.count('the stock Fast DDS loses') == 1
    assert process.output.count('nobody publishes it') == 2


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_busy_node_cleanly(start_node, station, target_checkpoint, signal_number):
    process = start_node('segmentation_node', parameters_for(target_checkpoint))
    rig = Rig(station)
    large = np.zeros((1080, 1920), np.uint8)
    for _ in range(3):
        for eye in rig.cameras:
            rig.send(eye, large)
    process.stop(signal_number)


def test_signals_end_an_unconfigured_node_cleanly(start_node, station):
    processes = {
        number: start_node(
            'segmentation_node', {'autostart': False}, f'{station.namespace}/{number.name}'
        )
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    for number, process in processes.items():
        assert state_of(station, f'{number.name}/segmentation') == 'unconfigured'
        process.stop(number)
