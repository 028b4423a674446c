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
Run a stereo camera and the segmentation node for minutes and judge what that leaves behind.

``make soak`` runs it; ``SOAK_ARGS='--minutes 60'`` for an hour. Ctrl-C keeps what was measured.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
import json
import os
from pathlib import Path
import sys
import time
import uuid

from camera_process import CameraProcess
from camera_process import EYES
from measurements import adds_up
from measurements import counts_of
from measurements import describe_ms
from measurements import ProcessSample
from measurements import sample_process
from measurements import stamp_ns
from node_process import NodeProcess
from own_domain import own_domain
from own_domain import own_domain_variables
import rclpy
from rig import Rig
from station import Station
from surgseg_ros.msg import InstrumentArray
from tqdm import tqdm

from surgseg_ros.nodes.common.process_environment import large_image_variables
from surgseg_ros.nodes.common.process_environment import malloc_variables
from surgseg_ros.nodes.segmentation.slots import FrameCounts

SIZE = (1280, 1024)
RATE_HZ = 30.0
SAMPLE_PERIOD_S = 5.0
SETTLED_AFTER_S = 60.0
MOST_GROWTH_MB = 20.0
START_TIMEOUT_S = 180.0
READY = 'waiting for images'
TABLE_HEAD = f'{"s":>6} {"RSS MiB":>9} {"threads":>7} {"files":>5}' + ''.join(
    f' | {eye:>5}: {"received":>8} {"processed":>9} {"replaced":>8} {"rejected":>8} {"lost":>5}'
    for eye in EYES
)


@dataclass(frozen=True)
class Sample:
    """
    The node at one moment.

    :param seconds: since the camera was started
    :param counts: frame counters by eye
    :param lost: images lost on the way by eye
    """

    seconds: float
    process: ProcessSample
    counts: dict[str, FrameCounts]
    lost: dict[str, int]

    def row(self) -> str:
        """Return a row of the table."""
        text = f'{self.seconds:>6.0f} {self.process.rss_mb:>9.1f} {self.process.threads:>7}'
        text += f' {self.process.descriptors:>5}'
        for eye in EYES:
            c = self.counts[eye]
            text += f' | {"":>5}  {c.received:>8} {c.processed:>9} {c.replaced:>8} {c.rejected:>8}'
            text += f' {self.lost[eye]:>5}'
        return text


@dataclass
class Answers:
    """Count the answers of an eye, and keep how old they came."""

    ages_ms: list[float] = field(default_factory=list)
    repeated: int = 0
    _last_ns: int = 0

    def add(self, msg: InstrumentArray) -> None:
        captured = stamp_ns(msg.header.stamp)
        self.ages_ms.append((time.time_ns() - captured) / 1e6)
        self.repeated += captured <= self._last_ns
        self._last_ns = captured


class Soak:
    """
    The node and its surroundings.

    :param minutes: how long the camera sends
    :param folder: for logs and report
    :param device: of the network
    """

    def __init__(self, minutes: float, folder: Path, device: str) -> None:
        self._seconds = minutes * 60.0
        self._folder = folder
        os.environ |= large_image_variables(os.environ) | malloc_variables(os.environ)
        os.environ |= own_domain_variables()
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=own_domain())
        self._station = Station(self._context, f'/soak_{uuid.uuid4().hex[:8]}')
        self._node = NodeProcess(
            'segmentation_node',
            {'device': device},
            self._station.namespace,
            folder / 'node.log',
            own_session=True,
        )
        self._camera: CameraProcess | None = None
        self.samples: list[Sample] = []
        self.answers = {eye: Answers() for eye in EYES}
        self.sent = 0
        self.interrupted = False

    def run(self) -> list[str]:
        """Measure until the time is over or Ctrl-C, and return what is wrong."""
        self._node.wait_for_output(READY, START_TIMEOUT_S)
        rig = Rig(self._station, eyes=[])
        for eye, answers in self.answers.items():
            self._station.node.create_subscription(
                InstrumentArray, f'segmentation/{eye}/instruments', answers.add, 10
            )
        self._camera = CameraProcess(
            self._station.namespace, SIZE, self._seconds, self._folder, RATE_HZ, own_session=True
        )
        start = time.monotonic()
        try:
            self._watch(rig, start)
        except KeyboardInterrupt:
            self.interrupted = True
        self.sent = len(self._camera.stop())
        self._sample({eye: rig.present_status(eye) for eye in EYES}, start)
        problems = find_problems(self)
        try:
            self._node.stop()
        except AssertionError as error:
            problems.append(f'the node did not end cleanly: {error}')
        return problems

    def close(self) -> None:
        """End all processes."""
        if self._camera is not None:
            self._camera.kill()
        self._node.kill()
        self._station.close()
        rclpy.shutdown(context=self._context)

    def _watch(self, rig: Rig, start: float) -> None:
        assert self._camera is not None
        with tqdm(total=round(self._seconds), unit='s', desc='soak') as bar:
            while self._camera.is_running():
                self._wait_for_next_sample(rig, start)
                elapsed = time.monotonic() - start
                bar.n = min(round(elapsed), bar.total)
                processed = sum(len(answers.ages_ms) for answers in self.answers.values())
                rss_mb = self.samples[-1].process.rss_mb if self.samples else 0.0
                bar.set_postfix_str(f'{rss_mb:.0f} MiB, {processed} answers')

    def _wait_for_next_sample(self, rig: Rig, start: float) -> None:
        due = start + SAMPLE_PERIOD_S * (len(self.samples) + 1)
        time.sleep(max(0.0, due - time.monotonic()))
        self._sample({eye: rig.wait_for_status(eye, bool) for eye in EYES}, start)

    def _sample(self, statuses: dict[str, dict[str, str]], start: float) -> None:
        self.samples.append(
            Sample(
                seconds=time.monotonic() - start,
                process=sample_process(self._node.pid),
                counts={eye: counts_of(values) for eye, values in statuses.items()},
                lost={eye: int(values['lost']) for eye, values in statuses.items()},
            )
        )


def find_problems(soak: Soak) -> list[str]:
    """Return what is wrong with a run that has ended, in sentences; empty when all is well."""
    last = soak.samples[-1]
    problems = [
        f'at {sample.seconds:.0f} s the counters of {eye} do not add up: {counts}'
        for sample in soak.samples
        for eye, counts in sample.counts.items()
        if not adds_up(counts)
    ]
    for eye, counts in last.counts.items():
        answers = soak.answers[eye]
        if counts.received + last.lost[eye] > soak.sent:
            problems.append(f'{eye}: {counts.received} received of {soak.sent} sent')
        if counts.processed != len(answers.ages_ms) or answers.repeated:
            problems.append(
                f'{eye}: {counts.processed} processed, {len(answers.ages_ms)} answers came, '
                f'{answers.repeated} of them twice or out of order'
            )
        if counts.processed == 0 or counts.rejected:
            problems.append(f'{eye}: {counts.processed} processed, {counts.rejected} rejected')
    return problems + find_growth(soak.samples)


def find_growth(samples: Sequence[Sample]) -> list[str]:
    """
    Return what grew after the first minute; the last sample was taken without a camera.

    glibc keeps freed buffers as chance has it, so that the lowest memory of the second half is
    compared with that of the first: a leak lifts it, a buffer that was kept does not.
    """
    settled = [sample.process for sample in samples[:-1] if sample.seconds >= SETTLED_AFTER_S]
    half = len(settled) // 2
    if half == 0:
        return [f'stopped within {SETTLED_AFTER_S:.0f} s: nothing can be said about memory']
    problems = []
    lowest = [min(process.rss_mb for process in part) for part in (settled[:half], settled[half:])]
    growth_mb = lowest[1] - lowest[0]
    if growth_mb >= MOST_GROWTH_MB:
        problems.append(f'memory grew by {growth_mb:.1f} MiB after the first minute')
    for name in ('threads', 'descriptors'):
        values = {getattr(process, name) for process in settled}
        if len(values) > 1:
            problems.append(f'the number of {name} changed: {sorted(values)}')
    return problems


def format_report(soak: Soak, problems: Sequence[str]) -> str:
    """Return the report as text."""
    lines = [TABLE_HEAD, *(sample.row() for sample in soak.samples), '']
    for eye, answers in soak.answers.items():
        if answers.ages_ms:
            lines.append(f'{eye}: age of the answers {describe_ms(answers.ages_ms)}')
    lines.append(f'pairs of images sent: {soak.sent}')
    if soak.interrupted:
        lines.append('interrupted; judged is what was measured until then')
    lines += [f'problem: {problem}' for problem in problems]
    lines.append('verdict: ' + ('failed' if problems else 'passed'))
    return '\n'.join(lines)


def write_report(soak: Soak, problems: Sequence[str], folder: Path) -> None:
    """Write ``report.json`` and ``report.txt``."""
    content = {
        'passed': not problems,
        'problems': list(problems),
        'interrupted': soak.interrupted,
        'image_size': SIZE,
        'rate_hz': RATE_HZ,
        'pairs_sent': soak.sent,
        'age_ms': {eye: describe_ms(a.ages_ms) for eye, a in soak.answers.items() if a.ages_ms},
        'samples': [asdict(sample) for sample in soak.samples],
    }
    (folder / 'report.json').write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
    (folder / 'report.txt').write_text(format_report(soak, problems) + '\n', encoding='utf-8')


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Run a 1280x1024 stereo camera of 30 Hz and the segmentation node with the '
        'shipped weights; exit with 1 if memory, threads or files grow or a frame is missing.'
    )
    parser.add_argument('--minutes', type=float, default=10.0, help='how long (default: 10)')
    parser.add_argument('--device', default='auto', help='of the network (default: auto)')
    parser.add_argument('--output', type=Path, default=Path('soak_output'), help='folder')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak test and return the exit code."""
    options = parse_arguments(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    soak = Soak(options.minutes, options.output, options.device)
    try:
        problems = soak.run()
    finally:
        soak.close()
    write_report(soak, problems, options.output)
    print(format_report(soak, problems))
    print(f'written to {options.output}/report.json and report.txt')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
