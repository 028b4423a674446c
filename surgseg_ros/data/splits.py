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

"""Splits of a data set into training and validation samples."""

from collections.abc import Callable
from collections.abc import Container
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import re
import warnings

import numpy as np

from surgseg_ros.data.frame_source import natural_key
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import Sample

DEFAULT_FRACTION = 0.2
DEFAULT_SEED = 42

TERNAUS_FOLDS = {0: (1, 3), 1: (2, 5), 2: (4, 8), 3: (6, 7)}
ENDOVIS2018_VIDEO = re.compile(r'seq_\d+')
ENDOVIS2018_VALIDATION = (2, 5, 9, 15)
RASNET_LIKE_FRAMES = 50


@dataclass(frozen=True)
class Split:
    """Samples to train with and samples to judge by."""

    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]


@dataclass(frozen=True)
class SplitOptions:
    """
    What a split may depend on.

    :param fold: of ``ternaus`` and ``isinet``, 0 to 3
    :param fraction: of the samples or videos that validate, for ``random`` and ``video``
    :param seed: of the draw, for ``random`` and ``video``
    """

    fold: int = 0
    fraction: float = DEFAULT_FRACTION
    seed: int = DEFAULT_SEED


def split_samples(
    samples: Sequence[Sample],
    split: str,
    fold: int = 0,
    fraction: float = DEFAULT_FRACTION,
    seed: int = DEFAULT_SEED,
) -> Split:
    """
    Split samples by a published protocol or at random.

    * ``ternaus``: EndoVis 2017, the folds of Shvets et al. 2018; ``fold`` names the held out pair
    * ``islam2019``: EndoVis 2017, videos 1 to 6 train, 7 and 8 validate (Islam et al. 2019)
    * ``isinet``: EndoVis 2017 as ``ternaus``; of EndoVis 2018 sequences 2, 5, 9 and 15 validate
      (Gonzalez et al. 2020)
    * ``rasnet_like``: the last 50 frames of each video validate. Ni et al. 2019 did not publish
      their 1400 / 400 frames; this is not that split
    * ``sar_rarp50``: videos 1 to 40 train, 41 to 50 validate (the challenge's test set)
    * ``video``: a share of the videos validates, at least one
    * ``random``: a share of single frames validates. Frames that follow each other resemble each
      other, so the figures are too good
    * ``none``: all samples train and validate

    Videos are recognized by the first number in their name.

    :param fold: of ``ternaus`` and ``isinet``, 0 to 3
    :param fraction: that validates, for ``video`` and ``random``
    :param seed: of the draw, for ``video`` and ``random``
    :raises DatasetError: if there is no such split or fold, a video does not belong to it, or one
        side would be empty
    """
    if split not in SPLITS:
        raise DatasetError(f"unknown split '{split}'; choose one of: {', '.join(SPLITS)}")
    if not 0 < fraction < 1:
        raise DatasetError(f'the fraction must be between 0 and 1, got {fraction}')
    parts = SPLITS[split](samples, SplitOptions(fold, fraction, seed))
    for side, part in (('training', parts.training), ('validation', parts.validation)):
        if not part:
            raise DatasetError(
                f"split '{split}' leaves no {side} samples; videos: {_list_videos(samples)}. Use "
                "another split ('random' divides single frames), or validate on other data"
            )
    return parts


def list_splits() -> list[str]:
    """Return the names of all splits."""
    return list(SPLITS)


def video_number(video: str) -> int | None:
    """Return the first number in the name of a video: 11 of ``video_11_2``."""
    digits = re.search(r'\d+', video)
    return int(digits[0]) if digits else None


def _ternaus(samples: Sequence[Sample], options: SplitOptions) -> Split:
    return _split_by_number(samples, 'ternaus', range(1, 9), _held_out(options.fold))


def _isinet(samples: Sequence[Sample], options: SplitOptions) -> Split:
    if samples and all(ENDOVIS2018_VIDEO.fullmatch(sample.video) for sample in samples):
        return _split_by_number(samples, 'isinet', range(1, 17), ENDOVIS2018_VALIDATION)
    return _split_by_number(samples, 'isinet', range(1, 9), _held_out(options.fold))


def _islam2019(samples: Sequence[Sample], options: SplitOptions) -> Split:
    return _split_by_number(samples, 'islam2019', range(1, 9), (7, 8))


def _sar_rarp50(samples: Sequence[Sample], options: SplitOptions) -> Split:
    return _split_by_number(samples, 'sar_rarp50', range(1, 51), range(41, 51))


def _rasnet_like(samples: Sequence[Sample], options: SplitOptions) -> Split:
    warnings.warn(
        "split 'rasnet_like' is not the split of RASNet, which was never published; its figures "
        'cannot be compared',
        stacklevel=3,
    )
    videos: dict[str, list[str]] = {}
    for sample in sorted(samples, key=lambda sample: natural_key(Path(sample.stem))):
        videos.setdefault(sample.video, []).append(sample.name)
    last = {name for names in videos.values() for name in names[-RASNET_LIKE_FRAMES:]}
    return _partition(samples, lambda sample: sample.name in last)


def _video(samples: Sequence[Sample], options: SplitOptions) -> Split:
    videos = list(dict.fromkeys(sample.video for sample in samples))
    chosen = {videos[index] for index in _draw(len(videos), options)}
    return _partition(samples, lambda sample: sample.video in chosen)


def _random(samples: Sequence[Sample], options: SplitOptions) -> Split:
    chosen = {samples[index].name for index in _draw(len(samples), options)}
    return _partition(samples, lambda sample: sample.name in chosen)


def _none(samples: Sequence[Sample], options: SplitOptions) -> Split:
    return Split(tuple(samples), tuple(samples))


SPLITS: dict[str, Callable[[Sequence[Sample], SplitOptions], Split]] = {
    'ternaus': _ternaus,
    'islam2019': _islam2019,
    'isinet': _isinet,
    'rasnet_like': _rasnet_like,
    'sar_rarp50': _sar_rarp50,
    'video': _video,
    'random': _random,
    'none': _none,
}


def _held_out(fold: int) -> tuple[int, ...]:
    if fold not in TERNAUS_FOLDS:
        raise DatasetError(f'there is no fold {fold}; choose one of: 0, 1, 2, 3')
    return TERNAUS_FOLDS[fold]


def _split_by_number(
    samples: Sequence[Sample], split: str, known: Container[int], validation: Container[int]
) -> Split:
    """
    Split by the number of the video.

    :raises DatasetError: if the protocol says nothing about a video
    """
    strange = [sample for sample in samples if video_number(sample.video) not in known]
    if strange:
        raise DatasetError(
            f"split '{split}' does not say where these videos belong: {_list_videos(strange)}; "
            "leave them out, or use split 'video'"
        )
    return _partition(samples, lambda sample: video_number(sample.video) in validation)


def _draw(count: int, options: SplitOptions) -> np.ndarray:
    """Return the indices of the part that validates, at least one and never all."""
    size = min(max(round(count * options.fraction), 1), count - 1)
    return np.random.default_rng(options.seed).permutation(count)[: max(size, 0)]


def _partition(samples: Sequence[Sample], validates: Callable[[Sample], bool]) -> Split:
    return Split(
        tuple(sample for sample in samples if not validates(sample)),
        tuple(sample for sample in samples if validates(sample)),
    )


def _list_videos(samples: Sequence[Sample]) -> str:
    names = dict.fromkeys(sample.video for sample in samples)
    return ', '.join(names) or 'none'
