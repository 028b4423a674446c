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

"""What a checkpoint says about itself, and what was found while it was loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import json
from typing import Any

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import LabelSet

FORMAT = 'surgseg_ros/1'
NATIVE_SIZE = (0, 0)
FIT, STRETCH = 'fit', 'stretch'
RESIZE_MODES = (FIT, STRETCH)


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message names the file, the cause and the remedy."""


@dataclass(frozen=True)
class CheckpointInfo:
    """
    What a checkpoint says about itself.

    :param model: name in the model registry
    :param task: label set
    :param input_size: (width, height) in pixels that the network is run at, see
        :func:`surgseg_ros.inference.preprocessing.fit_network_size`; ``(0, 0)``: the image's own
    :param mean: RGB mean of the images in [0, 1], subtracted before the network
    :param std: RGB deviation that the difference is divided by
    :param options: keyword arguments of the network's class
    :param notice: what a user must know about the weights, shown wherever they are loaded
    :param provenance: how the weights were made: data, steps, metrics
    :param resize: ``'fit'`` keeps the aspect ratio of the images, ``'stretch'`` brings every
        image to exactly the input size
    :param threshold: probability, in (0, 1), from which on a pixel is an instrument; for task
        ``binary`` only
    :raises ValueError: if the resize mode or the threshold is none
    """

    model: str
    task: str
    input_size: tuple[int, int] = NATIVE_SIZE
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    options: Mapping[str, Any] = field(default_factory=dict)
    notice: str = ''
    provenance: Mapping[str, Any] = field(default_factory=dict)
    resize: str = FIT
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Check the values."""
        if self.resize not in RESIZE_MODES:
            raise ValueError(
                f"unknown resize mode '{self.resize}'; choose one of: {', '.join(RESIZE_MODES)}"
            )
        check_threshold(self.threshold)

    @property
    def label_set(self) -> LabelSet:
        """Return the classes of the task."""
        return get_label_set(self.task)

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata of the file, one JSON value a key."""
        values = {
            'model': self.model,
            'task': self.task,
            'class_names': self.label_set.class_names,
            'input_size': self.input_size,
            'mean': self.mean,
            'std': self.std,
            'options': dict(self.options),
            'notice': self.notice,
            'provenance': dict(self.provenance),
            'resize': self.resize,
            'threshold': self.threshold,
        }
        return {'format': FORMAT, **{key: json.dumps(value) for key, value in values.items()}}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> 'CheckpointInfo':
        """
        Read the metadata of a file; fields that older files lack get their defaults.

        :raises ValueError: if an entry is missing or unusable
        """
        if metadata.get('format') != FORMAT:
            raise ValueError(f"its metadata does not say format '{FORMAT}'")
        try:
            values = {key: json.loads(text) for key, text in metadata.items() if key != 'format'}
            class_names = tuple(values.pop('class_names'))
            for key in ('input_size', 'mean', 'std'):
                values[key] = tuple(values[key])
            info = cls(**values)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f'its metadata is incomplete or damaged ({error!r})') from error
        if class_names != info.label_set.class_names:
            raise ValueError(
                f"its classes {list(class_names)} are not those of task '{info.task}', "
                f'{list(info.label_set.class_names)}'
            )
        return info


@dataclass(frozen=True)
class LoadReport:
    """
    What a checkpoint turned out to be, and what was changed to load it.

    :param layout: whose file it is, such as ``'TernausNet-16 of ...'``
    :param num_tensors: tensors of the file that the network uses
    :param changes: one phrase for everything dropped, renamed or filled in, with the reason
    """

    layout: str
    num_tensors: int
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line for a log."""
        return '; '.join((f'{self.layout}, {self.num_tensors} tensors', *self.changes))


def check_threshold(threshold: float) -> None:
    """
    Refuse a threshold that no probability can lie on both sides of.

    :raises ValueError: unless it lies between 0 and 1
    """
    if not 0 < threshold < 1:
        raise ValueError(f'a threshold must lie between 0 and 1, both excluded, not {threshold}')
