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

"""Data sets: what lies in a folder, whatever its layout."""

from dataclasses import dataclass
from pathlib import Path

from surgseg_ros.data.frame_source import natural_key
from surgseg_ros.data.label_sets import list_label_sets
from surgseg_ros.data.layouts import agsd
from surgseg_ros.data.layouts import cropped_endovis
from surgseg_ros.data.layouts import endovis2017
from surgseg_ros.data.layouts import endovis2018
from surgseg_ros.data.layouts import image_mask_folder
from surgseg_ros.data.layouts import isinet
from surgseg_ros.data.layouts import sar_rarp50
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import Sample

AUTO = 'auto'
LAYOUTS: dict[str, Layout] = {
    module.LAYOUT.name: module.LAYOUT
    for module in (
        endovis2017,
        cropped_endovis,
        isinet,
        endovis2018,
        sar_rarp50,
        agsd,
        image_mask_folder,
    )
}


@dataclass(frozen=True)
class DatasetContents:
    """
    What lies in the folder of a data set.

    :param layout: name, of :func:`list_layouts`
    :param root: the folder
    :param samples: in natural order of video and stem; a labeled video's images without labels
        are left out
    :param problems: one message for every file or folder that does not fit
    :param unlabeled: names of these images
    """

    layout: str
    root: Path
    samples: tuple[Sample, ...]
    problems: tuple[str, ...]
    unlabeled: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the tasks that any sample has labels for, in the order of the label sets."""
        present = {task for sample in self.samples for task in sample.labels}
        return tuple(task for task in list_label_sets() if task in present)


def list_layouts() -> list[str]:
    """Return the names of the layouts that can be read."""
    return list(LAYOUTS)


def open_dataset(
    path: Path, layout: str = AUTO, mask_factor: int | None = None
) -> DatasetContents:
    """
    List the samples of a data set; no label file is opened.

    :param path: folder
    :param layout: name of the layout, or ``auto`` to recognize it by the names of folders
    :param mask_factor: the values of masks are class ids times this, in a layout that leaves open
        what they are
    :raises DatasetError: if there is no such folder or layout, the folder is none of that layout,
        it has neither samples nor problems, or a factor for a layout whose values are known
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        what = 'is a file' if path.exists() else 'does not exist'
        raise DatasetError(f'{path} {what}; name the folder of a data set')
    found = find_layout(path, layout)
    if mask_factor is None:
        return make_contents(found.name, path, found.list_samples(path))
    if found is not image_mask_folder.LAYOUT:
        raise DatasetError(
            f'the values of layout {found.name} ({path}) are known; leave out --mask-factor'
        )
    listing = image_mask_folder.list_samples(path, mask_factor)
    return make_contents(found.name, path, listing)


def find_layout(folder: Path, name: str = AUTO) -> Layout:
    """
    Return the layout of a folder.

    :raises DatasetError: if there is no such layout, or the folder is none of it
    """
    if name != AUTO and name not in LAYOUTS:
        raise DatasetError(f"unknown layout '{name}'; choose one of: {AUTO}, {', '.join(LAYOUTS)}")
    candidates = list(LAYOUTS.values()) if name == AUTO else [LAYOUTS[name]]
    for layout in candidates:
        if layout.is_layout(folder):
            return layout
    needs = '; '.join(f'{layout.name}: {layout.needs}' for layout in candidates)
    raise DatasetError(f'{folder} is no data set of a known layout; what is needed: {needs}')


def make_contents(layout: str, root: Path, listing: Listing) -> DatasetContents:
    """
    Return the contents of a folder from what its reader found.

    :raises DatasetError: if the reader found nothing at all
    """
    if not listing.samples and not listing.problems:
        raise DatasetError(f'{root} has the folders of layout {layout}, but no images')
    samples = sorted(listing.samples, key=_natural_order)
    return DatasetContents(
        layout, root, tuple(samples), tuple(listing.problems), tuple(listing.unlabeled)
    )


def _natural_order(sample: Sample) -> tuple[list, list]:
    return natural_key(Path(sample.video)), natural_key(Path(sample.stem))
