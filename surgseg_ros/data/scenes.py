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


"""
Scenes of real frames: what a folder of recordings and labels holds, as a YAML file tells it.

``data/real_scenes.yaml`` is such a file and explains the keys. Labels belong to the frame of their
file name; those of a video to the frame of their number, such as ``007.png`` to the eighth.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.label_decoding import decode_binary_mask
from surgseg_ros.data.label_decoding import decode_foreground
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import Decode
from surgseg_ros.data.samples import LabelFiles

DEFAULT_FILE = Path(__file__).resolve().parent / 'real_scenes.yaml'
OWN_FILE = 'scenes.yaml'
"""Name of a description that lies in the folder of the data."""

COLOR, GRAY = 'color', 'gray'
EXACT, ROUGH = 'exact', 'rough'
_CHOICES = {'look': (COLOR, GRAY), 'labels': (EXACT, ROUGH)}
_LABEL_KINDS: dict[str, Decode] = {
    'masks': decode_binary_mask,
    'parts': scaled_ids('parts'),
    'other': decode_foreground,
}


class SceneError(ValueError):
    """Scenes cannot be used; the message names the file, the cause and the remedy."""


@dataclass(frozen=True)
class SceneFrame:
    """
    One image of a scene.

    :param stem: name within the scene, with the eye appended where two are side by side
    :param eye: ``'left'`` or ``'right'`` where two are side by side, else empty
    :param image: (H, W, 3) uint8 RGB
    :param mask: (H, W) uint8, 1 instrument, 255 does not count; ``None`` without label
    :param parts: (H, W) uint8, 1 shaft, 2 wrist, 3 clasper, 255 does not count, or ``None``
    :param other: (H, W) uint8, 1 where a tool is no robotic instrument, or ``None``
    """

    stem: str
    eye: str
    image: np.ndarray
    mask: np.ndarray | None = None
    parts: np.ndarray | None = None
    other: np.ndarray | None = None

    def split(self) -> tuple['SceneFrame', 'SceneFrame']:
        """
        Return the left and the right half of image and labels, each as the frame of an eye.

        :raises SceneError: if the width is odd
        """
        width = self.image.shape[1]
        if width % 2:
            raise SceneError(f'{self.stem} is {width} px wide: two eyes side by side are even')
        return self._cut('left', slice(width // 2)), self._cut('right', slice(width // 2, None))

    def _cut(self, eye: str, columns: slice) -> 'SceneFrame':
        labels = (
            None if values is None else values[:, columns]
            for values in (self.mask, self.parts, self.other)
        )
        return SceneFrame(f'{self.stem}_{eye}', eye, self.image[:, columns], *labels)


@dataclass(frozen=True)
class Scene:
    """
    One scene: frames, perhaps with labels, and how they are to be scored.

    :param name: of its folder
    :param folder: that holds everything
    :param frames: folder of images or video, inside the folder; so are the others
    :param masks: folder of binary masks; empty: none
    :param parts: folder of masks of parts; empty: none
    :param other: folder of masks of tools that are no robotic instruments; empty: none
    :param look: ``'color'`` or ``'gray'``
    :param labels: ``'exact'`` or ``'rough'``
    :param instruments: whether any are in view
    :param side_by_side: whether each frame has two eyes
    :param consecutive: whether neighboring frames follow each other closely
    :param note: for the report
    """

    name: str
    folder: Path
    frames: str
    masks: str = ''
    parts: str = ''
    other: str = ''
    look: str = COLOR
    labels: str = EXACT
    instruments: bool = True
    side_by_side: bool = False
    consecutive: bool = False
    note: str = ''

    @property
    def is_labeled(self) -> bool:
        """Return whether there are masks."""
        return bool(self.masks)

    def check(self) -> None:
        """
        Refuse a scene whose files do not fit together, before anything is computed.

        :raises SceneError: if a folder is missing or empty, a mask belongs to no frame, or frames
            of a video are missing
        :raises surgseg_ros.data.frame_source.FrameSourceError: if there are no frames
        """
        stems = set(self._label_stems)
        for kind in _LABEL_KINDS:
            files = self._label_files[kind]
            lost = [path.name for stem, path in files.items() if stem not in stems]
            if lost:
                raise SceneError(
                    f"scene '{self.name}': {self.folder / getattr(self, kind)} has labels of no "
                    f'frame: {", ".join(lost[:5])}; their names must be those of the frames in '
                    f'{self.frames}, or their numbers in a video'
                )

    def count(self, limit: int | None = None) -> int:
        """Return the number of images, two a frame where eyes are side by side."""
        frames = self._frame_count if limit is None else min(limit, self._frame_count)
        return frames * (2 if self.side_by_side else 1)

    def read(self, limit: int | None = None) -> Iterator[SceneFrame]:
        """
        Read image by image.

        :param limit: only so many frames, the first ones
        :raises SceneError: if a frame or label is unreadable, or they differ in size
        """
        for index, frame in enumerate(islice(self._source, limit)):
            if frame.image is None:
                raise SceneError(f"scene '{self.name}': frame {frame.stem} is no readable image")
            key = str(index) if self._is_video else frame.stem
            labels = {kind: self._read_label(kind, key, frame.image) for kind in _LABEL_KINDS}
            mask, parts, other = labels['masks'], labels['parts'], labels['other']
            whole = SceneFrame(frame.stem, '', frame.image, mask, parts, other)
            yield from whole.split() if self.side_by_side else (whole,)

    @cached_property
    def _source(self) -> FrameSource:
        return FrameSource(self.folder / self.frames)

    @cached_property
    def _frame_count(self) -> int:
        """Return the number of frames, of a video of those that decode."""
        if not self._is_video:
            return len(self._source.stems)
        count = sum(1 for _ in self._source)
        if self._source.loss is not None:
            raise SceneError(f"scene '{self.name}': {self._source.path}: {self._source.loss}")
        return count

    @property
    def _is_video(self) -> bool:
        return (self.folder / self.frames).is_file()

    @property
    def _label_stems(self) -> list[str]:
        """Return the keys that labels of the frames can have."""
        if self._is_video:
            return [str(index) for index in range(self._frame_count)]
        return self._source.stems

    @cached_property
    def _label_files(self) -> dict[str, dict[str, Path]]:
        """Return the files of every kind of label by stem, or by frame number of a video."""
        return {kind: self._list_labels(kind) for kind in _LABEL_KINDS}

    def _list_labels(self, kind: str) -> dict[str, Path]:
        name = getattr(self, kind)
        if not name:
            return {}
        problems: list[str] = []
        files = index_images(self.folder / name, problems)
        if problems or not files:
            told = '; '.join(problems) or f'{self.folder / name} is missing or has no images'
            raise SceneError(
                f"scene '{self.name}': {told}. Put the {kind} there, or change '{kind}' in the "
                'description of the scenes'
            )
        return {self._key_of(path): path for path in files.values()}

    def _key_of(self, path: Path) -> str:
        if not self._is_video:
            return path.stem
        if not path.stem.isdecimal():
            raise SceneError(
                f"scene '{self.name}': {path} should be named after the number of its frame in "
                'the video, such as 007.png'
            )
        return str(int(path.stem))

    def _read_label(self, kind: str, key: str, image: np.ndarray) -> np.ndarray | None:
        path = self._label_files[kind].get(key)
        if path is None:
            return None
        try:
            labels = LabelFiles((path,), _LABEL_KINDS[kind]).read()
        except DatasetError as error:
            raise SceneError(f"scene '{self.name}': {error}") from error
        if labels.shape != image.shape[:2]:
            raise SceneError(
                f"scene '{self.name}': {path} is {labels.shape[1]}x{labels.shape[0]} but its "
                f'frame is {image.shape[1]}x{image.shape[0]}'
            )
        return labels


def find_description(data: Path, given: Path | None = None) -> Path:
    """
    Return the file that describes the scenes.

    :param data: folder of the scenes; its own ``scenes.yaml`` comes before the default
    :param given: comes before both
    """
    own = data / OWN_FILE
    return given or (own if own.is_file() else DEFAULT_FILE)


def load_scenes(data: Path, description: Path, names: Sequence[str] | None = None) -> list[Scene]:
    """
    Read which scenes there are and check that they are complete.

    :param data: folder with a folder a scene
    :param description: YAML file, see the module
    :param names: only these scenes; ``None``: all
    :raises SceneError: if the description is wrong, or a scene is missing or incomplete
    """
    if not data.is_dir():
        raise SceneError(f'{data} is no folder; expected one with a folder a scene')
    entries = _read_description(description)
    unknown = [name for name in names or () if name not in entries]
    if unknown:
        raise SceneError(
            f'{description} describes no scene {", ".join(unknown)}; it has: {", ".join(entries)}'
        )
    chosen = {name: entries[name] for name in names or entries}
    missing = [name for name in chosen if not (data / name).is_dir()]
    if missing:
        raise SceneError(
            f'{data} has no folder of the scenes {", ".join(missing)}, which {description} '
            'describes: averages over fewer scenes are others. Describe what is there in '
            f'{data / OWN_FILE} or in a file for --scenes'
        )
    scenes = [_make_scene(description, data, name, entry) for name, entry in chosen.items()]
    for scene in scenes:
        scene.check()
    return scenes


def undescribed_folders(data: Path, description: Path) -> list[str]:
    """Return the folders of the data that the description says nothing about."""
    entries = _read_description(description)
    folders = (path.name for path in data.iterdir() if path.is_dir())
    return sorted(name for name in folders if name not in entries and not name.startswith('.'))


def _read_description(path: Path) -> dict[str, Any]:
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SceneError(f'{path} cannot be read as YAML: {error}') from error
    if not isinstance(entries, dict) or not entries:
        raise SceneError(f'{path} describes no scenes; {DEFAULT_FILE} is an example')
    return {str(name): entry for name, entry in entries.items()}


def _make_scene(description: Path, data: Path, name: str, entry: Any) -> Scene:
    where = f"{description}, scene '{name}'"
    if not isinstance(entry, Mapping) or 'frames' not in entry:
        raise SceneError(f"{where}: expected keys and values, with at least 'frames'")
    known = {field.name: field for field in fields(Scene) if field.name not in ('name', 'folder')}
    unknown = [str(key) for key in entry if key not in known]
    if unknown:
        raise SceneError(
            f'{where}: unknown keys {", ".join(unknown)}; there are: {", ".join(known)}'
        )
    for key, value in entry.items():
        expected = bool if known[key].type in (bool, 'bool') else str
        if not isinstance(value, expected):
            kind = 'true or false' if expected is bool else 'text'
            raise SceneError(f"{where}: '{key}' is {value!r}, expected {kind}")
        if value not in _CHOICES.get(key, (value,)):
            raise SceneError(f"{where}: '{key}' is {value!r}, not {' or '.join(_CHOICES[key])}")
    scene = Scene(name, data / name, **entry)
    if not scene.masks and (scene.parts or scene.other):
        raise SceneError(f"{where}: 'parts' and 'other' need 'masks'")
    if scene.masks and not scene.instruments:
        raise SceneError(f"{where}: without instruments there is nothing to mask; remove 'masks'")
    return scene
