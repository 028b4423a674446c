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

"""The work of ``surgseg prepare``: released data sets into the layout of this package."""

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from pathlib import Path
import shutil
from tempfile import TemporaryDirectory

import numpy as np

from surgseg_ros.data.datasets import AUTO
from surgseg_ros.data.datasets import DatasetContents
from surgseg_ros.data.datasets import find_layout
from surgseg_ros.data.datasets import LAYOUTS
from surgseg_ros.data.datasets import make_contents
from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.layouts import endovis2017
from surgseg_ros.data.layouts import image_mask_folder
from surgseg_ros.data.layouts import sar_rarp50
from surgseg_ros.data.layouts.base import list_images
from surgseg_ros.data.layouts.cropped_endovis import MASK_FORMATS
from surgseg_ros.data.layouts.zipped_release import find_archives
from surgseg_ros.data.layouts.zipped_release import unpack
from surgseg_ros.data.parallel import default_workers
from surgseg_ros.data.parallel import map_in_threads
from surgseg_ros.data.prepared_folder import PreparedFolder
from surgseg_ros.data.prepared_folder import VideoSummary
from surgseg_ros.data.sample_checks import find_faults
from surgseg_ros.data.sample_checks import LabelValues
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import join_problems
from surgseg_ros.data.samples import Sample
from surgseg_ros.decoding.image_files import FILE_DEPTH

DEFAULT_IMAGE_FORMAT = 'png'
UNREAD_FOLDERS = ('right_frames', 'cues', 'anchors', 'prediction')
"""Whose images are no labels in any layout."""


@dataclass(frozen=True)
class PreparationOptions:
    """
    How to prepare a data set.

    :param layout: of the source, or ``auto``
    :param tasks: whose labels are wanted; empty: all that the source has
    :param mask_factor: the values of masks are class ids times this, in layout
        ``image_mask_folder``
    :param image_format: ``png``, lossless, or ``jpg``
    :param skip_bad: leave out what does not fit and go on
    :param check_only: write nothing
    :param workers: threads; ``None``: number of CPUs
    """

    layout: str = AUTO
    tasks: tuple[str, ...] = ()
    mask_factor: int | None = None
    image_format: str = DEFAULT_IMAGE_FORMAT
    skip_bad: bool = False
    check_only: bool = False
    workers: int | None = None


@dataclass(frozen=True)
class PreparationReport:
    """
    What became of a data set.

    :param layout: of the source
    :param tasks: that were checked
    :param images: number of images with labels, or of all if none has any
    :param good: number of images that fit with all their labels
    :param problems: one message for every file that does not fit
    :param unlabeled: names of images that are left out, as others of the set have labels
    :param videos: what was written; ``None`` if nothing was
    """

    layout: str
    tasks: tuple[str, ...]
    images: int
    good: int
    problems: tuple[str, ...]
    unlabeled: tuple[str, ...] = ()
    videos: Mapping[str, VideoSummary] | None = None


def prepare(
    source: Path, output: Path | None, options: PreparationOptions | None = None
) -> PreparationReport:
    """
    Check a data set, then crop and convert it into the prepared layout.

    Every file is decoded before anything is written. Where something does not fit, nothing is
    written unless ``skip_bad`` is set. Images that an earlier run has written with all their masks
    are kept. The source is only read; what it has in archives or videos is unpacked into a folder
    beside the output that is removed at the end, but not by an interruption.

    :param source: folder of a data set, or with the archives of EndoVis 2017
    :param output: new folder; ``None`` only with ``check_only``
    :raises DatasetError: if the source is no data set, has no labels for a task or no good image,
        or the output is inside the source or holds something else
    :raises OSError: if something cannot be written
    """
    options = options or PreparationOptions()
    source = source.expanduser()
    if options.check_only:
        output = None
    elif output is None:
        raise DatasetError('there is no folder to write to; give --output or --check-only')
    else:
        _refuse_overlap(source, output)
    with _working_folder(output) as work:
        contents = _open_source(source, options.layout, options.mask_factor, work)
        return _check_and_write(contents, source, output, options)


def _refuse_overlap(source: Path, output: Path) -> None:
    """Refuse an output that would change the source."""
    inner, outer = output.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise DatasetError(
            f'output {output} and input {source} must not lie inside each other, as the input is '
            'never changed; choose another folder'
        )


@contextmanager
def _working_folder(output: Path | None) -> Iterator[Path]:
    """Yield a folder for unpacked files, which outlives an interruption if there is an output."""
    if output is None:
        with TemporaryDirectory(prefix='surgseg-prepare-') as temporary:
            yield Path(temporary)
        return
    folder = output.resolve().with_name(f'.{output.resolve().name}.unpacked')
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _open_source(
    source: Path, layout: str, mask_factor: int | None, work: Path
) -> DatasetContents:
    """Return what is in the source, once its archives and videos are unpacked."""
    if mask_factor is not None:
        return open_dataset(source, layout, mask_factor)
    may_be_zipped = layout in (AUTO, endovis2017.LAYOUT.name) and source.exists()
    archives = find_archives(source) if may_be_zipped else []
    if archives:
        unpack(archives, source, work)
        folders = [source, work] if source.is_dir() else [work]
        if any(endovis2017.is_layout(folder) for folder in folders):
            listing = endovis2017.list_samples(*folders)
            return make_contents(endovis2017.LAYOUT.name, source, listing)
    if source.is_dir() and find_layout(source, layout) is sar_rarp50.LAYOUT:
        sar_rarp50.extract_frames(sar_rarp50.find_missing_frames(source), work)
        listing = sar_rarp50.list_samples(source, work)
        return make_contents(sar_rarp50.LAYOUT.name, source, listing)
    return open_dataset(source, layout)


def _check_and_write(
    contents: DatasetContents, source: Path, output: Path | None, options: PreparationOptions
) -> PreparationReport:
    workers = options.workers or default_workers()
    tasks = _choose_tasks(contents, options.tasks)
    if not tasks and not contents.problems:
        _refuse_unread_images(contents)
    prepared = None if output is None else _open_output(output, contents, source, tasks, options)
    values = LabelValues()
    faults = find_faults(contents.samples, tasks, workers, partial(_check_storable, values))
    bad = {fault.sample.name for fault in faults}
    good = [sample for sample in contents.samples if sample.name not in bad]
    doubts = values.list_doubts(contents.root)
    problems = (*contents.problems, *(fault.text for fault in faults), *doubts)
    report = PreparationReport(
        contents.layout, tasks, len(contents.samples), len(good), problems, contents.unlabeled
    )
    if prepared is None or doubts or (problems and not options.skip_bad):
        return report
    if not good:
        raise DatasetError(f'no image of {source} fits: {join_problems(problems)}')
    prepared.begin()
    write = partial(_write, prepared, tasks)
    map_in_threads(write, good, workers, 'prepare', 'image')
    videos = prepared.finish({sample.video: sample.crop for sample in good}, workers)
    return replace(report, videos=videos)


def _open_output(
    output: Path,
    contents: DatasetContents,
    source: Path,
    tasks: tuple[str, ...],
    options: PreparationOptions,
) -> PreparedFolder:
    settings = {'source_layout': contents.layout, 'source': source.resolve().name}
    if options.mask_factor is not None:
        settings['mask_factor'] = str(options.mask_factor)
    if FILE_DEPTH.bits:
        settings['bits'] = str(FILE_DEPTH.bits)
    return PreparedFolder(output, tasks, options.image_format, settings)


def _choose_tasks(contents: DatasetContents, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """
    Return the tasks to prepare.

    :raises DatasetError: if there are no labels for a wanted one, or nothing tells which it is
    """
    if not wanted and contents.layout == image_mask_folder.LAYOUT.name:
        raise DatasetError(
            f'the masks of {contents.root} may be of any label set; name theirs with --tasks, one '
            f'of {", ".join(contents.tasks)}'
        )
    for task in wanted:
        get_label_set(task)
        if task not in contents.tasks:
            have = ', '.join(contents.tasks) or 'none'
            raise DatasetError(f"{contents.root} has no labels for task '{task}'; it has: {have}")
    return wanted or contents.tasks


def _check_storable(values: LabelValues, task: str, labels: np.ndarray) -> None:
    """Raise ValueError if the masks of the prepared layout cannot express labels."""
    values.add(task, labels)
    MASK_FORMATS[task].encode(labels)


def _refuse_unread_images(contents: DatasetContents) -> None:
    """
    Refuse a data set without labels if it holds images that may be some.

    :raises DatasetError: naming one of them
    """
    read = {sample.image for sample in contents.samples}
    others = [path for path in list_images(contents.root, UNREAD_FOLDERS) if path not in read]
    if others:
        raise DatasetError(
            f'{contents.root} has no labels that are understood, but {len(others)} images that '
            f'are no frames of layout {contents.layout}, such as {others[0]}; if they are labels, '
            f'put them where the layout has them ({LAYOUTS[contents.layout].needs}), else take '
            'them out'
        )


def _write(prepared: PreparedFolder, tasks: tuple[str, ...], sample: Sample) -> None:
    if prepared.is_complete(sample.video, sample.stem):
        return
    labels = {task: sample.read_labels(task) for task in tasks}
    prepared.write(sample.video, sample.stem, sample.read_image(), labels)
