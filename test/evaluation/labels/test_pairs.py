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


"""Tests of finding and reading label images that belong together."""

import cv2
import numpy as np
from PIL import Image
import pytest

from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample
from surgseg_ros.evaluation.labels.label_folders import EvaluationError
from surgseg_ros.evaluation.labels.pairs import find_image
from surgseg_ros.evaluation.labels.pairs import LabelPairs
from surgseg_ros.evaluation.labels.truth import choose_videos
from surgseg_ros.evaluation.labels.truth import find_truth
from surgseg_ros.evaluation.labels.truth import truth_of_samples


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.array(values, np.uint8))


@pytest.fixture
def truth(tmp_path):
    return tmp_path / 'truth'


@pytest.fixture
def prediction(tmp_path):
    return tmp_path / 'prediction'


def names(sources):
    return [source.name for source in sources]


def test_flat_folders_are_one_video(truth, prediction):
    write(truth / 'f1.png', [[0, 3]])
    write(prediction / 'f1.png', [[0, 2]])
    sources = find_truth(truth, 'parts').sources
    assert names(sources) == ['truth/f1']
    (frame,) = LabelPairs(sources, prediction, 'parts').frames()
    assert frame.truth.tolist() == [[0, 3]]
    assert frame.prediction.tolist() == [[0, 2]]


def test_a_folder_a_video(truth, prediction):
    for video in ('b', 'a'):
        write(truth / video / 'f1.png', [[0, 1]])
        write(prediction / video / 'f1.png', [[1, 0]])
    sources = find_truth(truth, 'parts').sources
    assert names(sources) == ['a/f1', 'b/f1']
    assert len(list(LabelPairs(sources, prediction, 'parts').frames())) == 2


@pytest.mark.parametrize(
    ('task', 'folder', 'stored', 'read'),
    [
        ('binary', 'binary_masks', [0, 255, 255], [0, 1, 1]),
        ('parts', 'parts_masks', [0, 85, 255], [0, 1, 3]),
        ('types', 'instruments_masks', [0, 224, 255], [0, 7, 255]),
        ('sar_rarp50', 'segmentation', [0, 9, 255], [0, 9, 255]),
    ],
)
def test_prepared_data_sets_have_factors(truth, prediction, task, folder, stored, read):
    write(truth / 'instrument_dataset_1' / folder / 'f1.png', [stored])
    write(truth / 'instrument_dataset_1' / 'images' / 'f1.png', [stored])
    write(prediction / 'instrument_dataset_1' / folder / 'f1.png', [[0, 1, 1]])
    sources = find_truth(truth, task).sources
    assert names(sources) == ['instrument_dataset_1/f1']
    (frame,) = LabelPairs(sources, prediction, task).frames()
    assert frame.truth.tolist() == [read]
    assert find_image(truth, sources[0]) == truth / 'instrument_dataset_1' / 'images' / 'f1.png'


def test_a_single_video_may_have_flat_predictions(truth, prediction):
    write(truth / 'a' / 'f1.png', [[0, 1]])
    write(prediction / 'f1.png', [[1, 0]])
    assert (
        len(list(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames()))
        == 1
    )
    write(truth / 'b' / 'f1.png', [[0, 1]])
    with pytest.raises(EvaluationError, match='a/f1.png has no prediction'):
        list(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames())


def test_factors_of_both_sides(truth, prediction):
    write(truth / 'f1.png', [[0, 255]])
    write(prediction / 'f1.png', [[0, 170]])
    pairs = LabelPairs(
        find_truth(truth, 'parts', 85).sources, prediction, 'parts', prediction_factor=85
    )
    (frame,) = pairs.frames()
    assert (frame.truth.tolist(), frame.prediction.tolist()) == ([[0, 3]], [[0, 2]])


def test_samples_of_a_data_set(tmp_path, prediction):
    files = LabelFiles((tmp_path / 'l.png',), lambda images: images[0] // 10)
    write(tmp_path / 'l.png', [[0, 0, 10]])
    crop = (1, 0, 2, 1)
    labeled = Sample('v', 'f1', tmp_path / 'i.png', {'parts': files}, crop)
    unlabeled = Sample('v', 'f2', tmp_path / 'i.png')
    write(prediction / 'v' / 'f1.png', [[0, 1]])
    sources = truth_of_samples([labeled, unlabeled], 'parts')
    (frame,) = LabelPairs(sources, prediction, 'parts').frames()
    assert frame.truth.tolist() == [[0, 1]]
    (tmp_path / 'l.png').unlink()
    with pytest.raises(EvaluationError, match='l.png is no readable image'):
        list(LabelPairs(sources, prediction, 'parts').frames())


def test_all_faults_are_named_at_once(truth, prediction):
    for stem in ('good', 'missing', 'small', 'unknown', 'odd', 'broken'):
        write(truth / f'{stem}.png', [[0, 1, 2]])
        write(prediction / f'{stem}.png', [[0, 1, 2]])
    (prediction / 'missing.png').unlink()
    write(prediction / 'small.png', [[0, 1]])
    write(prediction / 'unknown.png', [[0, 9, 7]])
    write(truth / 'odd.png', [[0, 17, 255]])
    (prediction / 'broken.png').write_text('nothing')
    with pytest.raises(EvaluationError) as error:
        next(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames())
    message = str(error.value)
    assert '\n' not in message
    places = [
        message.index(part)
        for part in ('broken.png: expected a JPEG, PNG', 'truth/missing.png has no prediction in',
         'truth/odd.png: has unknown values 17 (1 px); known are: 0, 1, 2, 3, 255; if they are '
         'class ids times N, give --mask-factor N',
         'small.png is 2x1 but its ground truth is 3x1',
         'prediction/unknown.png: has unknown values 7 (1 px), 9 (1 px)', 'let them score 0 with')
    ]  # fmt: skip
    assert places == sorted(places)


def test_of_many_faults_the_first_are_named(truth, prediction):
    for index in range(12):
        write(truth / f'{index:02}.png', [[17]])
        write(prediction / f'{index:02}.png', [[0]])
    with pytest.raises(EvaluationError, match='04.png: .*; and 7 more faults$') as error:
        next(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames())
    assert '05.png' not in str(error.value)


def test_nothing_is_scored_if_a_prediction_is_missing(truth, prediction):
    for stem in ('a', 'b'):
        write(truth / f'{stem}.png', [[0, 1]])
    write(prediction / 'a.png', [[0, 1]])
    with pytest.raises(EvaluationError, match='truth/b.png has no prediction'):
        next(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames())


def test_missing_predictions_may_score_zero(truth, prediction):
    write(truth / 'f1.png', [[0, 1]])
    pairs = LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts', zero_missing=True)
    with pytest.raises(EvaluationError, match='prediction does not exist; name the folder of the'):
        list(pairs.frames())
    prediction.mkdir()
    assert [frame.prediction for frame in pairs.frames()] == [None]


def test_masks_of_0_and_255_are_not_taken_for_ignored(truth, prediction):
    """255 is instrument in binary masks unless a class id occurs in any of them."""
    for folder in (truth, prediction):
        write(folder / 'f1.png', [[0, 255]])
    for factor in (None, 255):
        found = find_truth(truth, 'binary', factor)
        (frame,) = LabelPairs(found.sources, prediction, 'binary').frames()
        assert (frame.truth.tolist(), frame.prediction.tolist()) == ([[0, 1]], [[0, 1]])
        assert bool(found.notes) == (factor is None)
    with pytest.raises(EvaluationError, match='255 means that a pixel.*give --mask-factor'):
        list(LabelPairs(find_truth(truth, 'types').sources, prediction, 'types').frames())
    write(truth / 'f2.png', [[1, 255]])
    found = find_truth(truth, 'binary')
    assert [source.read().tolist() for source in found.sources] == [[[0, 255]], [[1, 255]]]
    assert found.notes == ()


def test_wrong_factors_are_refused(truth):
    write(truth / 'f1.png', [[0, 85, 32]])
    with pytest.raises(DatasetError, match=r'f1.png: has unknown values 32 \(1 px\)'):
        find_truth(truth, 'parts', 85).sources[0].read()
    with pytest.raises(EvaluationError, match='mask factor 0: expected 1 to 255'):
        find_truth(truth, 'parts', 0)


def test_predictions_are_not_judged_where_the_truth_is_unlabeled(truth, prediction):
    write(truth / 'f1.png', [[255, 1]])
    write(prediction / 'f1.png', [[255, 1]])
    assert (
        len(list(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames()))
        == 1
    )


def test_truth_in_the_layout_of_a_release(tmp_path):
    """SAR-RARP50 with masks of three equal channels, and a plain folder of images and masks."""
    labels = np.arange(10, dtype=np.uint8).reshape(2, 5)
    released = tmp_path / 'sar' / 'video_41' / 'segmentation'
    plain = tmp_path / 'plain'
    for folder in (released, plain / 'masks', plain / 'images'):
        folder.mkdir(parents=True)
        write_image(folder / '000000060.png', np.dstack([labels] * 3))
    for root, video in ((tmp_path / 'sar', 'video_41'), (plain, 'plain')):
        (source,) = find_truth(root, 'sar_rarp50').sources
        assert (source.video, source.stem) == (video, '000000060')
        assert (source.read() == labels).all()


def test_a_folder_without_truth_is_named(tmp_path):
    with pytest.raises(EvaluationError, match='holds no label images .*parts_masks/, and is no'):
        find_truth(tmp_path, 'parts')


def test_videos_are_chosen_by_name(tmp_path):
    for video in ('one', 'two'):
        (tmp_path / video).mkdir()
        write_image(tmp_path / video / '0.png', np.zeros((2, 2), np.uint8))
    sources = find_truth(tmp_path, 'binary').sources
    assert [source.video for source in choose_videos(sources, None)] == ['one', 'two']
    assert [source.video for source in choose_videos(sources, ['two'])] == ['two']
    with pytest.raises(EvaluationError, match='no video three; it has: one, two'):
        choose_videos(sources, ['two', 'three'])


def test_suffixes_in_any_case_and_hidden_files(truth, prediction):
    for name in ('f1.png', 'f2.PNG', 'f3.Tif'):
        write(truth / name, [[0, 1]])
        write(prediction / name.lower(), [[0, 1]])
    for folder in (truth, prediction):
        (folder / '._f1.png').write_bytes(b'x')
    assert (
        len(list(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames()))
        == 3
    )
    write(truth / 'F2.PNG', [[0, 1]])
    write(truth / 'f2.png', [[0, 1]])
    with pytest.raises(EvaluationError, match=r'f2\.png: f2\.PNG has the same name'):
        find_truth(truth, 'parts')


@pytest.mark.parametrize('task', ['binary', 'parts'])
@pytest.mark.parametrize('values', [[0, 30, 100, 255], [0, 128, 255, 255], [0, 20, 200, 255]])
def test_values_that_are_no_class_ids_never_become_ignored(truth, prediction, task, values):
    """Those of EndoVis 2017's test labels, those of a threshold, soft edges."""
    write(truth / 'f1.png', [values])
    write(prediction / 'f1.png', [[0, 1, 2, 3]])
    with pytest.raises(
        EvaluationError, match=rf'truth/f1\.png: has unknown .*{values[1]} \(1 px\)'
    ):
        list(LabelPairs(find_truth(truth, task).sources, prediction, task).frames())
    with pytest.raises(EvaluationError, match=r'truth/f1\.png: .*--prediction-factor'):
        list(LabelPairs(find_truth(prediction, task).sources, truth, task).frames())


def test_255_of_a_prediction_is_no_class_where_there_are_others(truth, prediction):
    write(truth / 'f1.png', [[0, 1, 2]])
    write(prediction / 'f1.png', [[0, 1, 255]])
    for task in ('binary', 'parts'):
        with pytest.raises(EvaluationError, match=r'f1\.png: has the value 255 \(1 px\)'):
            list(LabelPairs(find_truth(truth, task).sources, prediction, task).frames())


def test_colors_and_palettes(truth, prediction):
    """A palette's indices are the class ids; red, like any color on black, is a binary mask."""
    palette = Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8), mode='P')
    palette.putpalette((0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0))
    truth.mkdir()
    palette.save(truth / 'f1.png')
    write(prediction / 'f1.png', [[[0, 0, 0], [0, 0, 255], [0, 0, 255], [0, 0, 255]]])
    (frame,) = LabelPairs(find_truth(truth, 'binary').sources, prediction, 'binary').frames()
    assert frame.truth.tolist() == [[0, 1, 2, 3]]
    assert frame.prediction.tolist() == [[0, 1, 1, 1]]
    (frame,) = LabelPairs(find_truth(prediction, 'binary').sources, truth, 'binary').frames()
    assert frame.truth.tolist() == [[0, 1, 1, 1]]
    with pytest.raises(EvaluationError, match=r'prediction/f1\.png: is a color image'):
        list(LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts').frames())


def test_masks_to_ignore_must_fit(truth, prediction, tmp_path):
    for stem in ('f1', 'f2'):
        write(truth / 'a' / f'{stem}.png', [[0, 1]])
        write(truth / 'b' / f'{stem}.png', [[0, 1]])
        write(prediction / 'a' / f'{stem}.png', [[1, 1]])
    ignore = tmp_path / 'ignore'
    sources = find_truth(truth, 'parts').sources
    chosen = choose_videos(sources, ['a'])
    others = tuple(choose_videos(sources, ['b']))
    pairs = LabelPairs(chosen, prediction, 'parts', ignore, others=others)
    with pytest.raises(EvaluationError, match='ignore does not exist'):
        list(pairs.frames())
    ignore.mkdir()
    with pytest.raises(EvaluationError, match='ignore has no masks'):
        list(LabelPairs(chosen, prediction, 'parts', ignore).frames())
    write(ignore / 'a' / 'f1.png', [[7, 0]])
    write(ignore / 'b' / 'f1.png', [[255, 0]])
    (first, second) = LabelPairs(chosen, prediction, 'parts', ignore, others=others).frames()
    assert (first.truth.tolist(), second.truth.tolist()) == ([[255, 1]], [[0, 1]])
    write(ignore / 'a' / 'f2_ignore.png', [[255, 0]])
    with pytest.raises(EvaluationError, match='1 masks that fit no frame: a/f2_ignore.png'):
        list(LabelPairs(chosen, prediction, 'parts', ignore, others=others).frames())


def test_what_lies_beside_truth_and_predictions_is_counted(truth, prediction):
    write(truth / 'f1.png', [[0, 1]])
    write(truth / 'f2.jpg', [[0, 1]])
    write(truth / 'more' / 'f3.png', [[0, 1]])
    write(prediction / 'f1.png', [[0, 1]])
    write(prediction / 'f9.png', [[0, 1]])
    found = find_truth(truth, 'parts')
    assert [left.names for left in found.left_out] == [('f2.jpg',), ('more',)]
    assert LabelPairs(found.sources, prediction, 'parts').unused_predictions() == ['f9.png']


def test_a_factor_for_values_that_are_known_is_refused(tmp_path):
    released = tmp_path / 'instrument_dataset_1'
    write(released / 'left_frames' / 'a.png', np.zeros((4, 4, 3)))
    write(released / 'BinarySegmentation' / 'a.png', np.zeros((4, 4)))
    with pytest.raises(EvaluationError, match='leave out --mask-factor'):
        find_truth(tmp_path, 'binary', 255)


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(
        EvaluationError, match='nowhere does not exist; name the folder of the gro'
    ):
        find_truth(tmp_path / 'nowhere', 'binary')
    write(tmp_path / 'a.png', [[0]])
    with pytest.raises(EvaluationError, match=r'a\.png is a file; name the folder'):
        find_truth(tmp_path / 'a.png', 'binary')


def test_what_255_means_in_a_folder_of_images_and_masks(tmp_path):
    for stem, values in (('a', [255, 0]), ('b', [255, 255])):
        write(tmp_path / 'images' / f'{stem}.png', np.zeros((1, 2, 3)))
        write(tmp_path / 'masks' / f'{stem}.png', [values])
    found = find_truth(tmp_path, 'binary')
    assert [source.read().tolist() for source in found.sources] == [[[1, 0]], [[1, 1]]]
    assert found.notes
    write(tmp_path / 'masks' / 'b.png', [[1, 255]])
    found = find_truth(tmp_path, 'binary')
    assert [source.read().tolist() for source in found.sources] == [[[255, 0]], [[1, 255]]]
