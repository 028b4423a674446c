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

"""Tests of what the benchmark measures and tells of the computer itself."""

import json

import numpy as np
import torch

from surgseg_ros.benchmark import roofline
from surgseg_ros.benchmark.machine import instruction_sets
from surgseg_ros.benchmark.machine import machine_facts
from surgseg_ros.benchmark.process_memory import available_bytes
from surgseg_ros.benchmark.process_memory import MemoryMeter

CPU = torch.device('cpu')


def test_facts_fit_into_json():
    facts = json.loads(json.dumps(machine_facts(CPU, 2)))
    assert facts['cpu']
    assert facts['threads'] == 2
    assert facts['versions']['torch'] == torch.__version__
    assert 'gpu' not in facts


def test_instruction_sets_are_read_from_the_flags(tmp_path):
    file = tmp_path / 'cpuinfo'
    file.write_text('processor : 0\nflags\t\t: fpu avx avx2 avx512f amx_bf16\nbugs : amx_tile\n')
    assert instruction_sets(file) == ['avx2', 'avx512f', 'amx_bf16']
    assert instruction_sets(tmp_path / 'missing') == []


def test_the_best_of_all_looks_stays(monkeypatch):
    monkeypatch.setattr(roofline, 'SECONDS_PER_MEASUREMENT', 0.0)
    monkeypatch.setitem(roofline.MATRIX_SIDES, 'cpu', (256,))
    monkeypatch.setitem(roofline.BUFFER_BYTES, 'cpu', 2**20)
    computer = roofline.Roofline(CPU)
    assert computer.gflops_per_s == {}
    computer.measure('fp32')
    first = computer.gflops_per_s['fp32'], computer.gigabytes_per_s
    assert min(first) > 0
    computer.measure('fp32')
    assert computer.gflops_per_s['fp32'] >= first[0]
    assert computer.gigabytes_per_s >= first[1]


def test_memory_that_is_freed_again_counts_at_its_peak():
    meter = MemoryMeter(CPU)
    growth = meter.peak_growth(lambda: np.ones(100 * 2**20, np.uint8).sum())
    assert growth is not None
    assert 95 * 2**20 < growth < 150 * 2**20
    assert available_bytes(CPU) > 0
