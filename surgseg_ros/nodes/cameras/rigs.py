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

"""Rigs: where the cameras of common surgical robot computers publish."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
import yaml

EYES = ('left', 'right')
RAW, COMPRESSED = 'raw', 'compressed'
_COMPRESSED_SUFFIX = '/compressed'


@dataclass(frozen=True)
class EyeTopics:
    """
    Absolute topics of one camera.

    :param image: as the camera publishes it, of the type that ``Rig.image_transport`` says
    :param camera_info: empty: there is none
    """

    image: str
    camera_info: str = ''


@dataclass(frozen=True)
class Rig:
    """
    One entry of ``config/rigs.yaml``.

    :param image_transport: ``'raw'`` or ``'compressed'``
    :param eyes: topics by ``'left'`` and ``'right'``; a mono rig has the left one only
    """

    name: str
    description: str
    image_transport: str
    eyes: dict[str, EyeTopics]

    def remappings(self) -> list[tuple[str, str]]:
        """
        Return the remappings that point the inputs of the segmentation node to this rig.

        :return: pairs (name in the node, absolute topic), for either transport
        """
        return [pair for eye, topics in self.eyes.items() for pair in self._of_eye(eye, topics)]

    def _of_eye(self, eye: str, topics: EyeTopics) -> list[tuple[str, str]]:
        raw, compressed = topics.image, topics.image
        if self.image_transport == RAW:
            compressed += _COMPRESSED_SUFFIX
        else:
            raw = raw.removesuffix(_COMPRESSED_SUFFIX)
        pairs = [(f'{eye}/image_raw{_COMPRESSED_SUFFIX}', compressed), (f'{eye}/image_raw', raw)]
        if topics.camera_info:
            pairs.append((f'{eye}/camera_info', topics.camera_info))
        return pairs


def default_rigs_file() -> Path:
    """Return the path of the rigs that come with the package."""
    return Path(get_package_share_directory('surgseg_ros'), 'config', 'rigs.yaml')


def load_rigs(path: Path | None = None) -> dict[str, Rig]:
    """
    Read rigs by name.

    :param path: YAML file; None: the one that comes with the package
    :raises ValueError: if an entry is incomplete or holds something unknown; the message names it
    """
    path = path or default_rigs_file()
    content = yaml.safe_load(path.read_text(encoding='utf-8'))
    return {name: _parse_rig(path, name, entry) for name, entry in content.items()}


def _parse_rig(path: Path, name: str, entry: dict[str, Any]) -> Rig:
    try:
        rig = Rig(
            name,
            description=entry['description'],
            image_transport=entry['image_transport'],
            eyes={eye: EyeTopics(**entry[eye]) for eye in EYES if eye in entry},
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"rig '{name}' of {path}: {error}") from error
    if rig.image_transport not in (RAW, COMPRESSED):
        raise ValueError(
            f"rig '{name}' of {path}: image_transport is '{rig.image_transport}'; "
            f"choose '{RAW}' or '{COMPRESSED}'"
        )
    topics = [topic for eye in rig.eyes.values() for topic in (eye.image, eye.camera_info)]
    relative = [topic for topic in topics if topic and not topic.startswith('/')]
    if 'left' not in rig.eyes or relative:
        raise ValueError(
            f"rig '{name}' of {path} needs a left eye and absolute topics; relative: {relative}"
        )
    return rig
