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

"""Tests of learning without labels: its options, and that it improves on its anchors."""

import json

import numpy as np
import pytest
import torch

from surgseg_ros.evaluation.labels.map_scores import score_adaptation
from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.crop import Region
from surgseg_ros.models import create_model
from surgseg_ros.perception.anchors import Anchors
from surgseg_ros.perception.cues import GENERAL_CUES
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.training.label_free.adaptation import Adaptation
from surgseg_ros.training.label_free.adaptation import AdaptationOptions
from surgseg_ros.training.label_free.adaptation import make_options
from surgseg_ros.training.label_free.clip import Clip
from surgseg_ros.training.label_free.clip_cues import combine_cues
from surgseg_ros.training.label_free.clip_cues import compute_cues
from surgseg_ros.training.label_free.clip_prediction import foreground_logit
from surgseg_ros.training.label_free.frozen_features import checkpoint_features

CPU = torch.device('cpu')
SIZE = (128, 96)


def make_clip(images):
    height, width = images[0].shape[:2]
    count = len(images)
    return Clip(
        'clip',
        tuple(f'f{index}' for index in range(count)),
        np.stack(images),
        (Region(0, 0, width, height),) * count,
        ((width, height),) * count,
        'fit',
        count,
        (),
    )


@pytest.fixture(scope='module')
def simulated():
    """
    Return a short simulated clip and its true label images.

    The smallest network knows nothing but colors, so the scene is one in which they tell enough.
    """
    options = SceneOptions(seed=2, width=SIZE[0], height=SIZE[1], rate_hz=5, eyes=('left',))
    with StereoEndoscopeSimulator(options) as simulator:
        frames = [simulator.step().left for _ in range(8)]
    return make_clip([frame.image for frame in frames]), [each.labels['binary'] for each in frames]


def make_adaptation(clip, options, features=None, cues=('color',)):
    torch.manual_seed(options.seed)
    model = create_model('color_linear', 'binary')
    anchors = combine_cues(compute_cues(clip, cues), options.smoothing)
    info = CheckpointInfo('color_linear', 'binary', mean=(0.5,) * 3, std=(0.25,) * 3)
    return Adaptation(model, info, clip, anchors, features, options, CPU), anchors


def test_it_improves_on_its_own_anchors(simulated, tmp_path):
    """Let the smallest network learn from a clip; the document has the U-Net on many clips."""
    clip, truths = simulated
    options = make_options(steps=40, learning_rate=0.1)
    features = checkpoint_features('mffnet_parts_sim', (128, 96)).extract(clip.images, CPU)
    adaptation, anchors = make_adaptation(clip, options, features, GENERAL_CUES)
    adaptation.run(tmp_path / 'losses.jsonl')
    scores = score_adaptation(anchors, adaptation.predict(clip.images), truths)
    assert scores.prediction.dice > scores.positive.dice + 0.1
    lines = [json.loads(line) for line in (tmp_path / 'losses.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines] == [10, 20, 30, 40]
    first, last = (sum(line.values()) - line['step'] for line in (lines[0], lines[-1]))
    assert last < first


def test_equal_seeds_give_equal_networks(simulated, tmp_path):
    options = make_options(steps=2, foreground_diffusion=False, background_diffusion=False)
    weights = []
    for _ in range(2):
        adaptation, _ = make_adaptation(simulated[0], options)
        adaptation.run(tmp_path / 'losses.jsonl')
        weights.append(adaptation.model.classifier.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])


@pytest.mark.parametrize(
    ('off', 'names'),
    [
        (('foreground_diffusion', 'background_diffusion'), {'step', 'anchors'}),
        (('foreground_diffusion',), {'step', 'anchors', 'background'}),
        (('background_diffusion',), {'step', 'anchors', 'foreground'}),
        (('anchors',), {'step', 'foreground', 'background'}),
    ],
)
def test_every_loss_can_be_turned_off(simulated, tmp_path, off, names):
    clip, _ = simulated
    options = make_options(steps=1, **dict.fromkeys(off, False))
    features = torch.rand(len(clip), 4, 6, 8).half()
    adaptation, _ = make_adaptation(clip, options, features)
    adaptation.run(tmp_path / 'losses.jsonl')
    assert set(json.loads((tmp_path / 'losses.jsonl').read_text())) == names


def test_the_foreground_of_several_classes():
    logits = torch.randn(2, 4, 3, 3)
    foreground = 1 - logits.softmax(dim=1)[:, 0]
    torch.testing.assert_close(foreground_logit(logits).sigmoid(), foreground)
    torch.testing.assert_close(foreground_logit(logits[:, :1]), logits[:, 0])


def test_pairs_are_adjacent_or_random(simulated):
    clip, _ = simulated
    features = torch.rand(len(clip), 4, 6, 8).half()
    for pairing, check in (('adjacent', lambda d: d == 1), ('random', lambda d: d != 0)):
        options = make_options(pairing=pairing, pairs_per_batch=200)
        first, second = make_adaptation(clip, options, features)[0]._draw_pairs()
        assert all(check(distance) for distance in second - first)
        assert set(first) >= set(range(len(clip) - 1))
        assert second.max() == len(clip) - 1


def test_too_short_clips_and_missing_features_are_refused(simulated):
    clip, _ = simulated
    with pytest.raises(ValueError, match='has 1 frame; pairs of frames are needed'):
        make_adaptation(make_clip([clip.images[0]]), make_options())
    with pytest.raises(ValueError, match='needs the features'):
        make_adaptation(clip, make_options())


def test_options_of_the_forms_and_of_skin_lesions():
    released = AdaptationOptions()
    assert make_options('released') == make_options() == released
    assert released.margins == (0.05, 0.45)
    assert (released.foreground_weight, released.background_weight) == (0.5, 2.0)
    paper = make_options('paper', steps=7)
    assert paper.form == 'paper'
    assert paper.margins == (0.2, 0.8)
    assert (paper.foreground_weight, paper.background_weight) == (1.0, 1.0)
    assert paper.steps == 7
    isic = make_options(isic=True)
    assert isic.cues == ('objectness', 'location')
    assert isic.center_prior
    assert isic.pairing == 'random'
    with pytest.raises(ValueError, match='leave it out of the cues'):
        make_options(isic=True, cues=GENERAL_CUES)


def test_labeled_frames_come_periodically():
    def labeled(share):
        return [i for i in range(5) if AdaptationOptions(label_share=share).is_labeled(i)]

    assert labeled(0) == []
    assert labeled(50) == [0, 2, 4]
    assert labeled(100) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'cues': ()}, 'one or more of color, objectness, location'),
        ({'cues': ('shape',)}, 'one or more of color'),
        ({'label_share': 30}, 'one of \\(0, 50, 100\\)'),
        ({'pairing': 'far'}, "'adjacent' or 'random'"),
        ({'steps': 0}, 'steps must be at least 1'),
        ({'form': 'new'}, "no form 'new'"),
    ],
)
def test_options_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        make_options(**change)


def test_anchors_are_named():
    assert Anchors._fields == ('positive', 'negative')
