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

"""Tests of what a calibration file can look like as text."""

import json

import pytest

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.entries import Entry
from surgseg_ros.calibration.entries import read_vector
from surgseg_ros.calibration.file_content import read_mapping


def read(tmp_path, content, name='file.yaml'):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_mapping(path)


@pytest.mark.parametrize(
    'number', ['1e-05', '1E-5', '.00001', '1.0e-05', '"0.00001"', '1.e-05', '+1e-5']
)
def test_numbers_as_yaml_writes_them(tmp_path, number):
    content = read(tmp_path, f'D: [{number}, 0525, 12:30]'.replace(', 12:30', ''))
    assert read_vector(Entry('D', content['D'])).tolist() == [1e-5, 525.0]


def test_numbers_are_no_times_and_no_octals(tmp_path):
    assert read(tmp_path, 'D: 1:30') == {'D': '1:30'}
    with pytest.raises(CalibrationError, match="'1:30' is none"):
        read_vector(Entry('D', '1:30'))


@pytest.mark.parametrize('text', ['.nan', '.NaN', '.Nan', 'nan', '.inf', '-.Inf', 'inf', '1e999'])
def test_what_is_not_finite_is_refused(tmp_path, text):
    content = read(tmp_path, f'D: [{text}, 0]')
    with pytest.raises(CalibrationError, match='D is not finite'):
        read_vector(Entry('D', content['D']))


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
@pytest.mark.parametrize('text', ['K: [1, 2]  # \u00b5m', '%YAML:1.0\n---\nK: [ 1., 2. ]\n'])
def test_encodings(tmp_path, text, encoding):
    content = read(tmp_path, text.encode(encoding))
    assert read_vector(Entry('K', content['K'])).tolist() == [1, 2]


@pytest.mark.parametrize('end', ['\n---\n', '\n...\n', ''])
def test_what_ros2_topic_echo_prints(tmp_path, end):
    assert read(tmp_path, f'width: 640\nk:\n- 525.0{end}') == {'width': '640', 'k': ['525.0']}


@pytest.mark.parametrize('name', ['file.json', 'file.yaml', 'file.txt'])
def test_the_content_decides_not_the_suffix(tmp_path, name):
    assert read(tmp_path, '{"K":\n\t[1, 2]}', name) == {'K': [1, 2]}
    assert read(tmp_path, 'K: [1]', name) == {'K': ['1']}
    assert read(tmp_path, '<?xml version="1.0"?><s><K>1 2</K></s>', name) == {'K': '1 2'}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'is empty'),
        (b'\n \n', 'is empty'),
        (b'\xff\xd8\xff\xe0', 'no text in UTF-8'),
        ('K: "caf\u00e9"'.encode('latin-1'), 'no text in UTF-8 .byte 7.'),
        (b'{"K": [1, 2', 'no valid JSON, YAML or XML'),
        (b'<a><K>', 'no valid JSON, YAML or XML'),
        (b'K: [1, 2', 'no valid JSON, YAML or XML'),
        (b'[' * 100_000, 'no valid JSON, YAML or XML'),
        (b'K: 1\nK: 2\n', "'K' is there more than once"),
        (json.dumps({'K': 1})[:-1].encode() + b', "K": 2}', "'K' is there more than once"),
        (b'<s><K>1</K><K>2</K></s>', "'K' is there more than once"),
        (b'K: 1\n---\nK: 2\n', '2 documents'),
        (b'1 0 0\n0 1 0\n', 'no names of entries'),
        (b'PK\x03\x04\x00', 'no valid|no text'),
        (b' ' * 2**20 + b'K: 1', 'larger than 1024 KiB'),
    ],
)
def test_what_is_no_calibration_is_refused_in_one_line(tmp_path, content, message):
    with pytest.raises(CalibrationError, match=message) as caught:
        read(tmp_path, content)
    assert 'file.yaml' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / 'none.json', tmp_path):
        with pytest.raises(CalibrationError, match=f'cannot read the calibration .{path}'):
            read_mapping(path)
