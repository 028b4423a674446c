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

"""Tests of `surgseg export`: what is written computes what the checkpoint computes."""

from importlib.util import find_spec
import json

import numpy as np
import pytest
import torch

from surgseg_ros.inference.checkpoints import CheckpointInfo
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.export import export
from surgseg_ros.inference.export import METADATA_KEY
from surgseg_ros.inference.export import ONNX_MODULES
from surgseg_ros.inference.export import TARGETS
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.models import create_model

MISSING = [name for name in ONNX_MODULES if find_spec(name) is None]
needs_onnx = pytest.mark.skipif(
    bool(MISSING), reason=f'the export extra is not installed: {", ".join(MISSING)}'
)
SIZE = (96, 64)
RUNTIMES = [
    pytest.param(target, marks=needs_onnx if target == 'onnx' else ())
    for target in TARGETS
    if target != 'safetensors'
]


@pytest.fixture(scope='module')
def binary_checkpoint(tmp_path_factory):
    """Return a checkpoint of a network with one logit, a threshold and ImageNet's mean."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'binary.safetensors'
    model = create_model('unet', 'binary', single_logit=True)
    info = CheckpointInfo(
        'unet',
        'binary',
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        options={'single_logit': True},
        threshold=0.3,
    )
    save_checkpoint(path, model, info, torch.float32)
    return path


def run_exported(target, path, image):
    """Return the logits (1, C, H, W) of an exported network, and its metadata."""
    if target == 'onnx':
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
        metadata = session.get_modelmeta().custom_metadata_map[METADATA_KEY]
        return session.run(['logits'], {'image': image.numpy()})[0], json.loads(metadata)
    extra = {METADATA_KEY: ''}
    if target == 'torchscript':
        network = torch.jit.load(str(path), _extra_files=extra)
    else:
        with path.open('rb') as file:
            network = torch.export.load(file, extra_files=extra).module()
    with torch.inference_mode():
        return network(image).numpy(), json.loads(extra[METADATA_KEY])


@pytest.mark.parametrize('target', RUNTIMES)
def test_an_exported_network_gives_the_segmenters_labels(tmp_path, binary_checkpoint, target):
    output = tmp_path / 'folder' / 'network.out'
    report = export(binary_checkpoint, target, output, SIZE)
    assert report.difference <= report.tolerance
    assert [path.name for path in output.parent.iterdir()] == ['network.out']
    pixels = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    logits, metadata = run_exported(target, output, image)
    assert logits.shape == (1, 2, SIZE[1], SIZE[0])
    (expected,) = Segmenter(binary_checkpoint, 'cpu', backend='torch').segment([pixels])
    clear = np.abs(logits[0, 1] - logits[0, 0]) > 0.01  # the segmenter may compute in bfloat16
    np.testing.assert_array_equal(logits[0].argmax(0)[clear], expected.label_image[clear])
    assert metadata['class_names'] == ['background', 'instrument']
    assert (metadata['size'], metadata['threshold']) == ([96, 64], 0.3)


@pytest.mark.parametrize('target', RUNTIMES)
def test_both_branches_of_mffnet_can_be_exported(tmp_path, mffnet_checkpoint, target):
    export(mffnet_checkpoint, target, tmp_path / 'auxiliary.out', SIZE, 'auxiliary')
    logits, metadata = run_exported(
        target, tmp_path / 'auxiliary.out', torch.zeros(1, 3, SIZE[1], SIZE[0])
    )
    assert logits.shape == (1, 4, SIZE[1], SIZE[0])
    assert metadata['branch'] == 'auxiliary'


def test_published_weights_become_a_checkpoint_of_ours(tmp_path, binary_checkpoint):
    model, _ = load_checkpoint(binary_checkpoint)
    published = tmp_path / 'model_0.pt'
    torch.save({'model': model.state_dict(), 'epoch': 1}, published)
    output = tmp_path / 'model_0.safetensors'
    report = export(published, 'safetensors', output, changes={'threshold': 0.5})
    assert report.difference == 0
    assert report.loaded.layout.startswith('U-Net of ternaus')
    converted, info = load_checkpoint(output)
    assert (info.model, info.threshold, info.mean[0]) == ('unet', 0.5, 0.485)
    assert 'model_0.pt' in info.provenance['file']
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(converted.state_dict()[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize(
    ('target', 'size', 'message'),
    [
        ('caffe', SIZE, "unknown target 'caffe'; choose one of: safetensors, onnx"),
        ('torchscript', (100, 64), 'multiples of 32'),
        ('safetensors', None, r'must end in .safetensors'),
    ],
)
def test_what_cannot_be_exported(tmp_path, binary_checkpoint, target, size, message):
    with pytest.raises(ValueError, match=message):
        export(binary_checkpoint, target, tmp_path / 'x', size)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_has_no_image_size(tmp_path, binary_checkpoint):
    with pytest.raises(ValueError, match='leave --size out'):
        export(binary_checkpoint, 'safetensors', tmp_path / 'x.safetensors', SIZE)


def test_a_network_that_computes_otherwise_is_not_left_behind(
    tmp_path, binary_checkpoint, monkeypatch
):
    monkeypatch.setattr('surgseg_ros.inference.export.RELATIVE_TOLERANCE', -1.0)
    with pytest.raises(RuntimeError, match='nothing was written'):
        export(binary_checkpoint, 'torchscript', tmp_path / 'x', SIZE)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not MISSING, reason='the export extra is installed')
def test_missing_onnx_says_what_to_install(tmp_path, binary_checkpoint):
    with pytest.raises(RuntimeError, match=rf'pip install .*{MISSING[0]}'):
        export(binary_checkpoint, 'onnx', tmp_path / 'x', SIZE)
