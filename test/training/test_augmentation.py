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

"""Tests of the random changes of training images."""

import torch

from surgseg_ros.training.augmentation import Augmentation


def test_image_and_labels_stay_aligned():
    """Where the label is 1 the image is bright: no change may separate the two."""
    torch.manual_seed(0)
    labels = torch.zeros(128, 160, dtype=torch.uint8)
    labels[30:90, 40:120] = 1
    image = torch.where(labels > 0, 230, 25).to(torch.uint8).expand(3, -1, -1).contiguous()
    augment = Augmentation((64, 80), (0.5, 1.0))
    for _ in range(20):
        changed, changed_labels = augment(image, labels)
        assert changed.shape == (3, 64, 80)
        assert changed_labels.shape == (64, 80)
        assert set(changed_labels.unique().tolist()) <= {0, 1}
        brightness = changed.float().mean(dim=0)
        inside, outside = brightness[changed_labels == 1], brightness[changed_labels == 0]
        middle = (inside.median() + outside.median()) / 2
        agreement = ((brightness > middle) == (changed_labels == 1)).float().mean()
        assert agreement > 0.93


def test_images_really_change():
    torch.manual_seed(0)
    image = torch.randint(0, 255, (3, 64, 80), dtype=torch.uint8)
    labels = torch.zeros(64, 80, dtype=torch.uint8)
    first, second = (Augmentation((64, 80), (0.2, 1.0))(image, labels)[0] for _ in range(2))
    assert (first != second).float().mean() > 0.5
