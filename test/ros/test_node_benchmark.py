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

"""The node benchmark from end to end: real nodes, a real camera, DDS."""

import json
import math
import subprocess
import sys

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('cv_bridge')

PAIRS = 12
LATENCIES = ('latency_ms', 'instruments_latency_ms', 'node_latency_ms')


def run_benchmark(*arguments):
    command = [sys.executable, '-m', 'surgseg_ros.nodes.benchmark', '--size', '320x240']
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=240
    )


def check_distribution(found):
    quantiles = [found[name] for name in ('p50', 'p95', 'p99', 'max')]
    assert all(math.isfinite(value) for value in quantiles)
    assert quantiles[0] > 0.0
    assert quantiles == sorted(quantiles)


def test_benchmark_beside_the_plain_node(target_checkpoint, tmp_path):
    files = {name: tmp_path / 'results' / f'node.{name}' for name in ('json', 'markdown')}
    done = run_benchmark(
        *('--checkpoint', str(target_checkpoint), '--device', 'cpu', '--threads', '1'),
        *('--rate', '20', '--frames', str(PAIRS), '--rounds', '1', '--bare-seconds', '0.1'),
        *('--backend', 'torch', '--compare', 'plain'),
        *(f'--{name}={path}' for name, path in files.items()),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(files['json'].read_text(encoding='utf-8'))
    sent = PAIRS + result['camera']['warm_up_pairs']
    for node in (result['node'], result['plain']):
        assert node['pairs_sent'] == sent
        check_distribution(node['latency_ms'])
        for frames in node['frames'].values():
            assert frames['sent'] == sent
            assert frames['answered'] + frames['unanswered'] == sent
    for frames in result['node']['frames'].values():
        dropped = frames['replaced'] + frames['stale'] + frames['rejected']
        assert frames['received'] == frames['processed'] + dropped
        assert frames['sent'] == frames['received'] + frames['lost']
        assert frames['processed'] == frames['answered'] + frames['unheard']
    for name in LATENCIES:
        check_distribution(result['node'][name])
    check_distribution(result['bare']['network_ms'])
    assert all(math.isfinite(ratio) for ratio in result['ratios'].values())
    assert result['network']['backend'] == 'torch'
    assert result['node']['start_s'] > 0.0
    assert result['node']['rss_mb'] <= result['node']['peak_rss_mb']
    assert 'Inside the node' in done.stdout
    assert '| Stamp to label image' in files['markdown'].read_text(encoding='utf-8')
