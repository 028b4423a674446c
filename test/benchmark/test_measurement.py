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

"""Tests of the network benchmark; what it measures is real, on a small scale."""

import pytest
import torch

from surgseg_ros.benchmark import measurement as module
from surgseg_ros.benchmark import roofline
from surgseg_ros.benchmark.eager_engine import EAGER
from surgseg_ros.benchmark.measurement import Benchmark
from surgseg_ros.benchmark.measurement import make_images
from surgseg_ros.benchmark.measurement import Settings
from surgseg_ros.benchmark.report import make_result
from surgseg_ros.inference.engine import BackendError

TINY = ((64, 64),)


@pytest.fixture(scope='module', autouse=True)
def hurry():
    """Look at what the computer can do for a short time only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roofline, 'SECONDS_PER_MEASUREMENT', 0.0)
        patch.setitem(roofline.MATRIX_SIDES, 'cpu', (256,))
        patch.setitem(roofline.BUFFER_BYTES, 'cpu', 2**20)
        patch.setattr(module, 'TURN_S', 0.01)
        yield


@pytest.fixture(scope='module')
def result():
    backends = (EAGER, 'torch', 'tensorrt')
    # On a busy computer one thread waits for no other.
    models = ('mffnet', 'color_linear')
    benchmark = Benchmark(Settings(models, (), TINY, backends=backends, repetitions=2, threads=1))
    benchmark.run()
    return make_result(benchmark, 'surgseg benchmark')


def trivial(**changes):
    """Return settings for a network that takes no time."""
    names = {'models': ('color_linear',), 'backends': (EAGER, 'torch')}
    return Settings(**names, sizes=TINY, threads=1, **changes)


def test_every_network_branch_and_backend_has_a_row(result):
    assert [(row['model'], row['branch'], row['backend']) for row in result['rows']] == [
        ('mffnet', 'main', EAGER),
        ('mffnet', 'main', 'torch'),
        ('mffnet', 'auxiliary', EAGER),
        ('mffnet', 'auxiliary', 'torch'),
        ('color_linear', 'main', EAGER),
        ('color_linear', 'main', 'torch'),
    ]
    assert [row['rounds'] for row in result['rows']] == [2] * 6


def test_times_costs_and_ratios_are_complete(result):
    for row in result['rows']:
        assert 0 < row['median_ms'] <= row['p95_ms'] <= row['p99_ms']
        assert row['labels_ms'] > row['median_ms']
        assert row['passes'] >= 2
        assert row['gflop_per_s'] > 0
        assert row['faster_than_eager'] > 0
        assert (row['of_main'] is not None) == (row['branch'] == 'auxiliary')
    assert result['rows'][0]['gflop'] == pytest.approx(0.38, abs=0.02)
    assert result['rows'][0]['parameters'] == 14_906_792
    assert set(result['peak_gflop_per_s']) >= {'fp32'}
    assert result['copy_gigabytes_per_s'] > 0


def test_labels_of_shipped_weights_agree_and_random_ones_are_not_compared(result):
    by_network = {(row['model'], row['backend']): row for row in result['rows']}
    assert by_network['mffnet', 'torch']['agreement'] > 0.99
    assert by_network['mffnet', 'torch']['weights'] == 'mffnet_parts_sim'
    assert by_network['color_linear', 'torch']['agreement'] is None
    assert by_network['color_linear', 'torch']['weights'] == 'random'


def test_what_cannot_run_here_is_told(result):
    if not torch.cuda.is_available():
        assert [skipped['what'] for skipped in result['skipped']] == ['tensorrt']
        assert 'cuda' in result['skipped'][0]['reason']


def test_a_number_format_that_a_backend_lacks_is_told():
    benchmark = Benchmark(trivial(precisions=('fp16', 'fp32')))
    assert [skipped.what for skipped in benchmark.skipped] == ['torch fp16']


def test_the_same_command_draws_the_same_pictures():
    left, right = make_images((320, 256), 2)
    assert left.shape == right.shape == (256, 320, 3)
    assert (left[:, 6:] == right[:, :-6]).all()
    assert (left == make_images((320, 256), 1)[0]).all()


def test_an_interrupt_keeps_what_was_measured():
    benchmark = Benchmark(trivial(repetitions=50))
    network = benchmark._find_weights('color_linear').model
    calls = []

    def interrupt_in_time(*_):
        calls.append(None)
        if len(calls) == 60:
            raise KeyboardInterrupt

    network.classifier.register_forward_pre_hook(interrupt_in_time)
    benchmark.run()
    result = make_result(benchmark, 'surgseg benchmark')
    assert result['interrupted']
    assert result['rows']
    assert all(1 <= row['rounds'] < 50 for row in result['rows'])


def test_an_engine_that_fails_leaves_the_others():
    benchmark = Benchmark(trivial(repetitions=1))
    network = benchmark._find_weights('color_linear').model

    def fail_on_pictures_in_nchw(_, inputs):
        (picture,) = inputs
        if picture.shape[-1] == TINY[0][0] and picture.is_contiguous() and not picture.is_meta:
            raise RuntimeError('no NCHW today')

    network.classifier.register_forward_pre_hook(fail_on_pictures_in_nchw)
    benchmark.run()
    assert [row.backend for row in benchmark.rows] == ['torch']
    (skipped,) = benchmark.skipped
    assert skipped.what == 'color_linear main, 1 x 64x64, eager fp32'
    assert skipped.reason == 'RuntimeError: no NCHW today'


def test_engines_take_turns_as_far_as_memory_goes(monkeypatch):
    monkeypatch.setattr(module, 'available_bytes', lambda device: 1)
    benchmark = Benchmark(trivial(repetitions=1))
    benchmark.run()
    assert [row.run for row in benchmark.rows] == [0, 1]
    assert benchmark.rows[1].faster_than_eager is None


def test_the_number_of_rounds_follows_their_length():
    assert module._affordable_rounds(module.SECONDS_A_RUN / 20.5) == 20
    assert module._affordable_rounds(1000.0) == module.MIN_ROUNDS
    assert module._affordable_rounds(1e-6) == module.MAX_ROUNDS


@pytest.mark.parametrize(
    ('settings', 'error', 'message'),
    [
        ({'models': ('nose',)}, ValueError, "unknown model 'nose'"),
        ({'branches': ('nose',)}, ValueError, "none of the networks has a branch 'nose'"),
        ({'backends': ('nose',)}, BackendError, "unknown backend 'nose'"),
        ({'precisions': ('fp8',)}, BackendError, "unknown precision 'fp8'"),
        ({'batches': (0,)}, ValueError, 'at least 1'),
    ],
)
def test_what_does_not_exist_is_refused_at_once(settings, error, message):
    with pytest.raises(error, match=message):
        Benchmark(Settings(**settings))


def test_all_networks_of_papers_are_the_peers():
    assert module._expand_models(['all', 'mffnet']) == [
        *('agsd_unet', 'linknet34', 'mffnet', 'rasnet', 'smp_unet_resnet34'),
        *('ternausnet11', 'ternausnet16', 'unet'),
    ]
