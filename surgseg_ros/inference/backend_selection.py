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

"""Choose the backend of a network: by what is installed and by a short measurement, kept."""

from collections.abc import Mapping
from dataclasses import dataclass
import time

import cv2
import numpy as np
import torch

from surgseg_ros.data.image_files import size_of
from surgseg_ros.inference.backends import EngineBuilder
from surgseg_ros.inference.backends import installed_backends
from surgseg_ros.inference.backends import missing_reason
from surgseg_ros.inference.backends import supported_precisions
from surgseg_ros.inference.conversion_cache import DecisionCache
from surgseg_ros.inference.devices import device_name
from surgseg_ros.inference.engine import BackendError
from surgseg_ros.inference.engine import Engine
from surgseg_ros.inference.engine import Shape

AUTO = 'auto'

QUICK_ENOUGH_S = {'cpu': 0.02, 'cuda': 0.0}
"""A network that torch runs in less is not converted: seconds of start for nothing felt."""

ROUNDS = 5
BUDGET_S = 5.0
"""The candidates are timed in turns, so many times or until this time is over."""

ADVANTAGE = 0.95
"""Another backend is preferred to torch from this share of its time on."""

LEAST_AGREEMENT = 0.99
"""Share of the pixels of a test image that must have torch's label; the wrong ones would not."""


@dataclass(frozen=True)
class BackendChoice:
    """
    The backend and number format to run a network with.

    :param reason: why, a sentence for the log and the diagnostics
    """

    backend: str
    precision: str
    reason: str


def check_request(backend: str, precision: str, device: torch.device) -> None:
    """
    Refuse what cannot be had on a device here.

    :param backend: one of the backends, or ``'auto'``
    :param precision: ``fp32``, ``bf16``, ``fp16`` or ``'auto'``
    :raises BackendError: naming what is missing or what there is
    """
    backends = installed_backends(device) if backend == AUTO else [backend]
    for name in backends:
        if reason := missing_reason(name, device):
            raise BackendError(reason)
    if precision == AUTO:
        return
    supported = {name: supported_precisions(name, device) for name in backends}
    if not any(precision in precisions for precisions in supported.values()):
        known = '; '.join(f'{name}: {", ".join(found)}' for name, found in supported.items())
        raise BackendError(
            f"precision '{precision}' cannot be had on {device_name(device)} ({known}); choose "
            "one of these or 'auto'"
        )


def only_choice(backend: str, precision: str, device: torch.device) -> BackendChoice | None:
    """
    Return what a request comes to without a measurement, ``None`` where one is needed.

    :param backend: a backend, or ``'auto'``
    :param precision: a number format, or ``'auto'``
    :raises BackendError: if what was asked for cannot be had here
    """
    check_request(backend, precision, device)
    candidates = _list_candidates(backend, precision, device)
    if len(candidates) > 1:
        return None
    ((name, chosen),) = candidates.items()
    reason = 'as asked for' if backend != AUTO else 'the only one installed for this device'
    return BackendChoice(name, chosen, reason)


def choose_backend(
    builder: EngineBuilder, backend: str, precision: str, shape: Shape, threads: int
) -> tuple[BackendChoice, Engine]:
    """
    Return the fastest backend for a network and an engine of it.

    Where there is a choice it is measured, once for each computer, network, shape and set of
    installed libraries.

    :param backend: a backend, or ``'auto'``
    :param precision: a number format, or ``'auto'``: the fastest native one
    :param threads: CPU threads that the measurement holds for
    :raises BackendError: if what was asked for cannot be had here
    """
    device = builder.device
    choice = only_choice(backend, precision, device)
    if choice is not None:
        return choice, builder.build(choice.backend, shape, choice.precision)
    candidates = _list_candidates(backend, precision, device)
    key = f'{builder.digest} {device_name(device)} {threads} threads {shape} {candidates}'
    decisions = DecisionCache()
    known = decisions.load(key)
    if known and candidates.get(known['backend']) == known['precision']:
        choice = BackendChoice(known['backend'], known['precision'], known['reason'])
        return choice, builder.build(choice.backend, shape, choice.precision)
    choice, engine = _measure(builder, candidates, shape)
    decisions.store(
        key, {'backend': choice.backend, 'precision': choice.precision, 'reason': choice.reason}
    )
    return choice, engine


def make_test_images(shape: Shape) -> list[np.ndarray]:
    """Return smooth random colors, (H, W, 3) uint8 each, always the same."""
    count, height, width = shape
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, 9, 12, 3), dtype=np.uint8)
    return [cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC) for image in coarse]


def _list_candidates(backend: str, precision: str, device: torch.device) -> dict[str, str]:
    """Return the backends to choose from, torch first, each with its number format."""
    candidates = {}
    for name in installed_backends(device) if backend == AUTO else [backend]:
        supported = supported_precisions(name, device)
        if precision == AUTO:
            candidates[name] = supported[0]
        elif precision in supported:
            candidates[name] = precision
    return candidates


def _measure(
    builder: EngineBuilder, candidates: Mapping[str, str], shape: Shape
) -> tuple[BackendChoice, Engine]:
    images = make_test_images(shape)
    names = list(candidates)
    engines = {names[0]: builder.build(names[0], shape, candidates[names[0]])}
    _run(engines[names[0]], images)
    seconds = _run(engines[names[0]], images)
    if seconds < QUICK_ENOUGH_S[builder.device.type]:
        reason = f'takes {1e3 * seconds:.1f} ms, too little for a conversion to pay'
        return BackendChoice(names[0], candidates[names[0]], reason), engines[names[0]]
    remarks = []
    for name in names[1:]:
        try:
            engine = builder.build(name, shape, candidates[name])
            agreement = _compare(engines[names[0]], engine, images)
        except Exception as error:  # Another library that fails leaves torch, and says why.
            remarks.append(f'{name} failed: {error}')
            continue
        if agreement < LEAST_AGREEMENT:
            remarks.append(f'{name} labels only {agreement:.1%} of a test image as torch does')
            continue
        engines[name] = engine
    times_ms = _time(engines, images)
    best = min(times_ms, key=times_ms.__getitem__)
    if times_ms[best] > ADVANTAGE * times_ms[names[0]]:
        best = names[0]
    count, height, width = shape
    compared = ', '.join(f'{name} {candidates[name]} {ms:.1f} ms' for name, ms in times_ms.items())
    reason = '; '.join([f'{compared} for {count} of {width}x{height}', *remarks])
    return BackendChoice(best, candidates[best], reason), engines[best]


def _time(engines: Mapping[str, Engine], images: list[np.ndarray]) -> dict[str, float]:
    """Return the least time of each engine in ms, all timed in turns."""
    start = time.perf_counter()
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            times[name].append(1e3 * _run(engine, images))
        if time.perf_counter() - start > BUDGET_S:
            break
    return {name: min(values) for name, values in times.items()}


def _run(engine: Engine, images: list[np.ndarray]) -> float:
    """Return the seconds from images to class scores."""
    start = time.perf_counter()
    engine.load(images)
    engine.forward()
    return time.perf_counter() - start


def _compare(reference: Engine, engine: Engine, images: list[np.ndarray]) -> float:
    """Return the share of pixels that get the same label."""
    size = size_of(images[0])
    labels = []
    for each in (reference, engine):
        _run(each, images)
        labels.append(np.stack(each.label_images(size, confidence=False)[0]))
    return float((labels[0] == labels[1]).mean())
