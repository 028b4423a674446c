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
SAR-RARP50 as released: videos of 60 frames per second, one labeled frame per second.

Psychogyios et al. 2023, "SAR-RARP50: Segmentation of surgical instrumentation and Action
Recognition on Robot-Assisted Radical Prostatectomy Challenge". A mask is named after the index of
its frame. The challenge's toolkit unpacks frames into ``rgb/``; where it did not run, the frames
are inside ``video_left.avi`` (:func:`find_missing_frames`, :func:`extract_frames`).
"""

from dataclasses import dataclass
from pathlib import Path
import re

from tqdm import tqdm

from surgseg_ros.data.image_files import write_image_whole
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_decoding import select_classes
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.layouts.base import find_folders
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import report_unknown_folders
from surgseg_ros.data.layouts.base import unique_names
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample
from surgseg_ros.data.videos import VideoError
from surgseg_ros.data.videos import VideoFrames

VIDEO_NAME = re.compile(r'video_\d+(_\d+)?')
VIDEO_FILE = 'video_left.avi'
TASK = 'sar_rarp50'

_CLASSES = get_label_set(TASK)
PART_OF_CLASS = {
    _CLASSES.index('tool shaft'): 1,
    _CLASSES.index('tool wrist'): 2,
    _CLASSES.index('tool clasper'): 3,
}
DECODERS = {
    TASK: scaled_ids(TASK),
    'parts': select_classes(TASK, 1, PART_OF_CLASS),
    'binary': select_classes(TASK, 1, dict.fromkeys(PART_OF_CLASS, 1)),
}


@dataclass(frozen=True)
class MissingFrames:
    """
    Labeled frames that are inside a video only.

    :param file: the video
    :param name: of the sample's video, such as ``video_7``
    :param stems: names of their masks, which are numbers of frames from 0
    """

    file: Path
    name: str
    stems: tuple[str, ...]


def is_layout(folder: Path) -> bool:
    """Tell whether a folder has ``video_<n>`` with ``segmentation/`` or ``video_left.avi``."""
    return any(
        (video / 'segmentation').is_dir() or (video / VIDEO_FILE).is_file()
        for video in find_folders(folder, VIDEO_NAME)
    )


def list_samples(folder: Path, extracted: Path | None = None) -> Listing:
    """
    List the labeled frames, and all frames of videos without labels.

    :param extracted: has the frames that are missing in ``rgb/`` (:func:`extract_frames`)
    """
    listing = Listing()
    for video in unique_names(find_folders(folder, VIDEO_NAME), listing.problems):
        _list_video(video, extracted, listing)
    return listing


def find_missing_frames(folder: Path) -> list[MissingFrames]:
    """Return the labeled frames that ``rgb/`` lacks, by video."""
    missing = []
    for video in unique_names(find_folders(folder, VIDEO_NAME), []):
        images = index_images(video / 'rgb', [])
        masks = index_images(video / 'segmentation', [])
        stems = tuple(stem for stem in masks if stem not in images and stem.isdecimal())
        if stems and (video / VIDEO_FILE).is_file():
            missing.append(MissingFrames(video / VIDEO_FILE, video.resolve().name, stems))
    return missing


def extract_frames(missing: list[MissingFrames], folder: Path) -> None:
    """
    Write the missing frames as ``<folder>/<video>/<stem>.png``; those that exist are kept.

    The video is decoded from its start, as jumps in it are not exact in many files. Frames that a
    video does not have are left out.
    """
    for frames in tqdm(missing, unit='video', desc='extract frames'):
        wanted = {
            int(stem): path
            for stem in frames.stems
            if not (path := folder / frames.name / f'{stem}.png').is_file()
        }
        if wanted:
            (folder / frames.name).mkdir(parents=True, exist_ok=True)
            _extract(frames.file, wanted)


def _extract(video: Path, wanted: dict[int, Path]) -> None:
    """
    Write frames of a video.

    :raises DatasetError: if it is none
    """
    try:
        frames = VideoFrames(video).pick(wanted)
        for number, image in tqdm(frames, unit='frame', desc=video.parent.name, total=len(wanted)):
            write_image_whole(wanted[number], image)
    except VideoError as error:
        raise DatasetError(str(error)) from error


def _list_video(video: Path, extracted: Path | None, listing: Listing) -> None:
    name = video.resolve().name
    problems = listing.problems
    report_unknown_folders(video, ('rgb', 'segmentation'), (), problems)
    images = index_images(video / 'rgb', problems)
    masks = index_images(video / 'segmentation', problems)
    if not (video / 'segmentation').is_dir():
        listing.samples.extend(Sample(name, stem, image) for stem, image in images.items())
        return
    found = {} if extracted is None else index_images(extracted / name, [])
    for stem, mask in masks.items():
        image = images.get(stem, found.get(stem))
        if not stem.isdecimal():
            problems.append(f'{mask}: is not named after the number of its frame')
        elif image is None:
            problems.append(f'{mask}: {_why_no_image(video, extracted)}')
        else:
            labels = {task: LabelFiles((mask,), DECODERS[task]) for task in DECODERS}
            listing.samples.append(Sample(name, stem, image, labels))
    listing.unlabeled.extend(f'{name}/{stem}' for stem in images if stem not in masks)


def _why_no_image(video: Path, extracted: Path | None) -> str:
    if not (video / VIDEO_FILE).is_file():
        return f'no image of this name in rgb/, and no {VIDEO_FILE}'
    if extracted is None:
        return (
            f'no image of this name in rgb/; `surgseg prepare` takes it from {VIDEO_FILE}, then '
            'open the prepared folder'
        )
    return f'{video / VIDEO_FILE} has no such frame or cannot be decoded'


LAYOUT = Layout(
    'sar_rarp50',
    'video_<n>/segmentation/*.png with video_<n>/rgb/*.png or video_<n>/video_left.avi, in '
    'folders such as train1/',
    is_layout,
    list_samples,
)
