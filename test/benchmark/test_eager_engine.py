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

import numpy as np
import pytest
import torch

from surgseg_ros.benchmark.eager_engine import EagerEngine
from surgseg_ros.benchmark.picture import draw_picture
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.deployable import DeployableNetwork


@pytest.fixture(autouse=True)
def one_thread():
    """Wait for no other thread on a busy computer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize('size', [(160, 128), (150, 105)])
def test_labels_are_those_of_the_network_alone(size):
    model, info = load_checkpoint(DEFAULT_CHECKPOINT)
    image = draw_picture(size)
    engine = EagerEngine(DeployableNetwork(model, info.mean, info.std), torch.device('cpu'))
    engine.load([image])
    engine.forward()
    (labels,), (confidence,) = engine.label_images(size, confidence=True)
    pixels = (image / 255 - np.array(info.mean)) / np.array(info.std)
    batch = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = model(batch).argmax(dim=1)[0].numpy()
    assert (labels == expected).mean() > 0.999
    assert labels.shape == confidence.shape == size[::-1]
    # The shipped weights see the drawn instruments, so that a comparison of labels says something.
    assert 0.05 < np.mean(labels > 0) < 0.25
