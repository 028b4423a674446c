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
"""Data that can be learned in seconds."""

import numpy as np
import pytest

from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample
from surgseg_ros.training.run_data import TrainingData


def read_ids(images):
    return images[0]


@pytest.fixture(scope='session')
def shaft_samples(tmp_path_factory):
    """Return six images of a bright shaft on dark noise, 96x64, of two videos."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp('data')
    samples = []
    for index in range(6):
        labels = np.zeros((64, 96), np.uint8)
        top = rng.integers(5, 30)
        labels[top : top + 25] = 1
        image = rng.integers(0, 60, (64, 96, 3), np.uint8)
        image[labels == 1] += 180
        image_file, label_file = path / f'{index}.png', path / f'{index}_labels.png'
        write_image(image_file, image)
        write_image(label_file, labels)
        files = LabelFiles((label_file,), read_ids)
        tasks = dict.fromkeys(('binary', 'parts'), files)
        samples.append(Sample(f'video_{index % 2}', f'{index}', image_file, tasks))
    return tuple(samples)


@pytest.fixture(scope='session')
def shaft_data(shaft_samples):
    return TrainingData(shaft_samples, shaft_samples, 'drawn, for tests')
