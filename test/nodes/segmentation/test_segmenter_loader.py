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

"""The fallback from a GPU that fails while it runs; test/ros shows a GPU that is missing."""

import pytest

rclpy = pytest.importorskip('rclpy')

from rclpy.parameter import Parameter  # noqa: E402

from surgseg_ros.inference.checkpoints import CheckpointError  # noqa: E402
from surgseg_ros.inference.segmenter import Segmenter  # noqa: E402
from surgseg_ros.nodes.common.parameters import ParameterTable  # noqa: E402
from surgseg_ros.nodes.segmentation.parameters import PARAMETERS  # noqa: E402
from surgseg_ros.nodes.segmentation.segmenter_loader import SegmenterLoader  # noqa: E402

ERROR = RuntimeError('CUDA error: device-side assert triggered')


class SegmenterOnGpu(Segmenter):
    """A segmenter that says that it runs on a GPU."""

    device = 'cuda:0'


@pytest.fixture
def make_loader(context, red_checkpoint):
    nodes = []

    def make(**overrides):
        overrides = {'checkpoint': str(red_checkpoint), **overrides}
        nodes.append(
            rclpy.create_node(
                'segmentation',
                context=context,
                parameter_overrides=[Parameter(n, value=v) for n, v in overrides.items()],
            )
        )
        return SegmenterLoader(ParameterTable(nodes[-1], PARAMETERS), nodes[-1].get_logger())

    yield make
    for node in nodes:
        node.destroy_node()


@pytest.fixture
def failed(red_checkpoint):
    return SegmenterOnGpu(red_checkpoint, 'cpu')


def test_a_network_is_loaded_as_the_parameters_say(make_loader, red_checkpoint):
    segmenter = make_loader(device='cpu', input_size=[64, 32]).load(str(red_checkpoint))
    assert (segmenter.device, segmenter.input_size) == ('cpu', (64, 32))


def test_an_unusable_checkpoint_is_no_reason_to_fall_back(make_loader, tmp_path):
    loader = make_loader(allow_cpu_fallback=True)
    with pytest.raises(CheckpointError):
        loader.load(str(tmp_path / 'missing.safetensors'))
    assert loader.warning == ''


def test_a_threshold_that_is_none_can_be_repaired_by_the_user(make_loader, red_checkpoint):
    loader = make_loader(device='cpu', threshold=1.0)
    with pytest.raises(CheckpointError, match='between 0 and 1'):
        loader.load(str(red_checkpoint))


def test_a_failing_gpu_is_replaced_where_that_is_allowed(make_loader, failed):
    loader = make_loader(allow_cpu_fallback=True)
    replacement = loader.recover(failed, ERROR)
    assert replacement.device == 'cpu'
    assert 'device-side assert' in loader.warning


def test_a_failing_gpu_stays_where_that_is_not_allowed(make_loader, failed):
    assert make_loader().recover(failed, ERROR) is None


def test_a_failure_on_the_cpu_has_no_replacement(make_loader, red_checkpoint):
    loader = make_loader(allow_cpu_fallback=True)
    assert loader.recover(Segmenter(red_checkpoint, 'cpu'), ERROR) is None


def test_a_replacement_that_cannot_be_loaded_is_no_way_out(make_loader, failed):
    loader = make_loader(allow_cpu_fallback=True, checkpoint='gone.safetensors')
    assert loader.recover(failed, ERROR) is None
