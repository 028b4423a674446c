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

"""
Start, spin and stop a node: what every ``main`` of this package shares.

The executables import rclpy, torch and the rest only after the signal handlers are installed, so
that a signal during the seconds that this takes ends the process as cleanly as a later one.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import gc
from importlib import import_module
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node

SIGNAL_POLL_S = 0.1


class NodeError(RuntimeError):
    """An error that ends the process with exit code 1; the message names cause and remedy."""


class NodeFinished(Exception):  # noqa: N818
    """Raised in a callback of a node whose work is done: the process ends with exit code 0."""


def raise_interrupt_on_signals() -> None:
    """
    Let SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt in a program that starts nodes.

    A closed terminal or a job that is ended must not leave the nodes running. A shell lets its
    background jobs ignore SIGINT; who sends it all the same means it.
    """
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, _interrupt)


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def node_main(module: str, name: str) -> Callable[..., int]:
    """
    Return the ``main`` of an executable that runs one node until it is done or a signal comes.

    :param module: where the class of the node is; imported when ``main`` runs
    :param name: of the class
    :return: takes the command line, ``None`` for that of the process; returns the exit code
    """

    def load() -> Callable[[], Node]:
        node_class: Callable[[], Node] = getattr(import_module(module), name)
        return node_class

    def main(args: Sequence[str] | None = None) -> int:
        return run_node(load, args)

    return main


def run_node(load: Callable[[], Callable[[], Node]], args: Sequence[str] | None = None) -> int:
    """
    Create a node, spin it until SIGINT, SIGTERM or its own end, and destroy it.

    The signals only leave the spin loop, or end a start before the node is made. The ROS context
    stays valid until the node is destroyed, so that a callback or a worker thread that is just
    publishing is never cut off.

    :param load: imports and returns the class of the node; called after rclpy is initialized
    :param args: command line arguments, ``None`` for those of the process
    :return: exit code: 0 after a signal or :class:`NodeFinished`, 1 after :class:`NodeError`
        or a parameter that cannot be used
    """
    stop = threading.Event()
    _stop_on_signals(stop)

    from rclpy.exceptions import ParameterException
    from rclpy.logging import get_logger

    if stop.is_set():
        return 0
    try:
        with _ros(args):
            try:
                _create_and_spin(load, stop)
            except (NodeError, ParameterException) as error:
                get_logger('surgseg_ros').fatal(str(error))
                raise
    except NodeFinished:
        pass
    except (NodeError, ParameterException):
        return 1
    finally:
        # What rclpy made for a node hangs together in circles. Left to the end of the interpreter,
        # it would be freed, and threads of the middleware end, while their libraries shut down.
        gc.collect()
    return 0


@contextmanager
def _ros(args: Sequence[str] | None) -> Iterator[None]:
    """
    Initialize rclpy, and shut it down at the end, whatever ends it.

    An exception out of the ``__init__`` of a node is still on its way then, and its traceback
    holds the half-made node: rclpy finds it and destroys it before the context.
    """
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(
        args=None if args is None else list(args), signal_handler_options=SignalHandlerOptions.NO
    )
    try:
        yield
    finally:
        rclpy.shutdown()


def _create_and_spin(load: Callable[[], Callable[[], Node]], stop: threading.Event) -> None:
    node_class = load()
    if stop.is_set():
        return
    node = node_class()
    try:
        _spin(node, stop)
    finally:
        node.destroy_node()


def _stop_on_signals(stop: threading.Event) -> None:
    def request_stop(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, request_stop)


def _spin(node: Node, stop: threading.Event) -> None:
    """Run callbacks until asked to stop; Python sees a signal when a wait returns."""
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set():
            executor.spin_once(timeout_sec=SIGNAL_POLL_S)
    finally:
        executor.shutdown()
