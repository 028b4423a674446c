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

from dataclasses import replace

import pytest

from surgseg_ros.benchmark.targets import judge


def test_a_cpu_without_amx_meets_its_targets(usual_rows):
    targets = judge(usual_rows, ['avx2'])
    assert [target.met for target in targets] == [True] * 4
    assert '2.00 times as fast as eager torch; at least 1.4 times' in targets[0].text
    assert '0.50 times the time of linknet34' in targets[1].text
    assert '99.950 %' in targets[3].text


@pytest.mark.parametrize(
    ('instruction_sets', 'changes', 'missed'),
    [
        (['avx2', 'amx_bf16'], {}, 'at least 4 times'),
        (['avx2'], {'faster_than_eager': 1.3}, 'at least 1.4 times'),
        (['avx2'], {'of_yardstick': 0.61}, 'at most 0.6 times'),
        (['avx2'], {'agreement': 0.998}, 'at least 99.9 %'),
    ],
)
def test_what_is_missed_is_told(usual_rows, instruction_sets, changes, missed):
    rows = [
        replace(row, **changes) if row.agreement and row.branch == 'main' else row
        for row in usual_rows
    ]
    texts = [target.text for target in judge(rows, instruction_sets) if not target.met]
    assert len(texts) == 1
    assert missed in texts[0]


def test_an_auxiliary_branch_that_is_no_faster(usual_rows):
    rows = [replace(row, of_main=1.0) if row.of_main else row for row in usual_rows]
    assert [target.met for target in judge(rows, [])] == [True, True, False, True]


def test_targets_of_a_gpu(usual_rows):
    (sample,) = [row for row in usual_rows if row.branch == 'auxiliary']
    common = {
        'branch': 'main',
        'width': 1280,
        'height': 1024,
        'precision': 'fp16',
        'agreement': None,
    }
    common |= {'backend': 'tensorrt', 'of_main': None, 'of_yardstick': None}
    common |= {'memory_mib': 500.0}
    single = replace(sample, **common, median_ms=0.9, images_per_s=1111.0)
    stereo = replace(sample, **common, batch=2, median_ms=1.8, labels_ms=4.1)
    targets = judge([single, stereo], [], 'NVIDIA H100 80GB HBM3')
    assert len(targets) == 6
    (missed,) = [target.text for target in targets if not target.met]
    assert 'images to labels 4.10 ms; at most 4 ms' in missed
    assert judge([single, stereo], [], 'NVIDIA GeForce GTX 1080 Ti') == []
