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

"""The work of ``surgseg adapt``: a checkpoint from a clip, without labels."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.output_names import check_output_names
from surgseg_ros.evaluation.labels.map_scores import otsu_mask
from surgseg_ros.evaluation.labels.map_scores import otsu_threshold
from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.checkpoint_info import NATIVE_SIZE
from surgseg_ros.inference.checkpoints import checkpoint_name
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.checkpoints import SUFFIX
from surgseg_ros.inference.crop import CropMode
from surgseg_ros.inference.devices import choose_threads
from surgseg_ros.inference.devices import place_network
from surgseg_ros.inference.devices import select_device
from surgseg_ros.inference.preprocessing import fit_network_size
from surgseg_ros.models import create_model
from surgseg_ros.models import SegmentationNetwork
from surgseg_ros.models.registry import model_info
from surgseg_ros.perception.anchors import Anchors
from surgseg_ros.perception.anchors import anchors_of_truth
from surgseg_ros.perception.cues import GENERAL_CUES
from surgseg_ros.perception.cues import OWN_CUES
from surgseg_ros.training.label_free.adaptation import Adaptation
from surgseg_ros.training.label_free.adaptation import AdaptationOptions
from surgseg_ros.training.label_free.adaptation import NEW_NETWORK_SIZE
from surgseg_ros.training.label_free.clip import Clip
from surgseg_ros.training.label_free.clip import load_clip
from surgseg_ros.training.label_free.clip import read_truth
from surgseg_ros.training.label_free.clip import WHOLE_FRAMES
from surgseg_ros.training.label_free.clip_cues import combine_cues
from surgseg_ros.training.label_free.clip_cues import compute_cues
from surgseg_ros.training.label_free.clip_cues import CueMaps
from surgseg_ros.training.label_free.clip_cues import predict_cues
from surgseg_ros.training.label_free.clip_cues import read_anchors
from surgseg_ros.training.label_free.clip_cues import read_cues
from surgseg_ros.training.label_free.clip_cues import write_cues
from surgseg_ros.training.label_free.clip_prediction import predict_instruments
from surgseg_ros.training.label_free.contact_sheet import draw_contact_sheet
from surgseg_ros.training.label_free.frozen_features import checkpoint_features
from surgseg_ros.training.label_free.frozen_features import find_cached_weights
from surgseg_ros.training.label_free.frozen_features import FrozenFeatures
from surgseg_ros.training.label_free.frozen_features import vgg16_features

NETWORK = 'agsd_unet'
RESNET_ENCODER = 'resnet18'
NO_LABELS_NOTICE = 'adapted to one clip without labels, not for clinical use'
FEW_LABELS_NOTICE = (
    'adapted to one clip with labels of {share} % of its frames, not for clinical use'
)


@dataclass(frozen=True)
class AdaptationFiles:
    """
    What is read beside the clip, and what is written.

    :param output: the checkpoint; the losses go to ``<stem>.jsonl`` beside it, the pictures to
        ``<stem>.png``
    :param init: checkpoint to adapt; ``None``: a new ``agsd_unet``
    :param labels: folder of ``<stem>.png``; opened only if frames with labels are wanted
    :param cues: folder with cues or anchors, see
        :func:`surgseg_ros.training.label_free.clip_cues.write_cues`; ``None``: they are computed
    :param save_cues: folder to write them to
    :param predictions: folder for ``<stem>.png``, 1 where an instrument is predicted
    :param min_area_px: smaller regions are left out of these; the released code leaves out those
        below 10,000 px of 1280x1024
    """

    output: Path
    init: str | None = None
    labels: Path | None = None
    cues: Path | None = None
    save_cues: Path | None = None
    predictions: Path | None = None
    min_area_px: int = 0


@dataclass(frozen=True)
class AdaptationResult:
    """
    What was learned from a clip.

    :param clip: the frames that were learned from
    :param cues: of these frames; empty where anchors were read
    :param anchors: (T, H, W) float16 each, of these frames
    :param predicted_clip: the frames of the prediction, the same ones in setting SS
    :param before: (T, H, W) float16, what the network predicted before
    :param prediction: likewise, afterwards
    :param threshold: that the checkpoint holds, or its counterpart for more than two classes
    :param features: what the frames were compared by
    """

    clip: Clip
    cues: CueMaps
    anchors: Anchors
    predicted_clip: Clip
    before: np.ndarray
    prediction: np.ndarray
    threshold: float
    features: str


def adapt(
    source: FrameSource,
    files: AdaptationFiles,
    options: AdaptationOptions,
    *,
    test_source: FrameSource | None = None,
    threshold: float | None = None,
    crop: CropMode = WHOLE_FRAMES,
    device_name: str = 'auto',
    report: Callable[[str], None] = print,
) -> AdaptationResult:
    """
    Learn from a clip and write the checkpoint, its losses and a picture.

    An interrupt leaves the checkpoint of the last step, with the threshold 0.5.

    :param source: frames to learn from
    :param test_source: frames to predict (setting TT); ``None``: the same (setting SS)
    :param threshold: of the prediction; ``None``: Otsu's of each frame, and their mean in the
        checkpoint
    :param crop: part of the frames that counts
    :param device_name: see :func:`surgseg_ros.inference.devices.select_device`
    :param report: gets a line on what is used
    :raises ValueError: if the clip is too short, options contradict each other or the files, or a
        result would overwrite another or an input
    :raises CheckpointError: if the checkpoint to adapt is unusable
    :raises OSError: if a result cannot be written
    """
    _check_files(files, options)
    device = select_device(device_name)
    torch.set_num_threads(choose_threads(0))
    torch.manual_seed(options.seed)
    model, info = _make_network(files.init, options)
    model = place_network(model, device)
    size = options.size or info.input_size
    clip = load_clip(source, size, options.max_frames, model.stride, crop)
    test_clip = clip
    if test_source is not None:
        test_clip = load_clip(test_source, size, options.max_frames, model.stride, crop)
    inputs = [*source.files, *(test_source.files if test_source else ())]
    check_output_names(_list_results(files, test_clip), inputs)
    info = replace(info, input_size=size, resize=clip.resize)

    @cache
    def predict_before(mirrored: bool) -> np.ndarray:
        return predict_instruments(model, info, clip.images, device, mirrored)

    cues, anchors = _find_anchors(clip, files, options, predict_before)
    if files.save_cues is not None:
        write_cues(files.save_cues, clip, cues, anchors)
    anchors = _insert_truth(anchors, clip, files.labels, options)
    description, features = _compute_features(clip, files.init, options, device)
    report(f'{len(clip)} frames at {clip.size[0]}x{clip.size[1]}; compared by {description}')
    adaptation = Adaptation(model, info, clip, anchors, features, options, device)
    is_own = test_clip is clip
    before = predict_before(False) if is_own else adaptation.predict(test_clip.images)
    files.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        adaptation.run(files.output.with_suffix('.jsonl'))
    except KeyboardInterrupt:
        _save(files, adaptation, info, description)
        raise
    prediction = adaptation.predict(test_clip.images)
    limit = _mean_otsu(adaptation, clip, test_clip, prediction) if threshold is None else threshold
    _save(files, adaptation, replace(info, threshold=limit), description)
    result = AdaptationResult(
        clip, cues, anchors, test_clip, before, prediction, limit, description
    )
    masks = make_masks(prediction, threshold)
    write_image(files.output.with_suffix('.png'), _draw(result, masks))
    if files.predictions is not None:
        _write_masks(files, test_clip, masks)
    return result


def make_masks(prediction: np.ndarray, threshold: float | None) -> np.ndarray:
    """
    Return where there is an instrument.

    :param prediction: (T, H, W) float, probability
    :param threshold: ``None``: Otsu's of each frame
    :return: (T, H, W) bool
    """
    if threshold is not None:
        return prediction > threshold
    return np.stack([otsu_mask(frame.astype(np.float32)) for frame in prediction])


def remove_small_regions(mask: np.ndarray, min_area_px: int) -> np.ndarray:
    """
    Return a mask without its small connected regions.

    :param mask: (H, W) uint8, 0 or 1
    :param min_area_px: regions below it go
    """
    _, regions = cv2.connectedComponents(mask)
    is_kept = np.bincount(regions.ravel()) >= min_area_px
    is_kept[0] = False
    return is_kept[regions].astype(np.uint8)


def _check_files(files: AdaptationFiles, options: AdaptationOptions) -> None:
    if files.output.suffix != SUFFIX:
        raise ValueError(f'the output {files.output} must end in {SUFFIX}')
    own = [name for name in options.cues if name in OWN_CUES]
    if own and files.init is None and files.cues is None:
        raise ValueError(
            f'{" and ".join(own)}: these cues are of a trained network; name it (--init), or take '
            f'others of: {", ".join(GENERAL_CUES)}'
        )
    if options.label_share and files.labels is None:
        raise ValueError(
            f'{options.label_share} % of the frames shall have labels: name their folder '
            '(--labels)'
        )
    if options.label_share and files.labels is not None and not files.labels.is_dir():
        raise ValueError(f'the folder of labels {files.labels} does not exist')


def _list_results(files: AdaptationFiles, predicted: Clip) -> list[Path]:
    """Return the files to write but those of ``save_cues``, which have folders of their own."""
    results = [files.output, files.output.with_suffix('.jsonl'), files.output.with_suffix('.png')]
    if files.predictions is not None:
        results += [files.predictions / f'{stem}.png' for stem in predicted.stems]
    return results


def _make_network(
    init: str | None, options: AdaptationOptions
) -> tuple[SegmentationNetwork, CheckpointInfo]:
    """Return the network to train and its description."""
    if init is not None:
        model, info = load_checkpoint(init)
        has_size = info.input_size != NATIVE_SIZE
        return model, info if has_size else replace(info, input_size=NEW_NETWORK_SIZE)
    facts = model_info(NETWORK)
    network_options: dict[str, Any] = {'encoder': options.encoder}
    weights = options.encoder_weights or find_cached_weights('resnet18')
    if options.encoder == RESNET_ENCODER and weights:
        model = create_model(NETWORK, 'binary', **network_options, pretrained=weights)
    else:
        model = create_model(NETWORK, 'binary', **network_options)
    info = CheckpointInfo(
        NETWORK,
        'binary',
        NEW_NETWORK_SIZE,
        facts.mean,
        facts.std,
        options=network_options,
    )
    return model, info


def _find_anchors(
    clip: Clip,
    files: AdaptationFiles,
    options: AdaptationOptions,
    predict: Callable[[bool], np.ndarray],
) -> tuple[CueMaps, Anchors]:
    """Return the cues, none where only anchors were found, and the anchors."""
    if files.cues is None:
        cues = {
            **compute_cues(clip, options.cues, options.stretch_color, options.center_prior),
            **predict_cues(options.cues, predict),
        }
        return cues, combine_cues(cues, options.smoothing)
    found = read_cues(files.cues, clip, options.cues)
    if found is None:
        return {}, read_anchors(files.cues, clip)
    return found, combine_cues(found, options.smoothing)


def _insert_truth(
    anchors: Anchors, clip: Clip, labels: Path | None, options: AdaptationOptions
) -> Anchors:
    """Replace the anchors of the frames that have labels; without these nothing is opened."""
    if labels is None or not options.label_share:
        return anchors
    inserted = Anchors(anchors.positive.copy(), anchors.negative.copy())
    for index in filter(options.is_labeled, range(len(clip))):
        truth = read_truth(labels, clip, index)
        resized = cv2.resize(truth, clip.size, interpolation=cv2.INTER_NEAREST)
        for maps, values in zip(inserted, anchors_of_truth(resized), strict=True):
            maps[index] = values
    return inserted


def _compute_features(
    clip: Clip, init: str | None, options: AdaptationOptions, device: torch.device
) -> tuple[str, Tensor | None]:
    """Return what the features are, and (T, D, h, w) float16."""
    if not options.uses_diffusion:
        return 'nothing, as semantic diffusion is off', None
    network = choose_features(clip.size, init, options)
    return network.description, network.extract(clip.images, device)


def choose_features(
    image_size: tuple[int, int], init: str | None, options: AdaptationOptions
) -> FrozenFeatures:
    """
    Return VGG16 where its ImageNet weights are at hand, otherwise the encoder of a checkpoint.

    :param image_size: (width, height) of the images
    :param init: the checkpoint that is adapted, if any
    :raises ValueError: if the file of weights does not fit, or the network has no encoder
    :raises FileNotFoundError: if there is no such file of weights
    :raises CheckpointError: if the checkpoint is unusable
    """
    size = fit_network_size(image_size, options.feature_size, SegmentationNetwork.stride)
    if not options.feature_checkpoint:
        weights = options.vgg16_weights or find_cached_weights('vgg16')
        if weights:
            return vgg16_features(weights, size)
    return checkpoint_features(options.feature_checkpoint or init or DEFAULT_CHECKPOINT, size)


def _mean_otsu(
    adaptation: Adaptation, clip: Clip, test_clip: Clip, prediction: np.ndarray
) -> float:
    """Return the mean of Otsu's thresholds of the clip that was learned from."""
    own = prediction if test_clip is clip else adaptation.predict(clip.images)
    limit = float(np.mean([otsu_threshold(frame.astype(np.float32)) for frame in own]))
    # What float16 rounds to 0 or 1 must not become a threshold that nothing lies beyond.
    return min(max(limit, 0.01), 0.99)


def _save(
    files: AdaptationFiles, adaptation: Adaptation, info: CheckpointInfo, features: str
) -> None:
    share = adaptation.options.label_share
    notice = FEW_LABELS_NOTICE.format(share=share) if share else NO_LABELS_NOTICE
    is_binary = info.label_set.num_classes == 2
    provenance = {
        **adaptation.describe(),
        'features': features,
        'adapted_from': checkpoint_name(resolve_checkpoint(files.init)) if files.init else None,
        'otsu_threshold': round(info.threshold, 4),
    }
    described = replace(
        info,
        # For more classes the most probable one wins.
        threshold=info.threshold if is_binary else CheckpointInfo.threshold,
        notice=f'{info.notice}; then {notice}' if info.notice else notice,
        provenance=provenance,
    )
    save_checkpoint(files.output, adaptation.model, described)


def _draw(result: AdaptationResult, masks: np.ndarray) -> np.ndarray:
    clip = result.predicted_clip
    maps: dict[str, np.ndarray] = {}
    if clip is result.clip:
        maps |= {**result.cues, 'positive': result.anchors.positive}
        maps['negative'] = result.anchors.negative
    maps |= {'before': result.before, 'after': result.prediction}
    return draw_contact_sheet(clip.stems, clip.images, maps, masks)


def _write_masks(files: AdaptationFiles, clip: Clip, masks: np.ndarray) -> None:
    assert files.predictions is not None
    files.predictions.mkdir(parents=True, exist_ok=True)
    frames = zip(clip.stems, masks, clip.regions, clip.frame_sizes, strict=True)
    for stem, mask, region, frame_size in tqdm(
        frames, total=len(clip), unit='frame', desc='write'
    ):
        enlarged = cv2.resize(mask.astype(np.uint8), region.size, interpolation=cv2.INTER_NEAREST)
        kept = remove_small_regions(enlarged, files.min_area_px)
        write_image(files.predictions / f'{stem}.png', region.paste(kept, frame_size))
