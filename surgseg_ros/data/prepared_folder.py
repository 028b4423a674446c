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
Writing of data sets in the prepared layout (:mod:`surgseg_ros.data.layouts.cropped_endovis`).

Every file appears complete or not at all, and what exists is kept, so an interrupted run is
finished by the same call.
"""

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from surgseg_ros.data.image_files import write_image_whole
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.layouts.cropped_endovis import IMAGES
from surgseg_ros.data.layouts.cropped_endovis import LAYOUT
from surgseg_ros.data.layouts.cropped_endovis import MASK_FORMATS
from surgseg_ros.data.parallel import map_in_threads
from surgseg_ros.data.samples import Crop
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import Sample
from surgseg_ros.data.whole_files import write_whole_text

MANIFEST = 'dataset.json'
IMAGE_FORMATS = ('png', 'jpg')
JPEG_QUALITY = 100


@dataclass
class VideoSummary:
    """
    What a video of a prepared folder holds.

    :param frames: number of images
    :param crop: part of the source's frames that was kept; ``None`` for whole frames
    :param pixels: number of pixels of each class, by task and name of the class
    """

    frames: int = 0
    crop: Crop | None = None
    pixels: dict[str, dict[str, int]] = field(default_factory=dict)


class PreparedFolder:
    """
    A data set in the making.

    :param root: new folder, empty folder, or one that an earlier call has begun
    :param tasks: whose labels are stored
    :param image_format: ``png`` or ``jpg``
    :param settings: all else that decides the content, stored in ``dataset.json``
    :raises DatasetError: if the folder holds other files, or was begun with other settings
    """

    def __init__(
        self, root: Path, tasks: tuple[str, ...], image_format: str, settings: Mapping[str, Any]
    ) -> None:
        if image_format not in IMAGE_FORMATS:
            raise DatasetError(
                f"unknown image format '{image_format}'; choose one of: {', '.join(IMAGE_FORMATS)}"
            )
        self.root = root
        self._formats = {task: MASK_FORMATS[task] for task in tasks}
        self._suffix = f'.{image_format}'
        self._manifest: dict[str, Any] = {
            'settings': {**settings, 'image_format': image_format},
            'tasks': {
                task: {
                    'folder': form.folder,
                    'factor': form.factor,
                    'classes': list(get_label_set(task).class_names),
                }
                for task, form in self._formats.items()
            },
        }
        # As JSON has it, for comparison: tuples are lists there.
        self._manifest = json.loads(json.dumps(self._manifest))
        self._check_root()

    def begin(self) -> None:
        """Create the folder and tell in ``dataset.json`` what it is going to be."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._write_manifest(self._manifest)

    def is_complete(self, video: str, stem: str) -> bool:
        """Tell whether an image and all its masks exist."""
        return all(path.is_file() for path in self._paths(video, stem))

    def write(
        self, video: str, stem: str, image: np.ndarray, labels: Mapping[str, np.ndarray]
    ) -> None:
        """
        Write an image and its masks.

        :param image: (H, W, 3) uint8 RGB
        :param labels: (H, W) uint8 class ids of every task of the folder
        :raises ValueError: if pixels are unlabeled and the masks cannot express that
        :raises OSError: if a file cannot be written
        """
        image_path, *mask_paths = self._paths(video, stem)
        masks = [form.encode(labels[task]) for task, form in self._formats.items()]
        for path in (image_path, *mask_paths):
            path.parent.mkdir(parents=True, exist_ok=True)
        for path, mask in zip(mask_paths, masks, strict=True):
            write_image_whole(path, mask)
        write_image_whole(image_path, image, JPEG_QUALITY)

    def finish(self, crops: Mapping[str, Crop | None], workers: int) -> dict[str, VideoSummary]:
        """
        Count what was written, by reading it, and store that in ``dataset.json``.

        There its ``hash`` tells equal data sets from others, however their files are compressed:
        SHA-256 over a line a sample, in order of the names, with the SHA-256 of the decoded pixels
        of its image and of its masks as they are stored.

        :param crops: of the source's videos
        :param workers: threads
        :return: by video
        """
        samples = LAYOUT.list_samples(self.root).samples
        read = map_in_threads(self._read, samples, workers, 'count', 'image')
        videos: dict[str, VideoSummary] = {}
        for sample, (counts, _) in zip(samples, read, strict=True):
            summary = videos.setdefault(sample.video, VideoSummary(crop=crops.get(sample.video)))
            summary.frames += 1
            for task, pixels in counts.items():
                names = get_label_set(task).class_names
                total = summary.pixels.setdefault(task, dict.fromkeys(names, 0))
                for name, number in zip(names, pixels, strict=True):
                    total[name] += int(number)
        lines = sorted(
            f'{sample.name} {digest}\n' for sample, (_, digest) in zip(samples, read, strict=True)
        )
        self._write_manifest(
            {
                **self._manifest,
                'hash': hashlib.sha256(''.join(lines).encode()).hexdigest(),
                'videos': {video: asdict(summary) for video, summary in videos.items()},
            }
        )
        return videos

    def _read(self, sample: Sample) -> tuple[dict[str, np.ndarray], str]:
        """Return the number of pixels of each class, by task, and the digest of all pixels."""
        digest = hashlib.sha256()
        _add_pixels(digest, sample.read_image())
        counts = {}
        for task, form in self._formats.items():
            num_classes = get_label_set(task).num_classes
            labels = sample.read_labels(task)
            _add_pixels(digest, form.encode(labels))
            counts[task] = np.bincount(labels.ravel(), minlength=num_classes)[:num_classes]
        return counts, digest.hexdigest()

    def _paths(self, video: str, stem: str) -> list[Path]:
        """Return the image file, then the mask of every task."""
        folder = self.root / video
        masks = [folder / form.folder / f'{stem}.png' for form in self._formats.values()]
        return [folder / IMAGES / f'{stem}{self._suffix}', *masks]

    def _check_root(self) -> None:
        if not self.root.is_dir() or not any(self.root.iterdir()):
            return
        path = self.root / MANIFEST
        if not path.is_file():
            raise DatasetError(
                f'{self.root} is not empty and has no {MANIFEST} of an earlier run; choose a new '
                'folder'
            )
        earlier = json.loads(path.read_text(encoding='utf-8'))
        for key in ('settings', 'tasks'):
            if earlier.get(key) != self._manifest[key]:
                raise DatasetError(
                    f'{self.root} was begun with other {key}: {json.dumps(earlier.get(key))} '
                    f'instead of {json.dumps(self._manifest[key])}; repeat these or choose a new '
                    'folder'
                )

    def _write_manifest(self, content: Mapping[str, Any]) -> None:
        write_whole_text(self.root / MANIFEST, json.dumps(content, indent=2) + '\n')


def read_hash(root: Path) -> str | None:
    """Return the hash of a finished data set, see :meth:`PreparedFolder.finish`, or ``None``."""
    path = root / MANIFEST
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding='utf-8')).get('hash')


def _add_pixels(digest: 'hashlib._Hash', pixels: np.ndarray) -> None:
    digest.update(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
