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

"""Fixtures of the tests that start real nodes and speak with them over DDS."""

from collections.abc import Callable
from collections.abc import Iterator
import os
from pathlib import Path
import uuid

import pytest

rclpy = pytest.importorskip('rclpy')

from node_process import NodeProcess  # noqa: E402
from station import Station  # noqa: E402
from targets import write_target_checkpoint  # noqa: E402

PROFILE = Path(__file__).resolve().parents[2] / 'config' / 'fastdds_large_images.xml'
# Up to 101 a domain id never touches the ports that Linux hands out to others.
StartNode = Callable[..., NodeProcess]


@pytest.fixture(scope='session')
def ros_context(ros_domain: int) -> Iterator[rclpy.Context]:
    """Join the DDS domain of the nodes under test, with their transport."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(_profile_variable(), str(PROFILE))
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=ros_domain)
        yield context
        rclpy.shutdown(context=context)


def _profile_variable() -> str:
    if os.environ.get('ROS_DISTRO') in ('humble', 'jazzy'):
        return 'FASTRTPS_DEFAULT_PROFILES_FILE'
    return 'FASTDDS_DEFAULT_PROFILES_FILE'


@pytest.fixture
def station(ros_context: rclpy.Context) -> Iterator[Station]:
    """Return the test's own node, in a namespace that no other test uses."""
    station = Station(ros_context, _unique_namespace())
    yield station
    station.close()


@pytest.fixture(scope='module')
def module_station(ros_context: rclpy.Context) -> Iterator[Station]:
    """Return a station that all tests of a module share."""
    station = Station(ros_context, _unique_namespace())
    yield station
    station.close()


@pytest.fixture
def start_node(station: Station, tmp_path: Path) -> Iterator[StartNode]:
    """
    Return ``start_node(module, parameters, namespace=...)``, which starts a node as a process.

    Nodes that still run at the end of the test get SIGINT and must exit with 0.
    """
    yield from _manage_nodes(station, tmp_path)


@pytest.fixture(scope='module')
def start_module_node(
    module_station: Station, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartNode]:
    """Return the same as ``start_node`` for nodes that all tests of a module share."""
    yield from _manage_nodes(module_station, tmp_path_factory.mktemp('nodes'))


@pytest.fixture(scope='session')
def target_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint that segments the colored targets of ``targets.py`` exactly."""
    path = tmp_path_factory.mktemp('weights') / 'targets.safetensors'
    write_target_checkpoint(path)
    return path


def _manage_nodes(station: Station, folder: Path) -> Iterator[StartNode]:
    processes: list[NodeProcess] = []

    def start(
        module: str,
        parameters: dict[str, object] | None = None,
        namespace: str = station.namespace,
    ) -> NodeProcess:
        output = folder / f'{module}_{len(processes)}.log'
        processes.append(NodeProcess(module, parameters or {}, namespace, output))
        return processes[-1]

    try:
        yield start
        running = [process for process in processes if process.is_running()]
        for process in running:
            process.request_stop()
        for process in running:
            process.check_end()
    finally:
        for process in processes:
            process.kill()


def _unique_namespace() -> str:
    return f'/test_{uuid.uuid4().hex[:8]}'
