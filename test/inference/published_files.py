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

"""Files of weights as others publish them."""

import json

from safetensors.torch import save_file
import torch

from surgseg_ros.models import create_model

SMP_CONFIG = {
    '_model_class': 'Unet',
    'encoder_name': 'resnet34',
    'encoder_depth': 5,
    'in_channels': 3,
    'classes': 10,
    'activation': None,
}


def zeros(shape):
    """Return zeros that take no place in memory or file."""
    return torch.zeros(()).expand(shape)


def random_model(name, task='binary', **options):
    torch.manual_seed(0)
    return create_model(name, task, **options).eval()


def assert_same_outputs(first, second):
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(first(image), second(image), rtol=0, atol=0)


def ternaus_file(model, path, legacy=True):
    """Write a file as the published training code does: every VGG tensor twice, parallel."""
    tensors = dict(model.state_dict())
    indices = {
        'conv1.0': 0,
        'conv2.0': 3,
        'conv3.0': 6,
        'conv3.2': 8,
        'conv4.0': 11,
        'conv4.2': 13,
        'conv5.0': 16,
        'conv5.2': 18,
    }
    for convolution, index in indices.items():
        for part in ('weight', 'bias'):
            tensors[f'encoder.{index}.{part}'] = tensors[f'{convolution}.{part}']
    content = {
        'model': {f'module.{name}': tensor for name, tensor in tensors.items()},
        'epoch': 20,
        'step': 6740,
    }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def write_smp_folder(folder, tensors, **changes):
    folder.mkdir()
    save_file(tensors, folder / 'model.safetensors')
    (folder / 'config.json').write_text(json.dumps(SMP_CONFIG | changes))
