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

"""Recording messages to a rosbag2 without the C++ recorder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import Literal

from ament_index_python.packages import get_package_share_directory
from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from rosbags.interfaces import Connection
from rosbags.interfaces import Qos
from rosbags.interfaces import QosDurability
from rosbags.interfaces import QosHistory
from rosbags.interfaces import QosLiveliness
from rosbags.interfaces import QosReliability
from rosbags.interfaces import QosTime
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.rosbag2.enums import CompressionFormat
from rosbags.rosbag2.enums import CompressionMode
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore

PACKAGE = 'surgseg_ros'
BAG_VERSION: Literal[9] = 9
"""Format of ``metadata.yaml`` since ROS 2 Jazzy."""


class BagWriter:
    """
    Write messages to a new rosbag2: MCAP, in chunks compressed with zstd.

    ``ros2 bag info`` and ``ros2 bag play`` read it, Foxglove too. The messages of this package
    are described in the file, so no build of the package is needed to read them.

    :param path: folder of the bag; must not exist
    """

    def __init__(self, path: Path) -> None:
        self._typestore = make_typestore()
        self._writer = Writer(path, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        self._connections: dict[str, Connection] = {}

    def write(self, topic: str, message: Any, received_ns: int, qos: QoSProfile) -> None:
        """
        Append a message.

        :param topic: resolved topic name
        :param message: a ROS message
        :param received_ns: time of reception in ns since the epoch
        :param qos: what the publisher offers; only used for the first message of a topic
        """
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._connections[topic] = self._writer.add_connection(
                topic,
                _type_name(message),
                typestore=self._typestore,
                offered_qos_profiles=[_to_rosbags_qos(qos)],
            )
        self._writer.write(connection, received_ns, serialize_message(message))

    def close(self) -> None:
        """Write the index and ``metadata.yaml``."""
        self._writer.close()


def make_typestore() -> Typestore:
    """Return the types of ROS 2 together with the messages of this package."""
    # The standard messages in use have not changed from Humble to Lyrical, nor have their hashes.
    typestore = get_typestore(Stores.ROS2_JAZZY)
    for name, text in _own_messages():
        typestore.register(get_types_from_msg(text, name))
    return typestore


def _own_messages() -> Iterator[tuple[str, str]]:
    folder = Path(get_package_share_directory(PACKAGE)) / 'msg'
    for path in sorted(folder.glob('*.msg')):
        yield f'{PACKAGE}/msg/{path.stem}', path.read_text(encoding='utf-8')


def _type_name(message: Any) -> str:
    package = type(message).__module__.split('.', maxsplit=1)[0]
    return f'{package}/msg/{type(message).__name__}'


def _to_rosbags_qos(qos: QoSProfile) -> Qos:
    return Qos(
        QosHistory[qos.history.name],
        qos.depth,
        QosReliability[qos.reliability.name],
        QosDurability[qos.durability.name],
        _to_rosbags_time(qos.deadline),
        _to_rosbags_time(qos.lifespan),
        QosLiveliness[qos.liveliness.name],
        _to_rosbags_time(qos.liveliness_lease_duration),
        qos.avoid_ros_namespace_conventions,
    )


def _to_rosbags_time(duration: Duration) -> QosTime:
    seconds, nanoseconds = divmod(duration.nanoseconds, 1_000_000_000)
    return QosTime(seconds, nanoseconds)
