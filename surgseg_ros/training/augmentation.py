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

"""Random changes of training images, with ``torchvision.transforms.v2``."""

# Makes torchvision importable beside any build of torch, so it comes first.
import surgseg_ros.models.torchvision_import  # noqa: F401

# isort: split
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2


class Augmentation:
    """
    Cut, turn, flip and recolor an image and its label image.

    Islam et al. 2019, section III-B, flip in both directions and name blur, brightness and skew
    as the additional ones for practice.

    :param size: (height, width) of the result
    :param scale: smallest and largest share of the image's area that a cut keeps
    """

    def __init__(self, size: tuple[int, int], scale: tuple[float, float]) -> None:
        self._transform = v2.Compose(
            [
                v2.RandomResizedCrop(list(size), scale=scale, ratio=(1.05, 1.5), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                v2.RandomApply([v2.RandomAffine(degrees=25, shear=8)], p=0.3),
                v2.RandomApply([v2.ColorJitter(0.3, 0.3, 0.3)], p=0.5),
                v2.RandomApply([v2.ColorJitter(hue=0.06)], p=0.2),
                v2.RandomGrayscale(p=0.05),
                v2.RandomApply([v2.GaussianBlur(5, sigma=(0.3, 2.0))], p=0.15),
            ]
        )

    def __call__(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the changed pair.

        :param image: (3, H, W) uint8
        :param labels: (H, W) uint8, resampled by nearest neighbor
        """
        return self._transform(tv_tensors.Image(image), tv_tensors.Mask(labels))
