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

"""Supervised training of ``mffnet`` with the auxiliary loss."""

from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import RandomSampler
from tqdm import tqdm

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.evaluation.metrics import binary_confusion
from surgseg_ros.evaluation.metrics import confusion_matrix
from surgseg_ros.evaluation.metrics import dice_per_class
from surgseg_ros.evaluation.metrics import rounded
from surgseg_ros.inference.checkpoints import CheckpointInfo
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.devices import autocast
from surgseg_ros.inference.devices import place_network
from surgseg_ros.inference.devices import select_device
from surgseg_ros.inference.devices import select_dtype
from surgseg_ros.inference.label_images import label_images
from surgseg_ros.models import create_model
from surgseg_ros.models.mffnet import MFFNet
from surgseg_ros.training.augmentation import Augmentation
from surgseg_ros.training.losses import auxiliary_supervised_loss
from surgseg_ros.training.simulated_data import FolderDataset

SIMULATION_NOTICE = 'trained on simulated images only, not for clinical use'
IMAGE_MEAN = (0.45, 0.28, 0.26)
POLY_POWER = 0.9
WARM_UP_STEPS = 100
MAX_WARM_UP_SHARE = 0.1
CUT_SCALE = (0.12, 0.6)
WHOLE_SCALE = (0.5, 1.0)


@dataclass(frozen=True)
class TrainingOptions:
    """
    How to train.

    The poly learning rate and the auxiliary loss are those of Islam et al. 2019, section III-C.

    :param task: label set
    :param size: (width, height) of the whole images, the input size of the checkpoint
    :param crop: (width, height) of the random cuts that most steps train on
    :param steps: optimizer steps on cuts
    :param full_steps: optimizer steps on whole images afterwards, at a quarter of the rate and
        with equal class weights, so that the scores end as probabilities
    :param batch_size: cuts a step; whole images are fewer by the ratio of areas
    :param learning_rate: of AdamW at the start
    :param weight_decay: of AdamW
    :param class_weights: weight of each class in the cross-entropy of the cuts
    :param validate_every: steps between validations
    :param workers: processes that prepare images
    :param seed: of weights and shuffling
    """

    task: str = 'parts'
    size: tuple[int, int] = (640, 512)
    crop: tuple[int, int] = (320, 256)
    steps: int = 3600
    full_steps: int = 1500
    batch_size: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    class_weights: tuple[float, ...] = (1.0, 1.0, 2.0, 2.0)
    validate_every: int = 300
    workers: int = 2
    seed: int = 0


@dataclass(frozen=True)
class _Phase:
    """One stretch of training at one image size."""

    size: tuple[int, int]
    scale: tuple[float, float]
    steps: int
    batch_size: int
    learning_rate: float
    class_weights: Tensor | None

    @property
    def warm_up_share(self) -> float:
        """Return the share of the steps in which the learning rate rises."""
        return min(WARM_UP_STEPS / self.steps, MAX_WARM_UP_SHARE)


class Trainer:
    """
    Train a network, validate it and keep the last and the best weights.

    :param data: folder with the training images and labels
    :param validation: likewise, for choosing the best weights
    :param output: folder for ``last.safetensors``, ``best.safetensors``, ``state.pt`` (to resume)
        and ``metrics.jsonl``
    """

    def __init__(
        self, data: Path, validation: Path, output: Path, options: TrainingOptions
    ) -> None:
        torch.manual_seed(options.seed)
        self._data = data
        self._output = output
        self._options = options
        self._device = select_device('auto')
        self._dtype = select_dtype(self._device)
        self._num_classes = get_label_set(options.task).num_classes
        network = create_model('mffnet', options.task)
        assert isinstance(network, MFFNet)
        self._model = place_network(network, self._device)
        self._mean = 255 * torch.tensor(IMAGE_MEAN, device=self._device).view(1, 3, 1, 1)
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), options.learning_rate, weight_decay=options.weight_decay
        )
        self._validation = DataLoader(FolderDataset(validation), batch_size=2)
        self._step = 0
        self._best = 0.0
        output.mkdir(parents=True, exist_ok=True)

    def run(self) -> dict[str, Any]:
        """Train to the end, from where an interrupted run stopped; return the last metrics."""
        self._resume()
        metrics: dict[str, Any] = {}
        first_step = 0
        for phase in self._phases():
            metrics = self._run_phase(phase, first_step) or metrics
            first_step += phase.steps
        return metrics

    def _phases(self) -> list[_Phase]:
        options = self._options
        ratio = np.prod(options.size) / np.prod(options.crop)
        whole_batch = max(round(options.batch_size / ratio), 2)
        return [
            _Phase(
                options.crop,
                CUT_SCALE,
                options.steps,
                options.batch_size,
                options.learning_rate,
                torch.tensor(options.class_weights, device=self._device),
            ),
            _Phase(
                options.size,
                WHOLE_SCALE,
                options.full_steps,
                whole_batch,
                options.learning_rate / 4,
                None,
            ),
        ]

    def _run_phase(self, phase: _Phase, first_step: int) -> dict[str, Any]:
        """Train one phase, or what is left of it; return the last metrics."""
        last_step = first_step + phase.steps
        metrics: dict[str, Any] = {}
        if self._step >= last_step:
            return metrics
        batches = self._batches(phase, last_step - self._step)
        description = f'train {phase.size[0]}x{phase.size[1]}'
        with tqdm(batches, total=last_step - self._step, unit='step', desc=description) as bar:
            for images, labels in bar:
                progress = (self._step - first_step) / phase.steps
                warm_up = min((progress + 1 / phase.steps) / phase.warm_up_share, 1.0)
                self._set_learning_rate(
                    phase.learning_rate * warm_up * (1 - progress) ** POLY_POWER
                )
                loss = self._train_step(images, labels, phase.class_weights)
                bar.set_postfix(loss=f'{loss:.3f}')
                self._step += 1
                if self._step % self._options.validate_every == 0 or self._step == last_step:
                    metrics = self.validate()
                    self._save(metrics)
        return metrics

    def _batches(self, phase: _Phase, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        dataset = FolderDataset(self._data, Augmentation(phase.size[::-1], phase.scale))
        # The generator's seed depends on the step, so that a resumed run sees other images.
        generator = torch.Generator().manual_seed(self._options.seed + self._step)
        sampler = RandomSampler(
            dataset, replacement=True, num_samples=steps * phase.batch_size, generator=generator
        )
        return iter(
            DataLoader(
                dataset,
                phase.batch_size,
                sampler=sampler,
                num_workers=self._options.workers,
                generator=generator,
            )
        )

    def _set_learning_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group['lr'] = rate

    def _train_step(self, images: Tensor, labels: Tensor, class_weights: Tensor | None) -> float:
        self._model.train()
        batch = self._normalize(images)
        with autocast(self._device, self._dtype):
            logits = self._model.compute_both(batch)
        targets = labels.to(self._device).long()
        loss = auxiliary_supervised_loss(logits, targets, class_weights)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def _normalize(self, images: Tensor) -> Tensor:
        batch = images.to(self._device).float().sub_(self._mean).div_(255)
        return batch.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def validate(self) -> dict[str, Any]:
        """Return the Dice of every class over the whole validation set, both branches."""
        self._model.eval()
        matrices = {
            name: np.zeros((self._num_classes,) * 2, np.int64) for name in ('main', 'auxiliary')
        }
        for images, labels in self._validation:
            with autocast(self._device, self._dtype):
                both = self._model.compute_both(self._normalize(images))
            truth = labels.numpy()
            for name, logits in both._asdict().items():
                predicted = label_images(logits.float(), truth.shape[-2:])
                matrices[name] += confusion_matrix(truth, predicted, self._num_classes)
        return {'step': self._step} | {
            name: self._describe(matrix) for name, matrix in matrices.items()
        }

    def _describe(self, matrix: np.ndarray) -> dict[str, float | None]:
        names = get_label_set(self._options.task).class_names[1:]
        values = dice_per_class(matrix)[1:]
        return {
            'binary': rounded(dice_per_class(binary_confusion(matrix))[1]),
            'mean': rounded(np.nanmean(values)),
            **{name: rounded(value) for name, value in zip(names, values, strict=True)},
        }

    def _save(self, metrics: dict[str, Any]) -> None:
        """Keep the weights and the state to resume from; nothing half-written is ever left."""
        with (self._output / 'metrics.jsonl').open('a', encoding='utf-8') as file:
            file.write(json.dumps(metrics) + '\n')
        tqdm.write(json.dumps(metrics))
        info = self._checkpoint_info(metrics)
        save_checkpoint(self._output / 'last.safetensors', self._model, info)
        score = metrics['main']['mean']
        if score > self._best:
            self._best = score
            save_checkpoint(self._output / 'best.safetensors', self._model, info)
        state = {
            'model': self._model.state_dict(),
            'optimizer': self._optimizer.state_dict(),
            'step': self._step,
            'best': self._best,
        }
        partial = self._output / 'state.pt.partial'
        torch.save(state, partial)
        partial.replace(self._output / 'state.pt')

    def _resume(self) -> None:
        path = self._output / 'state.pt'
        if not path.is_file():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        self._model.load_state_dict(state['model'])
        self._optimizer.load_state_dict(state['optimizer'])
        self._step = state['step']
        self._best = state['best']
        tqdm.write(f'resuming {path} at step {self._step}')

    def _checkpoint_info(self, metrics: dict[str, Any]) -> CheckpointInfo:
        return CheckpointInfo(
            model='mffnet',
            task=self._options.task,
            input_size=self._options.size,
            mean=IMAGE_MEAN,
            notice=SIMULATION_NOTICE,
            provenance={
                'data': 'surgseg_ros stereo endoscope simulator',
                'options': asdict(self._options),
                'validation': metrics,
            },
        )
