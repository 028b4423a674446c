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
Measure the segmentation node end to end: a stereo camera, DDS, the node, a receiver.

Run ``python -m surgseg_ros.nodes.benchmark --help``, or ``surgseg benchmark --node``.
"""

from collections.abc import Sequence
import json
from pathlib import Path
import sys

from surgseg_ros.nodes.benchmark.arguments import parse_arguments
from surgseg_ros.nodes.benchmark.measurement import NodeBenchmark
from surgseg_ros.nodes.benchmark.process import BenchmarkError
from surgseg_ros.nodes.benchmark.report import format_markdown
from surgseg_ros.nodes.benchmark.report import format_text
from surgseg_ros.nodes.common.running import raise_interrupt_on_signals
from surgseg_ros.reporting.packages import check_packages
from surgseg_ros.reporting.packages import MissingPackageError


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the benchmark.

    :return: exit code: 0 if something was measured, also when stopped early; else 1
    """
    arguments = parse_arguments(argv)
    raise_interrupt_on_signals()
    try:
        check_packages('psutil')
        result = NodeBenchmark(arguments).run()
    except (BenchmarkError, MissingPackageError) as error:
        print(f'The benchmark failed: {error}', file=sys.stderr)
        return 1
    print(format_text(result))
    _write(arguments.json, json.dumps(result, indent=2) + '\n')
    _write(arguments.markdown, format_markdown(result))
    return 0
