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


"""Tests of the list of metrics, and that the document has all of it."""

from pathlib import Path

import pytest

from surgseg_ros.evaluation.labels.metric_table import find_metric
from surgseg_ros.evaluation.labels.metric_table import format_metric_table
from surgseg_ros.evaluation.labels.metric_table import METRICS

DOCUMENT = Path(__file__).parents[3] / 'docs' / 'evaluation_of_labels.md'


def test_names_are_unique_and_explained():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names) > 15
    for metric in METRICS:
        assert metric.definition.endswith('.')
        assert metric.flatters
        assert metric.source
        assert metric.compares_with


def test_flattering_metrics_say_so():
    for metric in METRICS:
        assert ('ignoring_background' in metric.name) == ('FLATTERING' in metric.definition)


def test_find_metric():
    assert find_metric('mc_iou').by_class is not None
    with pytest.raises(ValueError, match='unknown metric .nose.; choose one of: iou_ternaus'):
        find_metric('nose')


def test_the_document_has_the_table():
    text = DOCUMENT.read_text(encoding='utf-8')
    assert format_metric_table() in text, 'paste the output of surgseg evaluate --list-metrics'
