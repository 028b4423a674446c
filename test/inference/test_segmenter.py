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

"""Tests of the segmenter."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from surgseg_ros.inference.backends import installed_backends
from surgseg_ros.inference.checkpoints import CheckpointError
from surgseg_ros.inference.deadline import DEFAULT_VARIANTS
from surgseg_ros.inference.deadline import Variant
from surgseg_ros.inference.devices import DeviceError
from surgseg_ros.inference.devices import select_device
from surgseg_ros.inference.label_images import apply_threshold
from surgseg_ros.inference.label_images import confidence_bytes
from surgseg_ros.inference.label_images import confidence_image_on_cpu
from surgseg_ros.inference.label_images import label_images
from surgseg_ros.inference.segmenter import Segmenter


def _target(height, width):
    """Return an image with a red ellipse, and its mask."""
    image = np.full((height, width, 3), 90, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 3, height // 2), (width // 6, height // 4), 30, 0, 360, 1, -1)
    image[mask > 0] = (220, 40, 40)
    return image, mask


@pytest.mark.parametrize('size', [(1024, 1280), (1080, 1920), (576, 720), (481, 641), (1, 1)])
def test_labels_are_exact_at_every_size(red_checkpoint, size):
    image, mask = _target(*size)
    (result,) = Segmenter(red_checkpoint, 'cpu').segment([image])
    assert result.label_image.dtype == np.uint8
    np.testing.assert_array_equal(result.label_image, mask)


@pytest.mark.parametrize('threshold', [None, 0.3, 0.5, 0.9])
def test_a_single_logit_is_compared_with_the_threshold(one_logit_checkpoint, threshold):
    ramp = np.zeros((1, 256, 3), np.uint8)
    ramp[..., 0] = np.arange(256)
    segmenter = Segmenter(one_logit_checkpoint, 'cpu', threshold=threshold)
    (result,) = segmenter.segment([ramp], confidence=True)
    probability = 1 / (1 + np.exp(4 - 8 * np.arange(256) / 255))
    assert segmenter.threshold == (threshold or 0.3)
    # bfloat16 holds 8 bits of a logit.
    clear = np.abs(probability - segmenter.threshold) > 0.02
    np.testing.assert_array_equal(
        result.label_image[0][clear], (probability > segmenter.threshold)[clear]
    )
    turn = np.flatnonzero(result.label_image[0])[0]
    assert int(result.confidence[0][turn]) == pytest.approx(128, abs=5)
    assert result.confidence.min() >= 127


def test_two_logits_follow_a_threshold_too():
    logits = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    assert apply_threshold(logits, 0.5) is logits
    assert apply_threshold(logits, 0.7).argmax() == 1
    assert apply_threshold(logits, 0.74).argmax() == 0


def test_thresholds_that_make_no_sense(mffnet_checkpoint, one_logit_checkpoint):
    with pytest.raises(CheckpointError, match="task 'parts' the most probable class wins"):
        Segmenter(mffnet_checkpoint, 'cpu', threshold=0.5)
    with pytest.raises(ValueError, match='between 0 and 1'):
        Segmenter(one_logit_checkpoint, 'cpu', threshold=1.0)


def test_images_of_different_sizes_keep_their_order(red_checkpoint):
    targets = [_target(*size) for size in ((64, 80), (100, 90), (64, 80))]
    targets[2][0][:] = 0
    results = Segmenter(red_checkpoint, 'cpu').segment([image for image, _ in targets])
    np.testing.assert_array_equal(results[0].label_image, targets[0][1])
    np.testing.assert_array_equal(results[1].label_image, targets[1][1])
    assert not results[2].label_image.any()


def test_confidence_is_the_probability_of_the_class(red_checkpoint):
    image, mask = _target(60, 80)
    (result,) = Segmenter(red_checkpoint, 'cpu').segment([image], confidence=True)
    red, green, blue = (channel / 255 for channel in (220, 40, 40))
    expected = 1 / (1 + np.exp(-(20 * red - 10 * green - 10 * blue - 5)))
    assert result.confidence[mask > 0].mean() == pytest.approx(255 * expected, abs=2)
    assert result.confidence.shape == mask.shape
    assert Segmenter(red_checkpoint, 'cpu').segment([image])[0].confidence is None


def test_network_runs_at_its_own_size_and_labels_have_the_image_size(mffnet_checkpoint):
    segmenter = Segmenter(mffnet_checkpoint, 'cpu', backend='torch')
    results = segmenter.segment([np.zeros((1080, 1920, 3), np.uint8)] * 2)
    assert [result.network_size for result in results] == [(192, 96)] * 2
    assert [result.label_image.shape for result in results] == [(1080, 1920)] * 2
    assert results[0].inference_s > 0


def test_input_size_can_be_overridden(mffnet_checkpoint):
    segmenter = Segmenter(mffnet_checkpoint, 'cpu', input_size=(0, 0), backend='torch')
    (result,) = segmenter.segment([np.zeros((70, 90, 3), np.uint8)])
    assert result.network_size == (90, 70)
    assert result.label_image.shape == (70, 90)


def test_a_batch_equals_single_images(mffnet_checkpoint):
    """Stereo as one batch must not change an eye's result."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (2, 8, 10, 3), np.uint8)
    left, right = (cv2.resize(image, (160, 128)) for image in noise)
    segmenter = Segmenter(mffnet_checkpoint, 'cpu', backend='torch')
    together = segmenter.segment([left, right])
    alone = [segmenter.segment([image])[0] for image in (left, right)]
    for pair in zip(together, alone, strict=True):
        agreement = (pair[0].label_image == pair[1].label_image).mean()
        assert agreement > 0.999


def test_label_images_equal_the_arg_max_of_resized_logits():
    torch.manual_seed(0)
    coarse = torch.randn(2, 5, 8, 10)
    logits = F.interpolate(coarse, (32, 40), mode='bilinear', align_corners=False)
    expected = F.interpolate(logits, (101, 130), mode='bilinear', align_corners=False).argmax(1)
    labels = label_images(logits, (101, 130))
    assert labels.dtype == np.uint8
    # Rounding may decide a tie between two classes the other way.
    assert (labels == expected.numpy()).mean() > 0.999
    np.testing.assert_array_equal(label_images(logits, (32, 40)), logits.argmax(1).numpy())


def test_branches_differ(mffnet_checkpoint):
    image = np.random.default_rng(0).integers(0, 255, (128, 160, 3), np.uint8)
    results = [
        Segmenter(mffnet_checkpoint, 'cpu', branch, backend='torch').segment([image])[0]
        for branch in ('main', 'auxiliary')
    ]
    assert [result.branch for result in results] == ['main', 'auxiliary']
    assert (results[0].label_image != results[1].label_image).any()


def test_what_it_says_about_itself(red_checkpoint):
    segmenter = Segmenter(red_checkpoint, 'cpu', backend='torch')
    assert segmenter.checkpoint_name == 'red'
    assert segmenter.model_name == 'color_linear'
    assert segmenter.label_set.name == 'binary'
    assert (segmenter.device, segmenter.backend, segmenter.branch) == ('cpu', 'torch', 'main')
    assert segmenter.info.notice == 'for tests'


def test_unknown_branch_names_checkpoint_and_branches(mffnet_checkpoint):
    with pytest.raises(CheckpointError, match="random: .*'side'.*main, auxiliary"):
        Segmenter(mffnet_checkpoint, 'cpu', 'side')


def test_wrong_images_are_refused(red_checkpoint):
    with pytest.raises(ValueError, match='expected an RGB image'):
        Segmenter(red_checkpoint, 'cpu').segment([np.zeros((4, 4), np.uint8)])


def test_unknown_device():
    with pytest.raises(DeviceError, match="unknown device 'tpu'; choose one of: auto, cpu, cuda"):
        select_device('tpu')
    with pytest.raises(DeviceError, match='unknown device'):
        select_device('cpu:1')


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a CUDA device')
def test_missing_cuda_says_what_to_do():
    with pytest.raises(DeviceError, match="use device 'cpu'"):
        select_device('cuda')
    assert select_device('auto').type == 'cpu'


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_cuda_agrees_with_cpu(mffnet_checkpoint):
    noise = np.random.default_rng(0).integers(0, 255, (8, 10, 3), np.uint8)
    image = cv2.resize(noise, (160, 128))
    labels = [
        Segmenter(mffnet_checkpoint, device).segment([image])[0].label_image
        for device in ('cpu', 'cuda')
    ]
    assert (labels[0] == labels[1]).mean() > 0.99


def test_branch_auto_offers_every_variant_of_the_network(mffnet_checkpoint, red_checkpoint):
    segmenter = Segmenter(mffnet_checkpoint, 'cpu', 'auto', backend='torch')
    assert segmenter.variants == DEFAULT_VARIANTS
    segmenter.warm_up(2)
    assert list(segmenter.variant_costs_s) == list(DEFAULT_VARIANTS)
    assert min(segmenter.variant_costs_s.values()) > 0
    image = np.zeros((256, 320, 3), np.uint8)
    for variant in segmenter.variants:
        (result,) = segmenter.segment([image], variant=variant)
        assert result.branch == variant.branch
        assert result.network_size == ((160, 128) if variant.scale == 1 else (64, 64))
        assert result.label_image.shape == (256, 320)
    assert segmenter.segment([image])[0].network_size == (160, 128)
    one_branch = Segmenter(red_checkpoint, 'cpu', 'auto', backend='torch')
    assert one_branch.variants == (Variant('main'), Variant('main', 0.5))


@pytest.mark.skipif(
    'openvino' not in installed_backends(torch.device('cpu')), reason='needs the openvino extra'
)
def test_images_of_an_unexpected_size_are_answered_while_their_network_is_compiled(
    mffnet_checkpoint,
):
    segmenter = Segmenter(mffnet_checkpoint, 'cpu', backend='openvino')
    segmenter.warm_up()
    assert (segmenter.backend, segmenter.backend_reason) == ('openvino', 'as asked for')
    noise = np.random.default_rng(0).integers(0, 255, (6, 12, 3), np.uint8)
    image = cv2.resize(noise, (192, 96))
    assert segmenter.segment([image[:, :120]])[0].network_size == (160, 128)
    (first,) = segmenter.segment([image])
    assert (first.backend, first.network_size) == ('torch', (192, 96))
    segmenter.wait_until_built()
    (result,) = segmenter.segment([image])
    assert result.backend == 'openvino'
    assert (result.label_image == first.label_image).mean() > 0.999
    segmenter.close()


def test_confidence_on_the_cpu_is_that_of_softmax():
    torch.manual_seed(0)
    logits = 4 * torch.randn(1, 5, 16, 20)
    expected = confidence_bytes(logits)[0].numpy()
    found = confidence_image_on_cpu(logits[0].numpy(), (16, 20))
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found.astype(int), expected, atol=1)  # rounding
