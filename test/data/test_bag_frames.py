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

"""Tests of reading frames from rosbag2 recordings, which rosbags writes here."""

import shutil
import sqlite3
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.rosbag2.enums import CompressionFormat
from rosbags.rosbag2.enums import CompressionMode
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

from surgseg_ros.data.bag_frames import BagError
from surgseg_ros.data.bag_frames import BagFrames
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.decoding.bit_depth import BitDepth

TYPES = get_typestore(Stores.ROS2_JAZZY)
PERIOD_NS = 40_000_000
CHANNEL_ORDERS = {
    'rgb8': [0, 1, 2],
    'bgr8': [2, 1, 0],
    'rgba8': [0, 1, 2, 0],
    'bgra8': [2, 1, 0, 0],
    'mono8': [0],
}


def make_rgb(seed, gray=False):
    image = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    return np.repeat(image[..., :1], 3, axis=2) if gray else image


def make_header(stamp_ns):
    seconds, nanoseconds = divmod(stamp_ns, 10**9)
    time = TYPES.types['builtin_interfaces/msg/Time'](sec=seconds, nanosec=nanoseconds)
    return TYPES.types['std_msgs/msg/Header'](stamp=time, frame_id='endoscope')


def make_image(index, rgb, encoding='rgb8', padding=0):
    rows = rgb[..., CHANNEL_ORDERS[encoding]].reshape(rgb.shape[0], -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return TYPES.types['sensor_msgs/msg/Image'](
        header=make_header(index * PERIOD_NS),
        height=rgb.shape[0],
        width=rgb.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=data.shape[1],
        data=data.reshape(-1),
    )


def make_compressed(index, rgb):
    data = cv2.imencode('.png', rgb[..., ::-1])[1].reshape(-1) if rgb is not None else b'no image'
    return TYPES.types['sensor_msgs/msg/CompressedImage'](
        header=make_header(index * PERIOD_NS),
        format='png',
        data=np.frombuffer(bytes(data), np.uint8),
    )


def write_bag(path, topics, plugin=StoragePlugin.MCAP, mode=None):
    writer = Writer(path, version=9, storage_plugin=plugin)
    if mode is not None:
        writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        for topic, messages in topics.items():
            kind = type(messages[0]).__msgtype__
            connection = writer.add_connection(topic, kind, typestore=TYPES)
            for index, message in enumerate(messages):
                writer.write(connection, index * PERIOD_NS, TYPES.serialize_cdr(message, kind))
    return path


@pytest.mark.parametrize('plugin', list(StoragePlugin), ids=lambda plugin: plugin.name)
def test_frames_of_both_storages(tmp_path, plugin):
    images = [make_rgb(seed) for seed in range(3)]
    messages = [make_image(index, image) for index, image in enumerate(images)]
    bag = write_bag(tmp_path / 'surgery', {'/left/image_raw': messages}, plugin)
    source = FrameSource(bag)
    assert source.expected_length == 3
    assert source.rate_hz == pytest.approx(25)
    for _ in range(2):
        frames = list(source)
        assert [frame.stem for frame in frames] == [f'surgery_{index:06d}' for index in range(3)]
        np.testing.assert_array_equal([frame.image for frame in frames], images)


@pytest.mark.parametrize('encoding', CHANNEL_ORDERS)
@pytest.mark.parametrize('padding', [0, 5])
def test_encodings_and_padded_rows(tmp_path, encoding, padding):
    rgb = make_rgb(1, gray=encoding == 'mono8')
    bag = write_bag(tmp_path / 'bag', {'/image': [make_image(0, rgb, encoding, padding)]})
    (frame,) = FrameSource(bag)
    np.testing.assert_array_equal(frame.image, rgb)


def test_compressed_images_and_one_that_is_damaged(tmp_path):
    rgb = make_rgb(2)
    messages = [make_compressed(0, rgb), make_compressed(1, None)]
    first, second = FrameSource(write_bag(tmp_path / 'bag', {'/image/compressed': messages}))
    np.testing.assert_array_equal(first.image, rgb)
    assert second.image is None


def test_topics_are_chosen_by_name(tmp_path):
    left, right = make_rgb(3), make_rgb(4)
    topics = {'/left': [make_image(0, left)], '/right': [make_image(0, right)]}
    bag = write_bag(tmp_path / 'bag', topics)
    (frame,) = FrameSource(bag, '/right')
    np.testing.assert_array_equal(frame.image, right)
    with pytest.raises(FrameSourceError, match='several topics.*--topic: /left, /right'):
        FrameSource(bag)
    with pytest.raises(FrameSourceError, match="no topic '/up' with images; it has: /left"):
        FrameSource(bag, '/up')


def test_recordings_that_cannot_be_used(tmp_path):
    bag = write_bag(tmp_path / 'bag', {'/header': [make_header(0)]})
    with pytest.raises(FrameSourceError, match='no message of type sensor_msgs/msg/Image'):
        FrameSource(bag)
    next(bag.glob('*.mcap')).unlink()
    with pytest.raises(FrameSourceError, match='ros2 bag reindex'):
        FrameSource(bag)
    folder = tmp_path / 'frames'
    folder.mkdir()
    with pytest.raises(FrameSourceError, match="is no rosbag2 recording and has no topic '/left'"):
        FrameSource(folder, '/left')


def test_images_that_contradict_themselves_or_are_in_no_encoding(tmp_path):
    good, other, short = (make_image(index, make_rgb(5)) for index in range(3))
    other.encoding = 'h264'
    short.step = 6
    bag = BagFrames(write_bag(tmp_path / 'bag', {'/image': [good, other, short]}))
    assert [image is None for _, image in bag] == [False, True, True]
    assert "encoding 'h264' is not supported" in bag.faults[1]
    assert 'need at least 21 bytes a row, got 6' in bag.faults[2]
    with pytest.raises(BagError, match="topic '/image': encoding 'h264' is not supported"):
        list(BagFrames(write_bag(tmp_path / 'video', {'/image': [other]})))


@pytest.mark.parametrize('plugin', list(StoragePlugin), ids=lambda plugin: plugin.name)
@pytest.mark.parametrize('mode', list(CompressionMode)[1:], ids=lambda mode: mode.name)
def test_every_compression(tmp_path, plugin, mode):
    if plugin is StoragePlugin.SQLITE3 and mode is CompressionMode.STORAGE:
        pytest.skip('SQLite has no such compression')
    images = [make_rgb(seed) for seed in range(4)]
    messages = [make_image(index, image) for index, image in enumerate(images)]
    bag = write_bag(tmp_path / 'bag', {'/image': messages}, plugin, mode)
    np.testing.assert_array_equal([image for _, image in BagFrames(bag)], images)
    (bag / 'metadata.yaml').unlink()
    np.testing.assert_array_equal([image for _, image in BagFrames(bag)], images)


@pytest.mark.parametrize('plugin', list(StoragePlugin), ids=lambda plugin: plugin.name)
def test_images_come_in_the_order_of_their_stamps(tmp_path, plugin):
    images = [make_rgb(seed) for seed in range(6)]
    received = [3, 0, 2, 1, 5, 4]
    messages = [make_image(index, images[index]) for index in received]
    bag = BagFrames(write_bag(tmp_path / 'bag', {'/image': messages}, plugin))
    times_ns, found = zip(*bag, strict=True)
    assert list(times_ns) == [index * PERIOD_NS for index in range(6)] == bag.times_ns
    np.testing.assert_array_equal(found, images)
    assert bag.rate_hz == pytest.approx(25)
    assert not bag.notes


@pytest.mark.parametrize(
    ('stamps', 'order', 'words'),
    [
        ([0, 0, 0], [0, 1, 2], '3 of 3 images have no stamp: all'),
        ([2, 1, 1], [1, 2, 0], '1 images have the stamp of another one: these'),
        ([*range(1, 13)] * 2, [*range(24)], '12 images have the stamp of another one, long after'),
    ],
)
def test_stamps_that_give_no_order_are_said(tmp_path, stamps, order, words):
    images = [make_rgb(seed) for seed in range(len(stamps))]
    messages = [make_image(stamp, image) for stamp, image in zip(stamps, images, strict=True)]
    bag = BagFrames(write_bag(tmp_path / 'bag', {'/image': messages}))
    np.testing.assert_array_equal([image for _, image in bag], [images[i] for i in order])
    (note,) = bag.notes
    assert words in note
    assert 'order of their reception' in note
    assert bag.times_ns == sorted(bag.times_ns)


@pytest.mark.parametrize('plugin', list(StoragePlugin), ids=lambda plugin: plugin.name)
def test_a_file_alone_and_a_folder_without_metadata(tmp_path, plugin):
    images = [make_rgb(seed) for seed in range(3)]
    messages = [make_image(index, image) for index, image in enumerate(images)]
    bag = write_bag(tmp_path / 'bag', {'/image': messages}, plugin)
    (file,) = (path for path in bag.iterdir() if path.suffix in ('.mcap', '.db3'))
    for kept in (None, b'', b'rosbag2_bagfile_information: {version'):
        (bag / 'metadata.yaml').unlink(missing_ok=True)
        if kept is not None:
            (bag / 'metadata.yaml').write_bytes(kept)
        for path in (bag, file):
            frames = [frame.image for frame in FrameSource(path)]
            np.testing.assert_array_equal(frames, images)
    assert 'no readable metadata.yaml' in BagFrames(bag).notes[0]
    file.rename(bag / f'one{file.suffix}')
    shutil.copy(bag / f'one{file.suffix}', bag / f'two{file.suffix}')
    with pytest.raises(FrameSourceError, match='several recordings.*one, two'):
        FrameSource(bag)


def test_parts_of_a_recording_come_in_the_order_of_their_numbers(tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    images = [make_rgb(seed) for seed in range(11)]
    for index, image in enumerate(images):
        part = write_bag(tmp_path / f'part{index}', {'/image': [make_image(0, image)]})
        next(part.glob('*.mcap')).rename(folder / f'bag_{index}.mcap')
    bag = BagFrames(folder)
    np.testing.assert_array_equal([image for _, image in bag], images)


def write_long_bag(path, mode, plugin=StoragePlugin.MCAP):
    """Write 40 images of 12 kB each, of which zstd makes several blocks."""
    images = [
        np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8) for seed in range(40)
    ]
    messages = [make_image(index, image) for index, image in enumerate(images)]
    folder = write_bag(path, {'/image': messages}, plugin, mode)
    (file,) = (each for each in folder.iterdir() if each.suffix in ('.mcap', '.db3'))
    return file, images


@pytest.mark.parametrize('mode', [None, CompressionMode.STORAGE, CompressionMode.MESSAGE])
@pytest.mark.parametrize('announced', [True, False])
def test_what_a_killed_recorder_left_is_read_and_the_loss_is_said(tmp_path, mode, announced):
    file, images = write_long_bag(tmp_path / 'bag', mode)
    whole = file.read_bytes()
    if not announced:
        (file.parent / 'metadata.yaml').unlink()
    file.write_bytes(whole[: len(whole) * 6 // 10])
    bag = BagFrames(file.parent)
    assert 10 <= len(bag) <= 30
    np.testing.assert_array_equal([image for _, image in bag], images[: len(bag)])
    assert 'ends early' in bag.warnings[0]
    lost = f"{40 - len(bag)} of 40 announced images on '/image' are missing"
    assert any(lost in warning for warning in bag.warnings) == announced


def test_a_database_that_is_cut_off(tmp_path):
    file, images = write_long_bag(tmp_path / 'bag', None, StoragePlugin.SQLITE3)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 6 // 10])
    bag = BagFrames(file)
    assert 15 <= len(bag) < 30
    np.testing.assert_array_equal([image for _, image in bag], images[: len(bag)])
    size, cut = len(whole), len(whole) * 6 // 10
    assert f'ends early, after {cut} of {size} bytes' in bag.warnings[0]
    assert 'SQLite says: database disk image is malformed' in bag.warnings[1]


def test_messages_of_no_topic_are_said_to_be_lost(tmp_path):
    file, _ = write_long_bag(tmp_path / 'bag', None, StoragePlugin.SQLITE3)
    with sqlite3.connect(file) as database:
        database.execute('UPDATE messages SET topic_id = 7 WHERE id > 37')
    database.close()
    bag = BagFrames(file)
    assert len(bag) == 37
    assert '3 messages belong to no topic' in bag.warnings[0]


def test_an_mcap_file_knows_how_many_messages_it_has(tmp_path):
    messages = [make_image(index, make_rgb(index)) for index in range(3)]
    folder = write_bag(tmp_path / 'bag', {'/image': messages})
    (file,) = folder.glob('*.mcap')
    data = bytearray(file.read_bytes())
    statistics = data.index(struct.pack('<BQ', 11, 56))
    struct.pack_into('<HQ', data, statistics + 9 + 46, 1, 5)
    file.write_bytes(bytes(data))
    assert BagFrames(file).warnings == [f"{file}: 2 of 5 messages on '/image' are lost"]


def test_a_database_whose_log_was_not_merged(tmp_path):
    file, images = write_long_bag(tmp_path / 'bag', None, StoragePlugin.SQLITE3)
    database = sqlite3.connect(file)
    database.execute('PRAGMA journal_mode=WAL')
    rows = database.execute('SELECT topic_id, timestamp, data FROM messages').fetchall()
    database.execute('DELETE FROM messages')
    database.commit()
    database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    database.executemany('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)', rows)
    database.commit()
    killed = tmp_path / 'killed'
    killed.mkdir()
    for path in file.parent.glob(f'{file.name}*'):
        shutil.copy(path, killed)
    database.close()
    np.testing.assert_array_equal([image for _, image in BagFrames(killed)], images)


def test_a_chunk_with_a_wrong_checksum_is_not_believed(tmp_path):
    file, images = write_long_bag(tmp_path / 'bag', None)
    data = bytearray(file.read_bytes())
    # The first record is the header; behind it the first chunk: two times, size, checksum.
    chunk = 8 + 9 + int.from_bytes(data[9:17], 'little') + 9
    (records,) = struct.unpack_from('<Q', data, chunk + 16)
    start = chunk + 40
    struct.pack_into('<I', data, chunk + 24, zlib.crc32(data[start : start + records]))
    file.write_bytes(bytes(data))
    np.testing.assert_array_equal([image for _, image in BagFrames(file)], images)
    data[start + records // 2] ^= 1
    file.write_bytes(bytes(data))
    bag = BagFrames(file)
    assert [image for _, image in bag] == [None] * 40
    assert bag.faults[0] == 'its checksum is wrong'


def test_random_damage_is_an_error_or_a_loss_that_is_said(tmp_path):
    file, _ = write_long_bag(tmp_path / 'bag', CompressionMode.MESSAGE)
    whole = np.frombuffer(file.read_bytes(), np.uint8)
    rng = np.random.default_rng(7)
    for _ in range(60):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 3)] = rng.integers(0, 256, 3)
        file.write_bytes(damaged[: rng.integers(1, len(whole) + 1)].tobytes())
        try:
            bag = BagFrames(file.parent)
            found = [image for _, image in bag]
        except BagError:
            continue
        assert len(found) == 40 or bag.warnings
        assert sum(image is None for image in found) == len(bag.faults)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    image = np.zeros((480, 640, 3), np.uint8)
    messages = [make_image(index, image) for index in (*range(0, 40, 2), *range(1, 40, 2))]
    bag = BagFrames(write_bag(tmp_path / 'bag', {'/image': messages}))
    tracemalloc.start()
    try:
        assert sum(1 for _ in bag) == 40
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * image.nbytes


def test_few_bits_of_sixteen(tmp_path):
    samples = np.arange(42, dtype=np.uint16).reshape(6, 7) * 97
    message = make_image(0, make_rgb(0))
    message.encoding, message.step, message.data = 'mono16', 14, samples.view(np.uint8).reshape(-1)
    path = write_bag(tmp_path / 'bag', {'/image': [message]})
    ((_, image),) = BagFrames(path, depth=BitDepth(12))
    np.testing.assert_array_equal(image[..., 0], np.round(samples * (255 / 4095)))
    remarks = []
    list(BagFrames(path, depth=BitDepth(report=remarks.append)))
    assert 'as those of 12 bits' in remarks[0]
    with pytest.raises(BagError, match='a sample is 3977, but with 10 bits'):
        list(BagFrames(path, depth=BitDepth(10)))
