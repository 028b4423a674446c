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

"""Files that people have in the place of weights: each is named, with its remedy."""

import gzip
import io
import tarfile
import zipfile

from published_files import random_model
import pytest
from safetensors.torch import save
import torch

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.weight_file_kinds import detect_format

LFS_POINTER = b"""version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 97812345
"""
WEB_PAGE = b'\n<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>'


def saved(save_to, content):
    file = io.BytesIO()
    save_to(content, file)
    return file.getvalue()


def tar_of(*names):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return file.getvalue()


def zip_of(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        for name in names:
            archive.writestr(name, b'')
    return file.getvalue()


LINEAR = random_model('color_linear').state_dict()
TORCH_FILE = saved(torch.save, LINEAR)


@pytest.mark.parametrize('suffix', ['.pth', '.ckpt', '.safetensors', '.tar', ''])
@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', r'is empty \(0 bytes\)'),
        (LFS_POINTER, r"Git LFS .* of 97812345 bytes .*'git lfs pull'"),
        (WEB_PAGE, 'is a web page.*Download it again'),
        (gzip.compress(TORCH_FILE), 'is a gzip archive. Unpack'),
        (zip_of('model/best.pth', 'readme.txt'), r'zip archive that holds "model/best.pth", "re'),
        (zip_of(), 'zip archive that holds nothing'),
        (TORCH_FILE[:-200], 'cut off or damaged after'),
        (tar_of('best.pth', 'log.txt'), r'tar archive that holds "best.pth", "log.txt". Unpack'),
        (tar_of('sys_info', 'pickle', 'storages', 'tensors'), 'legacy tar file.*convert it'),
        (zip_of('net/data.pkl', 'net/code/x.py', 'net/constants.pkl'), 'TorchScript program'),
        (b'\x89HDF\r\n\x1a\n' + bytes(100), 'neither safetensors nor a file of torch.save'),
        (save(LINEAR)[:-4], 'cannot be used'),
    ],
)
def test_other_files_are_named_with_a_remedy(tmp_path, content, message, suffix):
    path = tmp_path / f'weights{suffix}'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as error:
        load_checkpoint(path)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('legacy', [True, False])
def test_tensors_are_told_by_their_first_bytes(tmp_path, legacy):
    path = tmp_path / 'weights'
    torch.save(LINEAR, path, _use_new_zipfile_serialization=not legacy)
    assert detect_format(path) == 'torch'
    path.write_bytes(save(LINEAR))
    assert detect_format(path) == 'safetensors'


def test_a_file_that_may_not_be_read(tmp_path):
    with pytest.raises(CheckpointError, match='No such file'):
        detect_format(tmp_path / 'weights.pt')
