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

"""What all plots with matplotlib share; what belongs to a plot is drawn where its data is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from surgseg_ros.reporting.packages import check_packages

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.legend import Legend

DOTS_PER_INCH = 100
FAINT, LINE = '#6e6e6e', '#e1e1e1'
"""Colors of what stands back."""
_MARGIN_INCH, _LEGEND_INCH = 0.12, 0.55
_TITLE_SIZE = 9.0  # pt


def new_figure(width: int, height: int) -> 'Figure':
    """
    Return an empty figure that is arranged without overlaps and belongs to no global state.

    :param width: px
    :param height: px
    :raises MissingPackageError: if matplotlib is not installed
    """
    check_packages('matplotlib')
    from matplotlib.figure import Figure

    size = (width / DOTS_PER_INCH, height / DOTS_PER_INCH)
    return Figure(size, DOTS_PER_INCH, layout=_make_layout((0, 0, 1, 1)))


def add_legend_below(
    figure: 'Figure', handles: Sequence['Artist'], title: str = '', markerscale: float = 1.0
) -> 'Legend':
    """
    Add a legend of one line below all axes, which make room for it.

    :param handles: labeled artists
    :param title: above the line
    :param markerscale: how much larger than in the axes its markers are
    """
    share = _LEGEND_INCH / figure.get_figheight()
    # loc='outside lower center' came with matplotlib 3.7; Ubuntu 24.04 has 3.6.
    figure.set_layout_engine(_make_layout((0, share, 1, 1 - share)))
    return figure.legend(
        handles=handles,
        loc='lower center',
        ncols=len(handles),
        frameon=False,
        markerscale=markerscale,
        title=title,
        title_fontsize=_TITLE_SIZE,
    )


def _make_layout(area: tuple[float, float, float, float]) -> 'ConstrainedLayoutEngine':
    """
    Return a layout without overlaps.

    :param area: left, bottom, width and height of what axes may take, shares of the figure
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=_MARGIN_INCH, h_pad=_MARGIN_INCH, rect=area)


def write_figure(path: Path, figure: 'Figure') -> None:
    """
    Write a figure; the suffix chooses the format.

    :raises OSError: if the file cannot be written
    :raises ValueError: if there is no such format
    """
    figure.savefig(path)
