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


"""What tests of data sets say about samples."""

import numpy as np

from surgseg_ros.data.datasets import open_dataset


def sample_of(contents, name):
    return next(sample for sample in contents.samples if sample.name == name)


def columns(sample, task):
    """Return the class ids of the columns of a sample whose rows are equal."""
    labels = sample.read_labels(task)
    assert labels.dtype == np.uint8
    assert (labels == labels[0]).all()
    return labels[0].tolist()


def padded(values, width=32):
    return [*values, *[0] * (width - len(values))]


def assert_labels(sample, expected):
    assert set(sample.labels) == set(expected)
    for task, values in expected.items():
        assert columns(sample, task) == padded(values), task


def open_without_problems(root, layout):
    contents = open_dataset(root)
    assert contents.layout == layout
    assert contents.problems == ()
    return contents


def assert_equal_data(source, output, tasks=None):
    """Compare images and every label of two data sets."""
    expected, found = open_dataset(source), open_dataset(output)
    assert found.layout == 'cropped_endovis'
    assert found.problems == ()
    assert [sample.name for sample in found.samples] == [s.name for s in expected.samples]
    for raw, prepared in zip(expected.samples, found.samples, strict=True):
        np.testing.assert_array_equal(raw.read_image(), prepared.read_image())
        for task in tasks or raw.labels:
            np.testing.assert_array_equal(raw.read_labels(task), prepared.read_labels(task))
