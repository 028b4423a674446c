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

"""Tests of `surgseg prepare`, from miniatures of releases to the prepared layout."""

import json
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
from PIL import Image
import pytest
import released_sets
from released_sets import hashes
from released_sets import mask
from released_sets import noise
from released_sets import write
from sample_assertions import assert_equal_data

from surgseg_ros.cli import main
from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.prepared_folder import read_hash
from surgseg_ros.decoding.image_files import read_image


def prepare(source, output, *arguments):
    return main(['prepare', '--input', str(source), '--output', str(output), *arguments])


def test_the_hash_is_that_of_the_pixels(tmp_path):
    """It sees every pixel of image and masks, but not how the files are compressed."""
    released_sets.endovis2017_training(tmp_path / 's')
    output = tmp_path / 'o'
    assert prepare(tmp_path / 's', output) == 0
    first = read_hash(output)
    image_file = output / 'instrument_dataset_1' / 'images' / 'frame000.png'
    image = cv2.imread(str(image_file))
    assert cv2.imwrite(str(image_file), image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert prepare(tmp_path / 's', output) == 0
    assert read_hash(output) == first
    image[3, 3, 1] ^= 1
    assert cv2.imwrite(str(image_file), image)
    assert prepare(tmp_path / 's', output) == 0
    assert read_hash(output) != first
    image_file.unlink()
    mask_file = output / 'instrument_dataset_1' / 'parts_masks' / 'frame001.png'
    pixels = cv2.imread(str(mask_file), cv2.IMREAD_UNCHANGED)
    pixels[0, 0] = 0
    assert cv2.imwrite(str(mask_file), pixels)
    assert prepare(tmp_path / 's', output) == 0
    assert read_hash(output) != first


@pytest.mark.parametrize(
    'make',
    [
        released_sets.endovis2017_training,
        released_sets.endovis2017_test,
        released_sets.isinet,
        released_sets.endovis2018,
        released_sets.sar_rarp50,
        released_sets.agsd,
        released_sets.cropped_endovis,
    ],
)
def test_every_release_keeps_its_labels_and_stays_as_it_is(make, tmp_path):
    source, output = make(tmp_path / 'source'), tmp_path / 'output'
    before = hashes(source)
    assert prepare(source, output) == 0
    assert hashes(source) == before
    assert_equal_data(source, output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['output', 'source']


def test_files_and_summary(tmp_path, capsys):
    source, output = released_sets.endovis2017_training(tmp_path / 's'), tmp_path / 'o'
    assert prepare(source, output) == 0
    video = output / 'instrument_dataset_1'
    assert {str(path.relative_to(video)) for path in video.rglob('*.png')} == {
        f'{folder}/frame00{index}.png'
        for folder in ('images', 'binary_masks', 'parts_masks', 'instruments_masks')
        for index in range(2)
    }
    for folder, row in (
        ('binary_masks', [255, 255, 255, 255, 255, 255, 0, 0]),
        ('parts_masks', [85, 170, 255, 170, 255, 0, 0, 0]),
        ('instruments_masks', [64, 64, 224, 32, 32, 32, 224, 0]),
    ):
        pixels = cv2.imread(str(video / folder / 'frame001.png'), cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (24, 32)
        assert pixels[5, :8].tolist() == row, folder
    manifest = json.loads((output / 'dataset.json').read_text())
    assert manifest['settings'] == {
        'source_layout': 'endovis2017', 'source': 's', 'image_format': 'png',
    }  # fmt: skip
    summary = manifest['videos']['instrument_dataset_1']
    assert summary['frames'] == 2
    assert summary['crop'] is None
    assert summary['pixels']['parts'] == {
        'background': 2 * 24 * 27, 'shaft': 2 * 24, 'wrist': 2 * 48, 'clasper': 2 * 48,
    }  # fmt: skip
    printed = capsys.readouterr().out
    assert '4 images of 2 videos' in printed
    row = ['instrument_dataset_1', '2', '84.38', '3.12', '6.25', '6.25']
    assert row in [line.split() for line in printed.splitlines()]


def test_the_border_is_cut_and_jpg_is_nearly_lossless(tmp_path):
    video = tmp_path / 's' / 'instrument_dataset_1'
    image = cv2.resize(noise(27, 48), (1920, 1080))
    write(video / 'left_frames' / 'frame000.png', image)
    raw = mask([10, 20, 30], [320, 321, 1599], 1080, 1920)
    write(video / 'ground_truth' / 'Prograsp_Forceps' / 'frame000.png', raw)
    assert prepare(tmp_path / 's', tmp_path / 'o', '--image-format', 'jpg') == 0
    prepared = tmp_path / 'o' / 'instrument_dataset_1'
    found = read_image(prepared / 'images' / 'frame000.jpg')
    expected = image[28:1052, 320:1600]
    assert np.abs(np.subtract(found, expected, dtype=int)).mean() < 2
    assert json.loads((tmp_path / 'o' / 'dataset.json').read_text())['videos'][
        'instrument_dataset_1'
    ]['crop'] == [320, 28, 1280, 1024]
    parts = cv2.imread(str(prepared / 'parts_masks' / 'frame000.png'), cv2.IMREAD_UNCHANGED)
    assert parts.shape == (1024, 1280)
    assert parts[7, [0, 1, 2, 1279]].tolist() == [85, 170, 0, 255]


@pytest.fixture
def damaged(tmp_path):
    """Return a release with three faults of different kinds."""
    source = released_sets.endovis2017_training(tmp_path / 'source', frames=4)
    video = source / 'instrument_1_4_training' / 'instrument_dataset_1'
    (video / 'ground_truth' / 'Other_labels' / 'frame001.png').unlink()
    (video / 'left_frames' / 'frame002.png').write_bytes(b'x')
    write(
        video / 'ground_truth' / 'Left_Prograsp_Forceps_labels' / 'frame003.png', mask([11], [0])
    )
    return source


def test_all_faults_are_named_before_anything_is_written(damaged, tmp_path, capsys):
    before = hashes(damaged)
    for arguments in ([], ['--check-only']):
        assert prepare(damaged, tmp_path / 'output', *arguments) == 1
        printed = capsys.readouterr()
        for name in ('Other_labels/frame001.png', 'left_frames/frame002.png',
                     'Left_Prograsp_Forceps_labels/frame003.png'):  # fmt: skip
            assert printed.err.count(name) == 1, name
        assert '5 images fit, 3 problems' in printed.out
    assert hashes(damaged) == before
    assert [path.name for path in tmp_path.iterdir()] == ['source']


def test_bad_files_can_be_left_out(damaged, tmp_path, capsys):
    assert prepare(damaged, tmp_path / 'output', '--skip-bad') == 0
    assert 'left_frames/frame002.png' in capsys.readouterr().err
    assert [s.name for s in open_dataset(tmp_path / 'output').samples] == [
        'instrument_dataset_1/frame000',
        *(f'instrument_dataset_6/frame00{index}' for index in range(4)),
    ]


def test_check_only_needs_no_output_and_accepts_a_good_set(tmp_path):
    source = released_sets.agsd(tmp_path / 'source')
    assert main(['prepare', '--input', str(source), '--check-only']) == 0
    assert [path.name for path in tmp_path.iterdir()] == ['source']


def test_an_interrupted_run_is_finished_and_what_is_there_is_kept(tmp_path):
    source, output = released_sets.endovis2017_training(tmp_path / 's'), tmp_path / 'o'
    assert prepare(source, output) == 0
    complete = hashes(output)
    kept = output / 'instrument_dataset_6' / 'images' / 'frame000.png'
    kept_since = kept.stat().st_mtime_ns
    (output / 'instrument_dataset_1' / 'images' / 'frame001.png').unlink()
    (output / 'instrument_dataset_6' / 'parts_masks' / 'frame001.png').unlink()
    shutil.rmtree(output / 'instrument_dataset_1' / 'binary_masks')
    write(output / 'instrument_dataset_1' / 'images' / '.unfinished-frame001.png', noise())
    assert prepare(source, output) == 0
    assert hashes(output) == complete
    assert kept.stat().st_mtime_ns == kept_since


def test_ctrl_c_leaves_whole_files_and_the_next_run_goes_on(tmp_path):
    source, output = tmp_path / 's', tmp_path / 'o'
    frames = 1500
    for index in range(frames):
        write(source / 'images' / f'{index}.png', np.full((48, 64, 3), index % 256))
        write(source / 'masks' / f'{index}.png', np.full((48, 64), index % 4))
    arguments = ['--input', str(source), '--output', str(output), '--tasks', 'parts']
    process = subprocess.Popen(
        [sys.executable, '-m', 'surgseg_ros.cli', 'prepare', *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not any(output.glob('s/images/*.png')):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b'interrupted' in printed
    written = [*output.glob('s/*/*')]
    assert 0 < len(written) < 2 * frames
    assert all(read_image(path) is not None for path in written)
    assert not [path for path in written if path.name.startswith('.')]
    assert main(['prepare', *arguments]) == 0
    assert_equal_data(source, output, tasks=['parts'])


def test_only_some_tasks(tmp_path, capsys):
    source = released_sets.sar_rarp50(tmp_path / 's')
    assert prepare(source, tmp_path / 'o', '--tasks', 'parts,binary') == 0
    assert {path.name for path in (tmp_path / 'o' / 'video_11_1').iterdir()} == {
        'images', 'parts_masks', 'binary_masks',
    }  # fmt: skip
    assert prepare(source, tmp_path / 'p', '--tasks', 'types') == 1
    assert "no labels for task 'types'; it has: binary, parts, sar" in capsys.readouterr().err


def test_frames_are_taken_from_the_video(tmp_path):
    source = released_sets.sar_rarp50(tmp_path / 's', rgb=False)
    before = hashes(source)
    assert main(['prepare', '--input', str(source), '--check-only']) == 0
    assert prepare(source, tmp_path / 'o') == 0
    assert hashes(source) == before
    images = tmp_path / 'o' / 'video_11_1' / 'images'
    assert sorted(path.name for path in images.iterdir()) == ['000000000.png', '000000012.png']
    # MJPG keeps even gray to a level or two.
    assert abs(int(read_image(images / '000000012.png').mean()) - 120) <= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ['o', 's']


def test_a_frame_that_the_video_lacks_is_named(tmp_path, capsys):
    source = released_sets.sar_rarp50(tmp_path / 's', rgb=False)
    write(source / 'train1' / 'video_11_1' / 'segmentation' / '000000060.png', mask([], []))
    assert prepare(source, tmp_path / 'o') == 1
    assert '000000060.png' in (printed := capsys.readouterr().err)
    assert 'video_left.avi has no such frame' in printed


def test_images_without_labels_are_not_prepared_while_masks_lie_there(tmp_path, capsys):
    source = tmp_path / 's'
    write(source / 'instrument_dataset_9' / 'left_frames' / 'frame000.png', noise())
    write(source / 'instrument_dataset_9' / 'right_frames' / 'frame000.png', noise())
    write(source / 'answers' / 'video9' / 'frame000.png', mask([1], [0]))
    assert prepare(source, tmp_path / 'o') == 1
    printed = capsys.readouterr().err
    assert '1 images that are no frames of layout endovis2017' in printed
    assert 'answers/video9/frame000.png' in printed
    assert not (tmp_path / 'o').exists()


@pytest.mark.parametrize('arguments', [[], ['--skip-bad']])
def test_masks_of_255_do_not_become_unlabeled(tmp_path, capsys, arguments):
    source = released_sets.image_mask_folder(tmp_path / 's', mask([255], [0]))
    assert prepare(source, tmp_path / 'o', '--tasks', 'types', *arguments) == 1
    assert "'types' have no class but the background" in capsys.readouterr().err
    assert not (tmp_path / 'o').exists()


def test_255_means_the_same_in_all_binary_masks(tmp_path, capsys):
    source = released_sets.image_mask_folder(tmp_path / 's', mask([255], [0]))
    write(source / 'images' / 'b.png', noise())
    write(source / 'masks' / 'b.png', mask([1, 255], [0, 1]))
    assert prepare(source, tmp_path / 'o', '--tasks', 'binary') == 1
    assert 'masks/a.png: has 255 but no 1, and b.png has class ids' in capsys.readouterr().err


def test_masks_times_a_factor(tmp_path, capsys):
    source = released_sets.image_mask_folder(tmp_path / 's', mask([85, 255], [0, 1]))
    arguments = ('--tasks', 'parts', '--mask-factor')
    assert prepare(source, tmp_path / 'o', '--tasks', 'parts') == 1
    assert 'unknown values 85 (24 px)' in (printed := capsys.readouterr().err)
    assert 'give --mask-factor N' in printed
    assert prepare(source, tmp_path / 'o', *arguments, '85') == 0
    labels = open_dataset(tmp_path / 'o').samples[0].read_labels('parts')
    assert labels[0, :3].tolist() == [1, 3, 0]
    assert prepare(source, tmp_path / 'o', *arguments, '5') == 1
    assert 'was begun with other settings' in capsys.readouterr().err


def test_the_account_for_people_and_programs(damaged, tmp_path, capsys):
    assert prepare(damaged, tmp_path / 'o', '--skip-bad') == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f'read 7 images of {damaged}, used 5; left out: 3 problems'
    assert prepare(damaged, tmp_path / 'p', '--json') == 1
    account = json.loads(capsys.readouterr().out)
    assert (account['read'], account['used'], account['is_complete']) == (7, 0, False)
    assert len(account['left_out'][0]['names']) == 3


def test_images_and_masks_share_one_raster(tmp_path):
    """An orientation that a camera wrote into a photo turns neither of them."""
    source = released_sets.image_mask_folder(tmp_path / 's', mask([1], [0]))
    image = Image.fromarray(noise())
    exif = Image.Exif()
    exif[0x0112] = 3
    image.save(source / 'images' / 'a.png', exif=exif)
    assert prepare(source, tmp_path / 'o', '--tasks', 'binary') == 0
    (sample,) = open_dataset(tmp_path / 'o').samples
    np.testing.assert_array_equal(sample.read_image(), noise())


def test_masks_of_an_unknown_label_set_need_a_task(tmp_path, capsys):
    source = released_sets.image_mask_folder(tmp_path / 's', mask([1, 3], [0, 1]))
    assert prepare(source, tmp_path / 'o') == 1
    assert 'name theirs with --tasks' in capsys.readouterr().err
    assert prepare(source, tmp_path / 'o', '--tasks', 'parts') == 0
    labels = open_dataset(tmp_path / 'o').samples[0].read_labels('parts')
    assert labels[0, :3].tolist() == [1, 3, 0]


def test_unlabeled_pixels_that_cannot_be_stored_are_named(tmp_path, capsys):
    source = released_sets.image_mask_folder(tmp_path / 's', mask([1, 255], [0, 1]))
    assert prepare(source, tmp_path / 'o', '--tasks', 'parts') == 1
    assert 'masks/a.png: has unlabeled pixels (255)' in capsys.readouterr().err
    assert prepare(source, tmp_path / 'p', '--tasks', 'types') == 0
    labels = open_dataset(tmp_path / 'p').samples[0].read_labels('types')
    assert labels[0, :3].tolist() == [1, 255, 0]


def test_images_without_labels_are_prepared_as_well(tmp_path):
    write(tmp_path / 's' / 'instrument_dataset_9' / 'left_frames' / 'frame000.png', noise())
    assert prepare(tmp_path / 's', tmp_path / 'o') == 0
    (sample,) = open_dataset(tmp_path / 'o').samples
    assert not sample.labels


@pytest.mark.parametrize('where', ['s', 's/inside', '.'])
def test_the_output_must_not_touch_the_source(tmp_path, where, capsys):
    source = released_sets.agsd(tmp_path / 's')
    before = hashes(source)
    assert prepare(source, tmp_path / where) == 1
    assert 'must not lie inside each other' in capsys.readouterr().err
    assert hashes(source) == before


def test_folders_of_something_else_are_refused(tmp_path, capsys):
    source, output = released_sets.agsd(tmp_path / 's'), tmp_path / 'o'
    write(tmp_path / 'other' / 'a.png', noise())
    assert prepare(source, tmp_path / 'other') == 1
    assert 'is not empty and has no dataset.json' in capsys.readouterr().err
    assert prepare(source, output) == 0
    assert prepare(source, output, '--image-format', 'jpg') == 1
    assert 'was begun with other settings' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'prepare needs --input or --simulate'),
        (['--input', 'nowhere', '--output', 'o'], 'nowhere does not exist'),
        (['--input', 'nowhere', '--frames', '3'], '--frames need --simulate'),
        (['--simulate', '--output', 'o', '--skip-bad'], '--skip-bad do not go with --simulate'),
        (['--input', 'nowhere'], 'give --output or --check-only'),
        (['--input', 'nowhere', '--check-only', '--workers', '0'], 'must be at least 1'),
    ],
)
def test_wrong_options(arguments, message, capsys):
    assert main(['prepare', *arguments]) == 1
    assert message in capsys.readouterr().err


def test_simulated_videos(tmp_path, capsys):
    pytest.importorskip('mujoco', reason='rendering needs the simulation extra (mujoco)')
    arguments = ['prepare', '--simulate', '--output', str(tmp_path / 'o'), '--size', '96x64',
                 '--frames', '3', '--frames-per-scene', '2', '--videos', '2']  # fmt: skip
    assert main([*arguments, '--workers', '1']) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['instrument_dataset_2', '3'] in [row[:2] for row in rows]
    contents = open_dataset(tmp_path / 'o')
    assert contents.problems == ()
    assert [sample.name for sample in contents.samples] == [
        f'instrument_dataset_{video}/frame00{index}' for video in (1, 2) for index in range(3)
    ]
    assert contents.tasks == ('binary', 'parts', 'types')
    images = [sample.read_image() for sample in contents.samples]
    assert images[0].shape == (64, 96, 3)
    # The third frame shows another scene, and so does the next video.
    near, far, other_video = (
        np.abs(np.subtract(images[0], other, dtype=int)).mean() for other in images[1:4]
    )
    assert min(far, other_video) > near > 0
    for sample in contents.samples:
        parts = sample.read_labels('parts')
        np.testing.assert_array_equal(parts > 0, sample.read_labels('binary') == 1)
        np.testing.assert_array_equal(parts > 0, sample.read_labels('types') > 0)
    assert any(sample.read_labels('parts').any() for sample in contents.samples)

    # A lost frame, now by another process.
    complete = hashes(tmp_path / 'o')
    contents.samples[1].image.unlink()
    assert main([*arguments, '--workers', '2']) == 0
    assert hashes(tmp_path / 'o') == complete

    found = read_hash(tmp_path / 'o')
    assert len(found) == 64
    assert f'hash of all pixels: {found}' in capsys.readouterr().out
    again, other = ([*arguments[:3], str(tmp_path / name), *arguments[4:]] for name in 'pq')
    assert main(again) == 0
    assert read_hash(tmp_path / 'p') == found
    assert main([*other, '--seed', '1']) == 0
    assert read_hash(tmp_path / 'q') != found
    assert main([*arguments, '--seed', '1']) == 1
    assert 'was begun with other settings' in capsys.readouterr().err
