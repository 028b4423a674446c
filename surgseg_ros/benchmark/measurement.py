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
The network benchmark: networks x branches x sizes x batches x backends x number formats.

All candidates of one size and batch are timed in turns, round by round, so that whatever else the
computer does hits all alike; ratios are taken within a round. No time is taken before the device
has finished.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timezone
from itertools import groupby
from itertools import product
import os
import sys
import tempfile
import time

import numpy as np
import torch
from tqdm import tqdm

from surgseg_ros.benchmark.cpu_use import ForeignLoad
from surgseg_ros.benchmark.eager_engine import EAGER
from surgseg_ros.benchmark.eager_engine import EagerEngine
from surgseg_ros.benchmark.picture import draw_picture
from surgseg_ros.benchmark.process_memory import available_bytes
from surgseg_ros.benchmark.process_memory import MemoryMeter
from surgseg_ros.benchmark.roofline import Roofline
from surgseg_ros.benchmark.rows import Candidate
from surgseg_ros.benchmark.rows import Facts
from surgseg_ros.benchmark.rows import make_rows
from surgseg_ros.benchmark.rows import Measured
from surgseg_ros.benchmark.rows import Row
from surgseg_ros.benchmark.rows import Turn
from surgseg_ros.inference.backends import build_engine
from surgseg_ros.inference.backends import installed_backends
from surgseg_ros.inference.backends import missing_reason
from surgseg_ros.inference.backends import supported_precisions
from surgseg_ros.inference.checkpoints import checkpoint_name
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.conversion_cache import DIRECTORY_VARIABLE
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.devices import choose_threads
from surgseg_ros.inference.devices import PRECISIONS
from surgseg_ros.inference.engine import BackendError
from surgseg_ros.inference.engine import Engine
from surgseg_ros.models import count_flops
from surgseg_ros.models import count_parameters
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info
from surgseg_ros.models import SegmentationNetwork

ALL = 'all'
INSTALLED = 'installed'
BEST = 'best'
RANDOM_WEIGHTS = 'random'

DEFAULT_MODELS = ('mffnet', 'linknet34')
DEFAULT_SIZES = ((1280, 1024), (640, 512))

SECONDS_A_RUN = 45.0
MIN_ROUNDS, MAX_ROUNDS = 5, 100
"""Without a number of repetitions: as many rounds as fit into the seconds, but so many."""

TURN_S = 0.1
"""A candidate is timed again within its turn until this time is over: fast ones many times."""

SETTLED_BY_S = TURN_S / 4
"""Where passes take less, the first of a turn is not timed: it meets the caches of another's."""

WARM_UP_PASSES = {'cpu': 2, 'cuda': 10}
RIGHT_EYE_SHIFT = 24
"""Pixels at full width between the images of a batch."""

_MIN_AVAILABLE_BYTES = 2 * 2**30
_MEMORY_RESERVE = 3


@dataclass(frozen=True)
class Settings:
    """
    What to measure.

    :param models: names in the model registry; ``all``: those of all papers
    :param branches: outputs to measure; none: all that a network has
    :param sizes: (width, height) in pixels
    :param batches: numbers of images in one pass
    :param backends: ``eager`` and names of backends; ``installed``: eager and all that run here
    :param precisions: number formats; ``best``: the fastest native one of each backend, ``all``:
        all native ones
    :param device: that networks run on
    :param threads: CPU threads, 0 for the same choice as the node makes
    :param repetitions: rounds of turns; 0: as many as fit into :data:`SECONDS_A_RUN`
    :param checkpoint: weights for the network that they belong to; the others' are random
    """

    models: tuple[str, ...] = DEFAULT_MODELS
    branches: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = DEFAULT_SIZES
    batches: tuple[int, ...] = (1,)
    backends: tuple[str, ...] = (INSTALLED,)
    precisions: tuple[str, ...] = (BEST,)
    device: torch.device = field(default_factory=lambda: torch.device('cpu'))
    threads: int = 0
    repetitions: int = 0
    checkpoint: str = DEFAULT_CHECKPOINT


@dataclass(frozen=True)
class Skipped:
    """A candidate that could not be measured, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Weights:
    """A network and what belongs to its weights."""

    model: SegmentationNetwork
    mean: tuple[float, ...]
    std: tuple[float, ...]
    threshold: float
    name: str


class _Contender:
    """A candidate with its engine, ready to be timed."""

    def __init__(self, measured: Measured, engine: Engine, images: Sequence[np.ndarray]) -> None:
        self.measured = measured
        self.engine = engine
        self._images = images
        self._last_s = TURN_S

    def take_turn(self) -> None:
        """Time passes for the length of a turn, one at least."""
        if self._last_s < SETTLED_BY_S:
            run_pass(self.engine, self._images)
        forward_s: list[float] = []
        total_s: list[float] = []
        start_s = time.perf_counter()
        while not total_s or time.perf_counter() - start_s < TURN_S:
            forward, total = run_pass(self.engine, self._images)
            forward_s.append(forward)
            total_s.append(total)
        self._last_s = min(total_s)
        self.measured.turns.append(Turn(tuple(forward_s), tuple(total_s)))


def run_pass(engine: Engine, images: Sequence[np.ndarray]) -> tuple[float, float]:
    """
    Take a batch from images to label images on the host.

    :return: seconds of the network alone, and of all; the engine waits for its device at the end
        of every step
    """
    height, width = images[0].shape[:2]
    start_s = time.perf_counter()
    engine.load(images)
    loaded_s = time.perf_counter()
    engine.forward()
    done_s = time.perf_counter()
    engine.label_images((width, height), confidence=False)
    return done_s - loaded_s, time.perf_counter() - start_s


class Benchmark:
    """
    One run of the benchmark.

    :param settings: what to measure
    :raises ValueError: if a model or branch does not exist, or a size or number makes no sense
    :raises BackendError: if there is no such backend or precision
    :raises CheckpointError: if the checkpoint is unusable
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.threads = choose_threads(settings.threads)
        self.roofline = Roofline(settings.device)
        self.foreign_load = ForeignLoad()
        self.load_at_start = round(os.getloadavg()[0], 2)
        self.skipped: list[Skipped] = []
        self.interrupted = False
        self.started = datetime.now(timezone.utc)
        self._measured: list[Measured] = []
        self._runs = 0
        self._weights: dict[str, Weights] = {}
        self._flops: dict[tuple[str, str, tuple[int, int]], int] = {}
        self._checkpoint_model = self._load_weights()
        self._candidates = self._list_candidates()

    @property
    def rows(self) -> list[Row]:
        """Return what has been measured so far."""
        return make_rows(self._measured, self.roofline.gflops_per_s)

    def run(self) -> None:
        """Measure everything; an interrupt ends it early and what was measured is kept."""
        try:
            with _private_cache(), _torch_threads(self.threads):
                for _, group in groupby(self._candidates, lambda one: (one.size, one.batch)):
                    self._run_group(list(group))
        except KeyboardInterrupt:
            self.interrupted = True

    def _load_weights(self) -> str:
        """Load the checkpoint; return the network that it belongs to."""
        checkpoint = self.settings.checkpoint
        model, info = load_checkpoint(checkpoint)
        name = checkpoint_name(resolve_checkpoint(checkpoint))
        self._task = info.task
        self._weights[info.model] = Weights(model, info.mean, info.std, info.threshold, name)
        return info.model

    def _list_candidates(self) -> list[Candidate]:
        """Return all candidates in the order of the table, and note what cannot be had."""
        settings = self.settings
        _check_numbers(settings)
        variants = [
            (model, branch)
            for model in _expand_models(settings.models)
            for branch in _choose_branches(model, settings.branches)
        ]
        formats = list(self._list_formats())
        return [
            Candidate(*variant, size, batch, *number_format)
            for size, batch in product(settings.sizes, settings.batches)
            for variant, number_format in product(variants, formats)
        ]

    def _list_formats(self) -> Iterator[tuple[str, str]]:
        """Yield (backend, precision)."""
        device = self.settings.device
        for backend in _expand_backends(self.settings.backends, device):
            if backend == EAGER:
                yield EAGER, 'fp32'
                continue
            if reason := missing_reason(backend, device):
                self.skipped.append(Skipped(backend, reason))
                continue
            wanted, supported = self.settings.precisions, supported_precisions(backend, device)
            for precision in PRECISIONS:
                if precision in wanted and precision not in supported:
                    reason = f'computes in {", ".join(supported)} on this device'
                    self.skipped.append(Skipped(f'{backend} {precision}', reason))
            for precision in _choose_precisions(wanted, supported):
                yield backend, precision

    def _run_group(self, candidates: Sequence[Candidate]) -> None:
        """Build all engines of one size and batch and time them in turns."""
        contenders: list[_Contender] = []
        references: dict[str, list[np.ndarray]] = {}  # by branch
        width, height = candidates[0].size
        title = f'{candidates[0].batch} x {width}x{height}'
        for candidate in tqdm(candidates, desc=f'build {title}', file=sys.stderr):
            if contenders and _is_short_of_memory(contenders, self.settings.device):
                self._race(contenders, title)
                contenders = []
            try:
                contenders.append(self._prepare(candidate, references))
            except Exception as error:  # Any library may fail in any way; the others go on.
                first_line = str(error).strip().partition('\n')[0]
                reason = f'{type(error).__name__}: {first_line}'
                self.skipped.append(Skipped(str(candidate), reason))
        if contenders:
            self._race(contenders, title)

    def _prepare(
        self, candidate: Candidate, references: dict[str, list[np.ndarray]]
    ) -> _Contender:
        """Build and warm up an engine, and look at its memory and its labels."""
        weights = self._find_weights(candidate.model)
        network = DeployableNetwork(
            weights.model, weights.mean, weights.std, candidate.branch, weights.threshold
        )
        images = make_images(candidate.size, candidate.batch)
        device = self.settings.device
        meter = MemoryMeter(device)
        start_s = time.perf_counter()
        engine = self._build(candidate, network)
        build_s = time.perf_counter() - start_s

        def warm_up() -> None:
            for _ in range(WARM_UP_PASSES[device.type]):
                run_pass(engine, images)

        memory_bytes = meter.peak_growth(warm_up)
        agreement = None
        if candidate.model == self._checkpoint_model and candidate.backend != EAGER:
            if candidate.branch not in references:
                references[candidate.branch] = _reference_labels(network, images)
            agreement = _agreement(references[candidate.branch], engine, candidate.size)
        facts = Facts(
            weights.name,
            count_parameters(weights.model),
            self._count_flops(candidate),
            build_s,
            memory_bytes,
            agreement,
        )
        return _Contender(Measured(candidate, facts, self._runs), engine, images)

    def _build(self, candidate: Candidate, network: DeployableNetwork) -> Engine:
        device = self.settings.device
        if candidate.backend == EAGER:
            return EagerEngine(network, device)
        width, height = candidate.size
        shape = (candidate.batch, height, width)
        return build_engine(
            candidate.backend, network, shape, device, candidate.precision, self.threads
        )

    def _count_flops(self, candidate: Candidate) -> int:
        """Count the operations for one image; it takes a second, so each count is kept."""
        key = (candidate.model, candidate.branch, candidate.size)
        if key not in self._flops:
            model = self._find_weights(candidate.model).model
            self._flops[key] = count_flops(model, candidate.size, candidate.branch)
        return self._flops[key]

    def _find_weights(self, model: str) -> Weights:
        if model not in self._weights:
            torch.manual_seed(0)
            info = model_info(model)
            network = create_model(model, self._task).eval()
            self._weights[model] = Weights(network, info.mean, info.std, 0.5, RANDOM_WEIGHTS)
        return self._weights[model]

    def _race(self, contenders: Sequence[_Contender], title: str) -> None:
        """Time engines in turns, between two looks at what the computer can do; close them."""
        self._measured += [contender.measured for contender in contenders]
        self._runs += 1
        precisions = dict.fromkeys(one.measured.candidate.precision for one in contenders)
        try:
            self._measure_peaks(precisions)
            self._take_turns(contenders, title)
            self._measure_peaks(precisions)
        finally:
            for contender in contenders:
                contender.engine.close()

    def _measure_peaks(self, precisions: Iterable[str]) -> None:
        for precision in precisions:
            self.roofline.measure(precision)

    def _take_turns(self, contenders: Sequence[_Contender], title: str) -> None:
        repetitions = self.settings.repetitions
        total = repetitions or MAX_ROUNDS
        bar = tqdm(total=total, desc=f'time {title}', unit='round', file=sys.stderr)
        start_s = time.perf_counter()
        with bar, self.foreign_load:
            done = 0
            while done < bar.total:
                for contender in contenders:
                    contender.take_turn()
                done += 1
                if not repetitions:
                    bar.total = _affordable_rounds((time.perf_counter() - start_s) / done)
                bar.update()


def make_images(size: tuple[int, int], batch: int) -> list[np.ndarray]:
    """Return a batch of pictures, (H, W, 3) uint8 each, shifted against each other."""
    shift = round(RIGHT_EYE_SHIFT * size[0] / DEFAULT_SIZES[0][0])
    return [draw_picture(size, index * shift) for index in range(batch)]


def _affordable_rounds(seconds_a_round: float) -> int:
    return min(max(int(SECONDS_A_RUN / seconds_a_round), MIN_ROUNDS), MAX_ROUNDS)


def _expand_models(names: Sequence[str]) -> list[str]:
    """Return the networks of a list that may say ``all``, each once."""
    of_papers = [name for name in list_models() if model_info(name).citation]
    expanded = [one for name in names for one in (of_papers if name == ALL else [name])]
    return list(dict.fromkeys(expanded))


def _choose_branches(model: str, wanted: Sequence[str]) -> list[str]:
    """Return those branches of a network that are wanted."""
    branches = model_info(model).branches
    return [branch for branch in branches if not wanted or branch in wanted]


def _expand_backends(names: Sequence[str], device: torch.device) -> list[str]:
    installed = [EAGER, *installed_backends(device)]
    expanded = [one for name in names for one in (installed if name == INSTALLED else [name])]
    return list(dict.fromkeys(expanded))


def _choose_precisions(wanted: Sequence[str], supported: Sequence[str]) -> list[str]:
    """Return those number formats of a backend that are wanted."""
    if ALL in wanted:
        return list(supported)
    best = [supported[0]] if BEST in wanted else []
    return list(dict.fromkeys([*best, *(name for name in supported if name in wanted)]))


def _check_numbers(settings: Settings) -> None:
    """Refuse what would measure nothing."""
    numbers = (*settings.batches, *(side for size in settings.sizes for side in size))
    if not numbers or min(numbers) < 1 or settings.repetitions < 0:
        raise ValueError('sizes, batches and repetitions must be at least 1')
    known = (*PRECISIONS, BEST, ALL)
    for precision in settings.precisions:
        if precision not in known:
            raise BackendError(f"unknown precision '{precision}'; choose of: {', '.join(known)}")
    models = _expand_models(settings.models)
    branches = {branch for model in models for branch in model_info(model).branches}
    for branch in settings.branches:
        if branch not in branches:
            raise ValueError(
                f"none of the networks has a branch '{branch}'; they have: "
                f'{", ".join(sorted(branches))}'
            )


def _reference_labels(
    network: DeployableNetwork, images: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the label images of torch in single precision on the CPU."""
    engine = EagerEngine(network, torch.device('cpu'))
    height, width = images[0].shape[:2]
    engine.load(images)
    engine.forward()
    return list(engine.label_images((width, height), confidence=False)[0])


def _agreement(reference: Sequence[np.ndarray], engine: Engine, size: tuple[int, int]) -> float:
    """Return the fraction of pixels of the engine's last batch that have the same label."""
    labels, _ = engine.label_images(size, confidence=False)
    return float(np.mean(np.stack(reference) == np.stack(list(labels))))


def _is_short_of_memory(contenders: Sequence[_Contender], device: torch.device) -> bool:
    """Tell whether another engine might be one too many: then these are timed first."""
    available = available_bytes(device)
    largest = max(one.measured.facts.memory_bytes or 0 for one in contenders)
    return available < max(_MIN_AVAILABLE_BYTES, _MEMORY_RESERVE * largest)


@contextmanager
def _private_cache() -> Iterator[None]:
    """Keep conversions of the benchmark from pushing those of the node out of the cache."""
    before = os.environ.get(DIRECTORY_VARIABLE)
    with tempfile.TemporaryDirectory(prefix='surgseg_ros_benchmark_') as folder:
        os.environ[DIRECTORY_VARIABLE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[DIRECTORY_VARIABLE]
            else:
                os.environ[DIRECTORY_VARIABLE] = before


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    """Let torch use a number of CPU threads for a while; the number belongs to the process."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
