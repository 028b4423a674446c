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

"""Label sets: what every value of a label image means."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import yaml

BINARY = 'binary'
"""The task in which every class above 0 is instrument, so labels of any task suit it."""

UNLABELED = 255
"""Label image value of pixels without a class (``vision_msgs/LabelInfo``)."""


@dataclass(frozen=True)
class LabelSet:
    """
    The classes of one task.

    The class id of a name is its position; class 0 is the background.

    :param name: task name, such as ``'parts'``
    :param class_names: one name a class
    :param colors: (N, 3) uint8, RGB display color of each class
    """

    name: str
    class_names: tuple[str, ...]
    colors: np.ndarray

    @property
    def num_classes(self) -> int:
        """Return the number of classes, background included."""
        return len(self.class_names)

    def index(self, class_name: str) -> int:
        """
        Return the class id of a class name.

        :raises ValueError: if the label set has no such class
        """
        if class_name not in self.class_names:
            raise ValueError(
                f"label set '{self.name}' has no class '{class_name}'; "
                f'it has: {", ".join(self.class_names)}'
            )
        return self.class_names.index(class_name)

    def colorize(self, label_image: np.ndarray) -> np.ndarray:
        """
        Paint a label image.

        :param label_image: (H, W) uint8 class ids; ids outside the set become black
        :return: (H, W, 3) uint8 RGB
        """
        table = np.zeros((256, 3), np.uint8)
        table[: self.num_classes] = self.colors
        return table[label_image]


@cache
def _load_all() -> dict[str, LabelSet]:
    text = resources.files(__package__).joinpath('label_sets.yaml').read_text(encoding='utf-8')
    return {
        name: LabelSet(
            name,
            tuple(entry['name'] for entry in entries),
            np.array([entry['color'] for entry in entries], np.uint8),
        )
        for name, entries in yaml.safe_load(text).items()
    }


def list_label_sets() -> list[str]:
    """Return the names of all label sets (tasks)."""
    return list(_load_all())


def get_label_set(name: str) -> LabelSet:
    """
    Return a label set by its task name.

    :raises ValueError: if there is no such task; the message lists those that exist
    """
    if name not in _load_all():
        raise ValueError(f"unknown task '{name}'; choose one of: {', '.join(list_label_sets())}")
    return _load_all()[name]
