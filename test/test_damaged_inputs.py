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
Damaged and renamed files, as disks, networks and people make them, given to the commands.

Every kind of input is cut off, has bits flipped, loses a block or gets another name. A command
then gives the right result or refuses: exit status 1 or 2 and a message of one line, never a
traceback, and frames are never lost without a word. Hypothesis draws the damage, the same in every
run; each kind of input has a fixed time.
"""

from collections.abc import Callable
from contextlib import redirect_stderr
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
import io
import json
from pathlib import Path
import re
import shutil
import time

import av
import cv2
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import Phase
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pytest
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
import safetensors.torch
import torch
import yaml

from surgseg_ros.cli import main

CPU_SECONDS = 1.0
"""Of each kind; about 20 s for all."""
MOST_EXAMPLES = 300

FRAMES, WIDTH, HEIGHT = 6, 96, 64
BASELINE_MM, FOCAL_PX, DISPARITY_PX = 4.0, 100.0, 8
BLANK_BYTES = 64
GAP = 'gap(s) between its frames'
"""A damaged time may move a frame out of what the container wants to have shown."""
PROGRESS = re.compile(r'\d+(/\d+|\w+) \[')
TYPES = get_typestore(Stores.ROS2_JAZZY)

SUFFIXES = (
    *('.png', '.jpg', '.tif', '.mp4', '.avi', '.mcap', '.db3', '.json', '.yaml', '.pth', '.txt'),
)
SAME, UPPER_CASE, LEADING_DOT = 'same', 'upper case', 'leading dot'
RENAMINGS: dict[str, Callable[[Path], str]] = {
    SAME: lambda path: path.name,
    UPPER_CASE: lambda path: path.stem + path.suffix.upper(),
    LEADING_DOT: lambda path: f'.{path.name}',
    'no suffix': lambda path: path.stem,
    'unfinished': lambda path: f'{path.name}.part',
    'copy': lambda path: f'{path.stem} (1){path.suffix}',
    **{suffix: lambda path, suffix=suffix: f'{path.stem}{suffix}' for suffix in SUFFIXES},
}


# Drawings


def draw_frame(index=0, shift=0):
    """Return a picture (H, W, 3) uint8 RGB of a red shaft that moves from frame to frame."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image += np.arange(WIDTH, dtype=np.uint8)[None, :, None] // 4
    image[24:40, 20 + 4 * index - shift : 76 - shift] = (230, 30, 30)
    return image


def write_picture(path, index=0):
    assert cv2.imwrite(str(path), draw_frame(index)[..., ::-1])


def write_palette_mask(path, index=0):
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[24:40, 20 + 4 * index : 76] = 1 + index % 3
    mask = Image.fromarray(ids, mode='P')
    mask.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    mask.save(path)


def write_video(path, codec):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(draw_frame(index), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_recording(path, plugin):
    """Write a recording of raw images, and return its file of messages."""
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        kind = 'sensor_msgs/msg/Image'
        connection = writer.add_connection('/left/image_raw', kind, typestore=TYPES)
        for index in range(FRAMES):
            stamp = TYPES.types['builtin_interfaces/msg/Time'](sec=index, nanosec=0)
            header = TYPES.types['std_msgs/msg/Header'](stamp=stamp, frame_id='endoscope')
            data = draw_frame(index)
            message = TYPES.types[kind](
                header=header,
                height=HEIGHT,
                width=WIDTH,
                encoding='rgb8',
                is_bigendian=0,
                step=3 * WIDTH,
                data=data.reshape(-1),
            )
            writer.write(connection, index * 40_000_000, TYPES.serialize_cdr(message, kind))
    return next(path.glob(f'*.{"mcap" if plugin is StoragePlugin.MCAP else "db3"}'))


def calibration_entries():
    camera = [[FOCAL_PX, 0, WIDTH / 2], [0, FOCAL_PX, HEIGHT / 2], [0, 0, 1]]
    return {
        'K_left': camera,
        'D_left': [0.0] * 5,
        'K_right': camera,
        'D_right': [0.0] * 5,
        'R': np.eye(3).tolist(),
        't': [-BASELINE_MM, 0.0, 0.0],
    }


def write_calibration(path):
    entries = calibration_entries()
    if path.suffix == '.json':
        path.write_text(json.dumps(entries))
    elif path.suffix == '.yaml':
        path.write_text(yaml.safe_dump(entries, default_flow_style=None))
    else:
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
        for name, key in zip(('M1', 'D1', 'M2', 'D2', 'R', 'T'), entries, strict=True):
            storage.write(name, np.array(entries[key], float))
        storage.release()


# Damage


@dataclass(frozen=True)
class Damage:
    """
    What happens to a file.

    :param renaming: key of :data:`RENAMINGS`
    :param action: ``none``, ``cut``, ``flip`` a bit, or ``blank``: zeros instead of what was there
    :param places: where, 0 the first byte and 1 the end
    """

    renaming: str
    action: str
    places: tuple[float, ...]
    bit: int

    def apply(self, content):
        """Return the damaged content."""
        offsets = [min(int(place * len(content)), len(content) - 1) for place in self.places]
        if self.action == 'cut':
            return content[: offsets[0]]
        damaged = bytearray(content)
        for offset in offsets:
            if self.action == 'flip':
                damaged[offset] ^= 1 << self.bit
            elif self.action == 'blank':
                end = min(offset + BLANK_BYTES, len(damaged))
                damaged[offset:end] = bytes(end - offset)
        return bytes(damaged)


@st.composite
def damages(draw, renamings):
    # Heads and ends of files hold what the rest is read by.
    place = st.one_of(st.floats(0, 1), st.floats(0, 0.05), st.floats(0.95, 1))
    action = draw(st.sampled_from(('flip', 'flip', 'cut', 'blank', 'none')))
    return Damage(
        draw(st.sampled_from((*[SAME] * len(renamings), *renamings))),
        action,
        tuple(draw(st.lists(place, min_size=1, max_size=4 if action == 'flip' else 1))),
        draw(st.integers(0, 7)),
    )


# Kinds of inputs


@dataclass(frozen=True)
class Kind:
    """
    One kind of input.

    :param root: a folder for everything
    :param target: the file that is damaged
    :param command: arguments, given the path of the damaged file and that of the output
    :param finds_flips: a checksum protects the content: a flipped bit is found or does no harm
    :param finds_cuts: likewise if the end is missing
    :param renamings: keys of :data:`RENAMINGS`
    """

    root: Path
    target: Path
    command: Callable[[Path, Path], list[str]]
    finds_flips: bool = False
    finds_cuts: bool = True
    renamings: tuple[str, ...] = tuple(RENAMINGS)

    def finds(self, damage):
        """Tell whether a result may not differ from that of the whole file."""
        return {'none': True, 'cut': self.finds_cuts}.get(damage.action, self.finds_flips)


def predict(checkpoint, source=None):
    """Return the arguments of ``predict`` for the damaged file, or for a source that holds it."""
    return lambda path, output: [
        *('predict', '--input', str(source or path), '--output', str(output)),
        *('--checkpoint', str(checkpoint), '--device', 'cpu'),
    ]


def picture(root, checkpoint, name, finds_flips=False):
    write_picture(root / 'in' / name)
    return Kind(root, root / 'in' / name, predict(checkpoint), finds_flips)


def folder_of_pictures(root, checkpoint):
    for index in range(3):
        write_picture(root / 'in' / f'frame{index}.png', index)
    return Kind(
        root,
        root / 'in' / 'frame1.png',
        predict(checkpoint, root / 'in'),
        finds_flips=True,
        renamings=(SAME, UPPER_CASE, LEADING_DOT),
    )


def masks(root, checkpoint):
    for index in range(2):
        for folder in ('in', 'predictions'):
            (root / folder).mkdir(exist_ok=True)
            write_palette_mask(root / folder / f'frame{index}.png', index)
    return Kind(
        root,
        root / 'in' / 'frame1.png',
        lambda path, output: [
            *('evaluate', '--predictions', str(root / 'predictions'), '--task', 'parts'),
            *('--ground-truth', str(root / 'in'), '--json', str(output / 'scores.json')),
        ],
        finds_flips=True,
        renamings=(SAME, UPPER_CASE),
    )


def data_set(root, checkpoint):
    for index in range(2):
        for folder, write in (('images', write_picture), ('masks', write_palette_mask)):
            (root / 'in' / folder).mkdir(exist_ok=True)
            write(root / 'in' / folder / f'frame{index}.png', index)
    return Kind(
        root,
        root / 'in' / 'masks' / 'frame1.png',
        lambda path, output: [
            *('prepare', '--input', str(root / 'in'), '--output', str(output), '--workers', '1'),
            *('--tasks', 'parts'),
        ],
        finds_flips=True,
        renamings=(SAME, UPPER_CASE),
    )


def video(root, checkpoint, name, codec):
    write_video(root / 'in' / name, codec)
    return Kind(root, root / 'in' / name, predict(checkpoint))


def recording(root, checkpoint, plugin, damaged='messages'):
    """Return a recording, of which messages or metadata are damaged, or its file alone."""
    folder = root / 'in' / 'recording'
    messages = write_recording(folder, plugin)
    if damaged == 'alone':
        return Kind(root, messages, predict(checkpoint))
    target = folder / 'metadata.yaml' if damaged == 'metadata' else messages
    return Kind(root, target, predict(checkpoint, folder), renamings=(SAME, UPPER_CASE))


def calibration(root, checkpoint, name):
    write_calibration(root / 'in' / name)
    for eye, shift in (('left', 0), ('right', DISPARITY_PX)):
        cv2.imwrite(str(root / f'{eye}.png'), draw_frame(shift=shift)[..., ::-1])
    return Kind(
        root,
        root / 'in' / name,
        lambda path, output: [
            *('predict', '--stereo', '--left', str(root / 'left.png'), '--output', str(output)),
            *('--right', str(root / 'right.png'), '--calibration', str(path)),
            *('--checkpoint', str(checkpoint), '--device', 'cpu'),
        ],
        finds_cuts=False,  # A number that lost its last digits is a number.
    )


def weights(root, checkpoint, name, save, finds_flips=False):
    if save is None:
        shutil.copy(checkpoint, root / 'in' / name)
    else:
        save(safetensors.torch.load_file(checkpoint), root / 'in' / name)
    write_picture(root / 'frame.png')
    return Kind(
        root,
        root / 'in' / name,
        lambda path, output: predict(path)(root / 'frame.png', output),
        finds_flips,
    )


KINDS = {
    'PNG': partial(picture, name='frame.png', finds_flips=True),
    'JPEG': partial(picture, name='frame.jpg'),
    'TIFF': partial(picture, name='frame.tif'),
    'folder': folder_of_pictures,
    'masks': masks,
    'data set': data_set,
    'MP4': partial(video, name='clip.mp4', codec='libx264'),
    'AVI': partial(video, name='clip.avi', codec='mjpeg'),
    'MKV': partial(video, name='clip.mkv', codec='mpeg4'),
    'MCAP': partial(recording, plugin=StoragePlugin.MCAP),
    'SQLite': partial(recording, plugin=StoragePlugin.SQLITE3),
    'metadata': partial(recording, plugin=StoragePlugin.MCAP, damaged='metadata'),
    'MCAP alone': partial(recording, plugin=StoragePlugin.MCAP, damaged='alone'),
    'SQLite alone': partial(recording, plugin=StoragePlugin.SQLITE3, damaged='alone'),
    'JSON calibration': partial(calibration, name='stereo.json'),
    'YAML calibration': partial(calibration, name='stereo.yaml'),
    'OpenCV calibration': partial(calibration, name='stereo.xml'),
    'checkpoint': partial(weights, name='red.safetensors', save=None),
    'state dict': partial(weights, name='red.pth', save=torch.save, finds_flips=True),
    'legacy state dict': partial(
        weights,
        name='red.pt',
        save=partial(torch.save, _use_new_zipfile_serialization=False),
    ),
}


# Commands


@dataclass(frozen=True)
class Outcome:
    """
    What a command did.

    :param message: what it wrote to the standard error, without progress bars, and its last line,
        which accounts for what was left out
    :param results: what it wrote, in the order of the names, which may differ
    """

    status: int
    message: str
    results: list[bytes]


def run(kind, path):
    """Run the command of a kind of input, in this process."""
    output = kind.root / 'output'
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    printed, told = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(told):
        try:
            status = main(kind.command(path, output))
        except SystemExit as error:  # of argparse
            status = int(error.code or 0)
    files = [file for file in output.rglob('*') if file.suffix in ('.png', '.json')]
    files.sort(key=lambda file: str(file).lower())
    results = [read_result(file) for file in files if file.name != 'stereo.json']
    account = printed.getvalue().strip().rpartition('\n')[2]
    return Outcome(status, without_progress(told.getvalue()) or account, results)


def read_result(path):
    if path.suffix == '.json':
        return path.read_bytes()
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).tobytes()


def without_progress(text):
    lines = text.replace('\r', '\n').splitlines()
    return '\n'.join(line for line in lines if line.strip() and not PROGRESS.search(line))


def check(kind, damage, expected):
    """Run a command on a damaged file and compare with what the whole one gives."""
    path = kind.target.with_name(RENAMINGS[damage.renaming](kind.target))
    content = kind.target.read_bytes()
    damaged = damage.apply(content)
    if path != kind.target:
        kind.target.unlink()
    path.write_bytes(damaged)
    try:
        found = run(kind, path)
    finally:
        path.unlink()
        kind.target.write_bytes(content)
    assert found.status in (0, 1, 2)
    if found.status:
        assert found.message
        assert 'Traceback' not in found.message
        error = found.message.partition('surgseg: error: ')[2]
        assert '\n' not in error.strip(), 'the refusal has more than one line'
        assert len(found.results) <= len(expected)
    elif damage.renaming == LEADING_DOT and len(kind.renamings) < len(RENAMINGS):
        assert len(found.results) == len(expected) - 1, 'hidden files are passed over'
    else:
        is_told = GAP in found.message and len(found.results) < len(expected)
        assert is_told or len(found.results) == len(expected), 'frames were lost without a word'
        if damaged == content or kind.finds(damage):
            assert found.results == expected, 'the damage was not found'


@pytest.mark.timeout(120)
@pytest.mark.parametrize('name', KINDS)
def test_damage_is_found_or_does_no_harm(tmp_path, red_checkpoint, name):
    (tmp_path / 'in').mkdir()
    kind = KINDS[name](tmp_path, red_checkpoint)
    whole = run(kind, kind.target)
    assert whole.status == 0, whole.message
    assert whole.results
    end = time.process_time() + CPU_SECONDS
    failed = []  # Hypothesis tries them again.

    @settings(
        max_examples=MOST_EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(damages(kind.renamings))
    def check_one(damage):
        if failed or time.process_time() < end:
            failed.append(damage)
            check(kind, damage, whole.results)
            failed.pop()

    check_one()
