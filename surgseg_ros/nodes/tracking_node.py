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

"""Executable of the tracking node."""

from __future__ import annotations

from collections.abc import Sequence
import sys
from typing import TYPE_CHECKING

from surgseg_ros.nodes.running import run_node

if TYPE_CHECKING:
    from rclpy.node import Node


def create_node() -> Node:
    """Import and create the node."""
    from surgseg_ros.nodes.tracking import TrackingNode

    return TrackingNode()


def main(args: Sequence[str] | None = None) -> int:
    """
    Run the node until it is done, SIGINT or SIGTERM.

    :param args: command line, ``None`` for that of the process
    :return: exit code
    """
    return run_node(create_node, args)


if __name__ == '__main__':
    sys.exit(main())
