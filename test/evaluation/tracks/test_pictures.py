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

"""Tests of the pictures of tracks and errors."""

from matplotlib.colors import to_hex
import numpy as np
import pytest

from surgseg_ros.evaluation.tracks.metrics import PointErrors
from surgseg_ros.evaluation.tracks.pictures import draw_errors_by_depth
from surgseg_ros.evaluation.tracks.pictures import draw_timeline
from surgseg_ros.evaluation.tracks.pictures import FIGURES
from surgseg_ros.evaluation.tracks.pictures import TRACK_COLORS
from surgseg_ros.evaluation.tracks.scores import TrackMoment


def moment(time_s, truth, **tracks):
    places = {int(name[1:]): np.array([x, 0.0]) for name, x in tracks.items()}
    return TrackMoment(time_s, {0: np.array([truth, 0.0])}, places)


def points_of(axes):
    """Return the points in each legend entry's color."""
    return {dots.get_label(): np.asarray(dots.get_offsets()).tolist() for dots in axes.collections}


def test_tracks_stand_beside_the_truth_in_px_and_mm():
    in_image = [moment(0.0, 10.0), moment(0.5, 20.0, t1=21.0), moment(1.0, 30.0, t2=31.0)]
    in_space = [moment(0.5, 0.02, t1=0.021)]
    upper, lower = draw_timeline('calm', in_image, in_space).axes
    assert points_of(upper) == {
        'truth': [[0.0, 10.0], [0.5, 20.0], [1.0, 30.0]],
        'track 1': [[0.5, 21.0]],
        'track 2': [[1.0, 31.0]],
    }
    colors = [to_hex(dots.get_facecolor()[0]) for dots in upper.collections[1:]]
    assert colors == list(TRACK_COLORS[:2])
    assert points_of(lower) == {'truth': [[0.5, 20.0]], 'track 1': [[0.5, 21.0]]}
    assert upper.get_ylabel() == 'x in the image [px]'
    assert lower.get_ylabel() == 'x in space [mm]'
    assert lower.get_xlabel() == 'time [s]'
    names = [text.get_text() for text in upper.get_legend().get_texts()]
    assert names == ['truth', 'track 1', 'track 2']


def test_many_identities_share_colors_and_do_not_fill_the_legend():
    moments = [moment(0.1 * number, 5.0, **{f't{number}': 5.0}) for number in range(1, 31)]
    upper, lower = draw_timeline('lost', moments, []).axes
    assert len(upper.collections) == 1 + 30
    assert len(upper.get_legend().get_texts()) == 1 + len(TRACK_COLORS)
    assert lower.get_title('left') == 'nothing to see'


def test_errors_and_their_figures_stand_at_their_depth():
    errors = PointErrors()
    for length in (1e-3, 2e-3, 3e-3):
        errors.add(np.array([length, 0, 0]), 1e-6 * np.eye(3), np.zeros(3), 0.07)
    upper, lower = draw_errors_by_depth({'centroid': errors, 'tip': PointErrors()}).axes
    dots, *bands = upper.collections
    assert np.asarray(dots.get_offsets())[:2] == pytest.approx(np.array([[70, 1], [70, 2]]))
    assert [band.get_label() for band in bands] == [title for title, _ in FIGURES.values()]
    median = bands[-1].get_segments()
    assert np.array(median) == pytest.approx(np.array([[[61, 2], [79, 2]]]))
    assert upper.get_title('left') == 'centroid in space, 3 measurements'
    assert lower.get_title('left') == 'tip in space, 0 measurements'
    assert upper.get_ylabel() == lower.get_ylabel() == 'error [mm]'
    assert lower.get_xlabel() == 'true depth [mm]'
    (legend,) = upper.figure.legends
    assert len(legend.get_texts()) == 4


def test_errors_beyond_the_picture_stand_at_its_end():
    errors = PointErrors()
    for number in range(200):
        length = 1.0 if number == 0 else 1e-3
        errors.add(np.array([length, 0, 0]), np.eye(3), np.zeros(3), 0.2 if number else 0.07)
    (axes,) = draw_errors_by_depth({'tip': errors}).axes
    places = np.asarray(axes.collections[0].get_offsets())
    assert axes.get_ylim()[1] < 2
    assert places[:, 1].max() <= axes.get_ylim()[1]
    assert places[:, 0].max() == axes.get_xlim()[1]
