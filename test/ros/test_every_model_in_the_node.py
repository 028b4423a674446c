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

"""Every registered network, and a file published by others, inside a real segmentation node."""

from collections.abc import Iterator

import pytest
from rig import next_header
from rig import parameters_for
from rig import Rig
from surgseg_ros.srv import LoadModel
from targets import make_image
import torch

from surgseg_ros.inference.checkpoints import CheckpointInfo
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info

WIDTH, HEIGHT = 96, 64
# The node and the test may add up numbers in another order.
MIN_AGREEMENT = 0.98


@pytest.fixture(scope='module')
def rig(module_station, start_module_node, target_checkpoint) -> Iterator[Rig]:
    start_module_node('segmentation_node', parameters_for(target_checkpoint, eyes=['left']))
    return Rig(module_station, eyes=['left'])


def make_picture():
    coarse = torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(2)) * 255
    smooth = torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode='bilinear')
    return smooth[0].permute(1, 2, 0).to(torch.uint8).contiguous().numpy()


def write_seeded_checkpoint(path, name):
    torch.manual_seed(0)
    info = model_info(name)
    save_checkpoint(
        path,
        create_model(name, 'parts'),
        CheckpointInfo(name, 'parts', (WIDTH, HEIGHT), info.mean, info.std),
    )


def write_ternaus_file(path):
    """Write weights of one logit as the training code of ternaus does."""
    torch.manual_seed(0)
    model = create_model('unet', 'binary', single_logit=True)
    state = {f'module.{name}': tensor for name, tensor in model.state_dict().items()}
    content = {'model': state, 'epoch': 20, 'step': 6740}
    torch.save(content, path, _use_new_zipfile_serialization=False)


def check_answer(rig, checkpoint):
    """Compare the node's labels of an image with those that the checkpoint gives without ROS."""
    picture = make_picture()
    header = next_header()
    rig.cameras['left'].publish(make_image(picture, header))
    label_image, instruments = rig.answer('left', header)
    (expected,) = Segmenter(checkpoint, 'cpu', backend='torch').segment([picture])
    assert (label_image == expected.label_image).mean() >= MIN_AGREEMENT
    assert instruments.model == checkpoint.stem


@pytest.mark.parametrize('name', list_models())
def test_every_network_runs_by_its_checkpoint_alone(rig, tmp_path, name):
    checkpoint = tmp_path / f'{name}_seeded.safetensors'
    write_seeded_checkpoint(checkpoint, name)
    request = LoadModel.Request(checkpoint=str(checkpoint))
    answer = rig.station.call_once(LoadModel, 'segmentation/load_model', request)
    assert answer.success, answer.message
    check_answer(rig, checkpoint)


def test_a_node_starts_with_a_published_file(start_node, station, tmp_path):
    checkpoint = tmp_path / 'model_0.pt'
    write_ternaus_file(checkpoint)
    process = start_node('segmentation_node', parameters_for(checkpoint, eyes=['left']))
    check_answer(Rig(station, eyes=['left']), checkpoint)
    assert 'U-Net of ternaus/robot-surgery-segmentation' in process.output
    assert "removed the prefix 'module.'" in process.output
