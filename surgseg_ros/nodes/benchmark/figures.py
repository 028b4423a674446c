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

"""Figures of the node benchmark: what follows from stamps, arrivals and counters."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surgseg_ros.nodes.benchmark.bare_network import BareTimes
from surgseg_ros.nodes.benchmark.camera import EYES
from surgseg_ros.nodes.benchmark.receiver import Heard
from surgseg_ros.nodes.benchmark.receiver import PARTS
from surgseg_ros.nodes.benchmark.receiver import TimedArrival
from surgseg_ros.reporting.percentiles import percentiles

COUNTERS = ('received', 'processed', 'replaced', 'stale', 'rejected')
NS_IN_MS = 1e6
NS_IN_S = 1e9


@dataclass(frozen=True)
class Phase:
    """
    One time under the camera.

    :param sent_ns: stamps that the camera sent to each eye
    :param warm_up: number of the first stamps whose answers are counted but not timed
    :param heard: what came back
    :param counts: what the node's counters gained, by eye; empty where it has none
    :param cpu_s: CPU time that the node took (s)
    :param foreign_cores: CPU cores that other programs took, camera and receiver aside;
        ``None``: unknown
    """

    sent_ns: Sequence[int]
    warm_up: int
    heard: Heard
    counts: Mapping[str, Mapping[str, int]]
    cpu_s: float
    foreign_cores: float | None = None

    @property
    def timed_ns(self) -> set[int]:
        """Return the stamps whose answers are timed."""
        return set(self.sent_ns[self.warm_up :])

    @property
    def busy_s(self) -> float:
        """Return the time from the first image to the last image or answer (s)."""
        if not self.sent_ns:
            return 0.0
        return (max(self.heard.newest_ns, self.sent_ns[-1]) - self.sent_ns[0]) / NS_IN_S


def describe(values: Iterable[float]) -> dict[str, float] | None:
    """
    Return the distribution of values.

    :return: ``count``, ``p50``, ``p95``, ``p99``, ``max`` and ``p99_over_p50``, ``None`` of
        nothing
    """
    array = np.fromiter(values, float)
    found = percentiles(array)
    if found is None:
        return None
    return {
        'count': int(array.size),
        **found._asdict(),
        'max': float(array.max()),
        'p99_over_p50': found.p99 / found.p50 if found.p50 > 0.0 else 0.0,
    }


def summarize_node(phases: Sequence[Phase]) -> dict[str, Any]:
    """
    Return the figures of a node over all its phases; times in ms unless the name says other.

    What the node does not tell, such as the parts of its latency, is ``None``.
    """
    busy_s = sum(phase.busy_s for phase in phases)
    pairs = sum(len(_answered_pairs(phase.heard)) for phase in phases)
    cpu_s = sum(phase.cpu_s for phase in phases)
    foreign = [phase.foreign_cores for phase in phases if phase.foreign_cores is not None]
    timed = [arrival for phase in phases for arrival in _timed_instruments(phase)]
    return {
        'pairs_sent': sum(len(phase.sent_ns) for phase in phases),
        'sent_rate_hz': rate([phase.sent_ns for phase in phases]),
        'latency_ms': describe(_latencies_ms(phases, 'labels')),
        'instruments_latency_ms': describe(_latencies_ms(phases, 'instruments')),
        'node_latency_ms': describe(arrival.node_ns / NS_IN_MS for arrival in timed),
        'parts_ms': _describe_parts(timed),
        'frames_per_s': {eye: rate(_receipts_ns(phases, eye)) for eye in EYES},
        'pairs_per_s': rate([_pair_receipts_ns(phase.heard) for phase in phases]),
        'frames': {eye: _count_frames(phases, eye) for eye in EYES},
        'batched_fraction': _batched_fraction(phases),
        'branches': dict(Counter(arrival.branch for arrival in timed if arrival.branch)),
        'cpu_cores': cpu_s / busy_s if busy_s else 0.0,
        'foreign_cores': max(foreign, default=None),
        'cpu_s_per_pair': cpu_s / pairs if pairs else None,
    }


def summarize_network(measurements: Sequence[BareTimes]) -> dict[str, Any]:
    """Return the figures of the bare network over all its phases (ms)."""
    return {
        'network_ms': describe(1e3 * s for times in measurements for s in times.network_s),
        'segment_ms': describe(1e3 * s for times in measurements for s in times.segment_s),
        'phase_medians_ms': [1e3 * float(np.median(times.network_s)) for times in measurements],
    }


def compare(
    node: Mapping[str, Any], plain: Mapping[str, Any] | None, network: Mapping[str, Any]
) -> dict[str, float | None]:
    """
    Return the ratios between what was measured in one run, ``None`` where a part is missing.

    :param node: see :func:`summarize_node`
    :param plain: the same of the plain node
    :param network: see :func:`summarize_network`
    """
    node_p50 = _pick(node, 'node_latency_ms', 'p50')
    return {
        'node_over_network': _ratio(node_p50, _pick(network, 'network_ms', 'p50')),
        'node_over_segment': _ratio(node_p50, _pick(network, 'segment_ms', 'p50')),
        'node_p99_over_p50': _pick(node, 'node_latency_ms', 'p99_over_p50'),
        'throughput_over_plain': _ratio(_pick(node, 'pairs_per_s'), _pick(plain, 'pairs_per_s')),
        'p99_over_plain': _ratio(
            _pick(node, 'latency_ms', 'p99'), _pick(plain, 'latency_ms', 'p99')
        ),
    }


def rate(logs: Sequence[Sequence[int]]) -> float | None:
    """
    Return how many events came in a second.

    :param logs: times of the events (ns), one log for each phase
    :return: ``None`` if no log has two events
    """
    intervals = sum(max(len(log) - 1, 0) for log in logs)
    span_ns = sum(log[-1] - log[0] for log in logs if len(log) > 1)
    return NS_IN_S * intervals / span_ns if span_ns > 0 else None


def _timed_instruments(phase: Phase) -> list[TimedArrival]:
    stamps = phase.timed_ns
    logs = phase.heard.instruments.values()
    return [arrival for log in logs for arrival in log if arrival.stamp_ns in stamps]


def _latencies_ms(phases: Sequence[Phase], topic: str) -> list[float]:
    return [
        (arrival.receipt_ns - arrival.stamp_ns) / NS_IN_MS
        for phase in phases
        for log in getattr(phase.heard, topic).values()
        for arrival in log
        if arrival.stamp_ns in phase.timed_ns
    ]


def _describe_parts(arrivals: Sequence[TimedArrival]) -> dict[str, Any]:
    """Return the distributions of the parts, and of the ``rest`` that no part accounts for."""
    parts = {
        name: describe(arrival.parts_ns[index] / NS_IN_MS for arrival in arrivals)
        for index, name in enumerate(PARTS)
    }
    rests = ((arrival.node_ns - sum(arrival.parts_ns)) / NS_IN_MS for arrival in arrivals)
    return {**parts, 'rest': describe(rests)}


def _receipts_ns(phases: Sequence[Phase], eye: str) -> list[list[int]]:
    return [[arrival.receipt_ns for arrival in phase.heard.labels[eye]] for phase in phases]


def _answered_pairs(heard: Heard) -> set[int]:
    """Return the stamps that were answered for both eyes."""
    return set.intersection(*({arrival.stamp_ns for arrival in heard.labels[eye]} for eye in EYES))


def _pair_receipts_ns(heard: Heard) -> list[int]:
    """Return when each pair was complete."""
    pairs = _answered_pairs(heard)
    complete: dict[int, int] = {}
    for eye in EYES:
        for arrival in heard.labels[eye]:
            if arrival.stamp_ns in pairs:
                known = complete.get(arrival.stamp_ns, 0)
                complete[arrival.stamp_ns] = max(known, arrival.receipt_ns)
    return sorted(complete.values())


def _count_frames(phases: Sequence[Phase], eye: str) -> dict[str, int | None]:
    """
    Return what became of all frames of an eye.

    ``lost`` never reached the node, ``unheard`` are answers that never reached the receiver.
    """
    sent = sum(len(phase.sent_ns) for phase in phases)
    answered = sum(len(phase.heard.labels[eye]) for phase in phases)
    found: dict[str, int | None] = {'sent': sent, 'answered': answered}
    if not all(phase.counts for phase in phases):
        return {**found, 'unanswered': sent - answered}
    counts = {name: sum(phase.counts[eye][name] for phase in phases) for name in COUNTERS}
    return {
        **found,
        'unanswered': sent - answered,
        'lost': sent - counts['received'],
        **counts,
        'unheard': counts['processed'] - answered,
    }


def _batched_fraction(phases: Sequence[Phase]) -> float | None:
    """Return the share of pairs that went through the network together, ``None`` of no pair."""
    together = [
        len(times) == 1
        for phase in phases
        for times in _inference_times(phase.heard).values()
        if times
    ]
    return sum(together) / len(together) if together else None


def _inference_times(heard: Heard) -> dict[int, set[int]]:
    """Return the inference times of both eyes by stamp; those of one batch are equal."""
    index = PARTS.index('inference')
    by_eye = [
        {arrival.stamp_ns: arrival.parts_ns[index] for arrival in heard.instruments[eye]}
        for eye in EYES
    ]
    return {stamp: {log[stamp] for log in by_eye} for stamp in set.intersection(*map(set, by_eye))}


def _pick(figures: Mapping[str, Any] | None, *names: str) -> float | None:
    value: Any = figures
    for name in names:
        if value is None:
            return None
        value = value[name]
    return value


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
