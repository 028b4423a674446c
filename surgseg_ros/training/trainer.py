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
"""
Supervised and adversarial training of any network of the package.

A run is a function of its recipe and data: order and random changes of the images depend on the
seed and the step alone, so a run that was killed and goes on takes the same steps.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
import time
from typing import Any

from lightning_fabric import Fabric
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.samples import Sample
from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.devices import denormals_flushed
from surgseg_ros.inference.devices import place_network
from surgseg_ros.inference.preprocessing import fit_network_size
from surgseg_ros.models import create_model
from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.mffnet import BranchLogits
from surgseg_ros.models.mffnet import MFFNet
from surgseg_ros.training.adversary import Adversary
from surgseg_ros.training.augmentation import Augmentation
from surgseg_ros.training.engine import count_workers
from surgseg_ros.training.initial_weights import load_initial_weights
from surgseg_ros.training.losses import auxiliary_supervised_loss
from surgseg_ros.training.losses import BranchLoss
from surgseg_ros.training.losses import CrossEntropyLoss
from surgseg_ros.training.losses import JaccardLoss
from surgseg_ros.training.losses import rasnet_loss
from surgseg_ros.training.losses import ternaus_loss
from surgseg_ros.training.recipe import DATA_MEAN
from surgseg_ros.training.recipe import Recipe
from surgseg_ros.training.recipe import recipe_to_dict
from surgseg_ros.training.recipe import RecipeError
from surgseg_ros.training.run_data import TrainingData
from surgseg_ros.training.run_folder import RunFolder
from surgseg_ros.training.sample_order import BatchOrder
from surgseg_ros.training.sample_order import steps_per_epoch
from surgseg_ros.training.sample_tensors import mean_color
from surgseg_ros.training.sample_tensors import normalize
from surgseg_ros.training.sample_tensors import TrainingImages
from surgseg_ros.training.sample_tensors import use_one_thread
from surgseg_ros.training.sample_tensors import ValidationImages
from surgseg_ros.training.schedule import rate_factor
from surgseg_ros.training.validation import collate
from surgseg_ros.training.validation import shrink_labels
from surgseg_ros.training.validation import ValidationScores
from surgseg_ros.training.weight_average import WeightAverage

LOG_EVERY = 10
PREFETCHED_BATCHES = 4
"""That each worker has ready, so that a slow image stops nobody."""

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    'adam': torch.optim.Adam,
    'adamw': torch.optim.AdamW,
}


class Trainer:
    """
    Train a network, validate it and keep the last and the best weights.

    :param recipe: how
    :param data: with what
    :param output: folder of the run, see :class:`surgseg_ros.training.run_folder.RunFolder`; an
        interrupted run in it goes on
    :param fabric: engine, already launched
    :raises RecipeError: if the folder belongs to another run, or the recipe does not fit the data
    """

    def __init__(self, recipe: Recipe, data: TrainingData, output: Path, fabric: Fabric) -> None:
        fabric.seed_everything(recipe.seed, verbose=False)
        self._recipe = recipe
        self._data = data
        self._fabric = fabric
        self._folder = RunFolder(output)
        if fabric.is_global_zero:
            self._folder.begin(recipe)
        fabric.barrier()
        state = self._folder.read_state()
        self._mean = self._choose_mean(state)
        network = _create_network(recipe)
        self._initial = state.get('initial') if state is not None else self._start_from(network)
        optimizer = OPTIMIZERS[recipe.optimizer](
            network.parameters(),
            lr=recipe.learning_rate,  # type: ignore[call-arg]
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self._network = network
        # Sizes stay the same, so the fastest algorithm is searched for once.
        torch.backends.cudnn.benchmark = fabric.device.type == 'cuda'
        self._model, self._optimizer = fabric.setup(
            place_network(network, fabric.device), optimizer
        )
        self._has_auxiliary = isinstance(network, MFFNet)
        self._model.mark_forward_method(
            'compute_both' if self._has_auxiliary else 'compute_logits'
        )
        num_classes = get_label_set(recipe.task).num_classes
        has_adversary = any(stage.adversarial_weight for stage in recipe.stages())
        self._adversary = Adversary(fabric, recipe, num_classes) if has_adversary else None
        average = recipe.weight_average
        self._average = WeightAverage(network, average) if average else None
        self._step = 0
        self._unchecked: dict[int, Tensor] = {}
        self._best: float | None = None
        self._without_improvement = 0
        self._last_saved = time.monotonic()
        if state is not None:
            self._go_on(state)

    def run(self) -> dict[str, Any]:
        """Train to the end, from where an interrupted run stopped; return the last metrics."""
        first_step = 0
        for stage in self._recipe.stages():
            steps = stage.steps or stage.epochs * self._epoch(stage)
            with denormals_flushed():
                self._run_stage(stage, first_step, steps)
            first_step += steps
            if self._stops_early():
                break
        # The end of a process closes its connections; nobody may still need them then.
        self._fabric.barrier()
        history = self._folder.read_metrics()
        return history[-1] if history else {}

    def _run_stage(self, stage: Recipe, first_step: int, steps: int) -> None:
        """Train one phase, or what is left of it."""
        last_step = first_step + steps
        if self._step >= last_step or self._stops_early():
            return
        size = self._training_size(stage)
        loss = _make_loss(stage).to(self._fabric.device)
        every = stage.validate_every or self._epoch(stage)
        batches = self._batches(stage, size, self._step - first_step, last_step - self._step)
        try:
            for images, labels in self._with_progress(batches, size, first_step, steps):
                factor = rate_factor(stage, self._step - first_step, steps, self._epoch(stage))
                self._set_learning_rate(stage.learning_rate * factor)
                losses = self._train_step(stage, loss, images, labels, factor)
                self._step += 1
                self._check_and_log(losses, stage.learning_rate * factor)
                if self._step % every == 0 or self._step == last_step:
                    self._validate_and_save()
                    if self._stops_early():
                        return
                elif time.monotonic() - self._last_saved > self._recipe.save_every_s:
                    self._save_state()
        except KeyboardInterrupt:
            self._save_state()
            raise

    def _with_progress(
        self, batches: DataLoader, size: tuple[int, int], first_step: int, steps: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        yield from tqdm(
            batches,
            total=steps,
            initial=self._step - first_step,
            unit='step',
            desc=f'train {size[0]}x{size[1]}',
            disable=not self._fabric.is_global_zero,
        )

    def _batches(
        self, stage: Recipe, size: tuple[int, int], first_step: int, steps: int
    ) -> DataLoader:
        augmentation = Augmentation(size[::-1], stage.cut, stage.augmentation)
        dataset = TrainingImages(self._data.training, stage.task, augmentation, stage.seed)
        order = BatchOrder(
            len(dataset),
            stage.batch_size,
            steps,
            stage.seed,
            first_step,
            self._fabric.global_rank,
            self._fabric.world_size,
        )
        return DataLoader(
            dataset,
            batch_sampler=order,
            pin_memory=self._fabric.device.type == 'cuda',
            **self._loader_options(PREFETCHED_BATCHES),
        )

    def _loader_options(self, prefetched: int) -> dict[str, Any]:
        """Return how a data loader uses the CPUs."""
        processes = getattr(self._fabric.strategy, 'num_processes', 1)
        workers = count_workers(self._recipe.workers, processes)
        return {
            'num_workers': workers,
            'worker_init_fn': use_one_thread,
            'prefetch_factor': prefetched if workers else None,
        }

    def _epoch(self, stage: Recipe) -> int:
        return steps_per_epoch(len(self._data.training), stage.batch_size)

    def _training_size(self, stage: Recipe) -> tuple[int, int]:
        """Return the (width, height) of the training images: whole ones as inference has them."""
        stride = self._network.stride
        size = stage.size if stage.cut else self._network_size(self._data.training[0], stage)
        if size[0] % stride or size[1] % stride:
            raise RecipeError(
                f'size {size[0]}x{size[1]}: {stage.model} trains on multiples of {stride} px, '
                f'such as --set size=[{size[0] // stride * stride},{size[1] // stride * stride}]'
            )
        return size

    def _network_size(self, sample: Sample, recipe: Recipe) -> tuple[int, int]:
        """Return the (width, height) at which inference runs the network on an image."""
        height, width = sample.read_image().shape[:2]
        return fit_network_size((width, height), recipe.size, self._network.stride, recipe.resize)

    def _set_learning_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group['lr'] = rate

    def _train_step(
        self,
        stage: Recipe,
        loss_function: BranchLoss,
        images: Tensor,
        labels: Tensor,
        rate_factor: float,
    ) -> dict[str, Tensor]:
        """Take a step of the network, and one of its adversary; return the losses."""
        self._model.train()
        targets = labels.to(self._fabric.device, non_blocking=True).long()
        logits = self._compute(self._normalize(images))
        loss = self._loss(loss_function, logits, targets)
        losses = {'loss': loss.detach()}
        self._unchecked[self._step] = losses['loss']
        if self._fabric.device.type == 'cpu':
            self._check_losses()
        adversary = self._adversary if stage.adversarial_weight else None
        if adversary is not None:
            adversarial = adversary.generator_loss(logits.main, targets)
            loss = loss + stage.adversarial_weight * adversarial
            losses['adversarial'] = adversarial.detach()
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        self._optimizer.step()
        if adversary is not None:
            losses['discriminator'] = adversary.update(logits.main, targets, rate_factor)
        if self._average is not None:
            self._average.update(self._network, self._step)
        return losses

    def _compute(self, images: Tensor) -> BranchLogits:
        return self._compute_with(self._model, images)

    def _compute_with(self, model: Any, images: Tensor) -> BranchLogits:
        """Return the logits of all branches; a network of one branch has no auxiliary ones."""
        if self._has_auxiliary:
            return model.compute_both(images)
        logits = model.compute_logits(images)
        return BranchLogits(logits, logits[:0])

    def _compute_for_validation(self, images: Tensor) -> BranchLogits:
        """Return the float32 logits of the weights that are saved."""
        if self._average is None:
            return self._compute(images)
        with self._fabric.autocast():
            logits = self._compute_with(self._average.network, images)
        return BranchLogits(*(each.float() for each in logits))

    @property
    def _saved_network(self) -> SegmentationNetwork:
        return self._network if self._average is None else self._average.network

    def _loss(self, loss: BranchLoss, logits: BranchLogits, targets: Tensor) -> Tensor:
        if self._has_auxiliary:
            weight = self._recipe.auxiliary_weight
            return auxiliary_supervised_loss(logits, targets, loss, weight)
        return loss(logits.main, targets)

    def _normalize(self, images: Tensor) -> Tensor:
        return normalize(images, self._mean, self._recipe.std, self._fabric.device)

    def _check_and_log(self, losses: Mapping[str, Tensor], learning_rate: float) -> None:
        """Look at the losses now and then only: a GPU has to stop for it."""
        if self._step % LOG_EVERY:
            return
        self._check_losses()
        values = {f'train/{name}': value.item() for name, value in losses.items()}
        self._fabric.log_dict({**values, 'train/learning_rate': learning_rate}, self._step)

    def _check_losses(self) -> None:
        """
        Stop a training that has diverged, before its weights are saved.

        :raises RuntimeError: if a loss since the last check is no number
        """
        unchecked, self._unchecked = self._unchecked, {}
        if not unchecked or torch.stack(list(unchecked.values())).isfinite().all():
            return
        step, loss = next((step, loss) for step, loss in unchecked.items() if not loss.isfinite())
        raise RuntimeError(
            f'the loss became {loss.item()} in step {step}: the training diverged. Lower the '
            f'learning rate, --set learning_rate={self._recipe.learning_rate / 10:g}, or use '
            '--set precision=fp32'
        )

    def _validate_and_save(self) -> None:
        self._check_losses()
        metrics = {'step': self._step, **self.validate()}
        improved = self._improves(metrics)
        self._without_improvement = 0 if improved else self._without_improvement + 1
        if self._fabric.is_global_zero:
            self._report(metrics)
            info = self._checkpoint_info(metrics)
            save_checkpoint(self._folder.last, self._saved_network, info)
            if improved:
                save_checkpoint(self._folder.best, self._saved_network, info)
        self._save_state()

    def _improves(self, metrics: dict[str, Any]) -> bool:
        """Tell whether a validation is the best so far, and remember it if so."""
        score = -metrics['loss'] if self._recipe.best == 'loss' else metrics['main']['mean']
        # A class that is in no image has no Dice; the first weights are kept all the same.
        value = -1.0 if score is None else score
        if self._best is not None and value <= self._best:
            return False
        self._best = value
        return True

    def _stops_early(self) -> bool:
        return 0 < self._recipe.patience <= self._without_improvement

    def _report(self, metrics: dict[str, Any]) -> None:
        self._folder.append_metrics(metrics)
        main = metrics['main']
        tqdm.write(
            f'step {metrics["step"]}: loss {metrics["loss"]}, Dice mean {main["mean"]}, '
            f'binary {main["binary"]}'
        )
        flat = {f'validation/{key}': value for key, value in main.items() if value is not None}
        self._fabric.log_dict({'validation/loss': metrics['loss'], **flat}, self._step)

    @torch.inference_mode()
    def validate(self) -> dict[str, Any]:
        """Return loss and Dice of every class and branch over the whole validation set."""
        self._model.eval()
        recipe = self._recipe
        loss_function = _make_loss(recipe).to(self._fabric.device)
        scores = ValidationScores(recipe.task, self._network.branches)
        size = self._network_size(self._data.validation[0], recipe)
        mine = self._data.validation[self._fabric.global_rank :: self._fabric.world_size]
        loader = DataLoader(
            ValidationImages(mine, recipe.task, size),
            max(recipe.batch_size // self._fabric.world_size, 1),
            collate_fn=collate,
            **self._loader_options(1),
        )
        for images, labels in loader:
            logits = self._compute_for_validation(self._normalize(images))
            small = shrink_labels(labels, images.shape[-2:]).to(self._fabric.device)
            scores.add_loss(self._loss(loss_function, logits, small).item(), len(labels))
            by_branch = dict(zip(self._network.branches, logits, strict=False))
            scores.add(by_branch, labels, recipe.threshold)
        counts = self._fabric.all_reduce(scores.counts().to(self._fabric.device), reduce_op='sum')
        assert isinstance(counts, Tensor)
        scores.replace_counts(counts)
        return scores.to_dict()

    def _save_state(self) -> None:
        self._check_losses()
        self._last_saved = time.monotonic()
        if not self._fabric.is_global_zero:
            return
        self._folder.write_state(
            {
                'network': self._network.state_dict(),
                'average': self._average.state_dict() if self._average else None,
                'initial': self._initial,
                'optimizer': self._optimizer.state_dict(),
                'adversary': self._adversary.state_dict() if self._adversary else None,
                'step': self._step,
                'best': self._best,
                'without_improvement': self._without_improvement,
                'mean': self._mean,
            }
        )

    def _go_on(self, state: dict[str, Any]) -> None:
        self._network.load_state_dict(state['network'])
        self._optimizer.load_state_dict(state['optimizer'])
        if self._adversary is not None:
            self._adversary.load_state_dict(state['adversary'])
        if self._average is not None:
            self._average.load_state_dict(state['average'])
        self._step = state['step']
        self._best = state['best']
        self._without_improvement = state['without_improvement']
        if self._fabric.is_global_zero:
            self._folder.forget_metrics_after(self._step)
            tqdm.write(f'going on in {self._folder.path} at step {self._step}')

    def _start_from(self, network: SegmentationNetwork) -> dict[str, Any] | None:
        """Take the weights of the recipe's checkpoint over; return where they came from."""
        if not self._recipe.init:
            return None
        initial = load_initial_weights(network, self._recipe)
        self._fabric.print(f'starting from {initial}')
        return initial.to_dict()

    def _choose_mean(self, state: dict[str, Any] | None) -> tuple[float, ...]:
        if state is not None:
            return tuple(state['mean'])
        if self._recipe.mean == DATA_MEAN:
            return mean_color(self._data.training)
        return tuple(self._recipe.mean)  # type: ignore[arg-type]

    def _checkpoint_info(self, metrics: dict[str, Any]) -> CheckpointInfo:
        recipe = self._recipe
        return CheckpointInfo(
            model=recipe.model,
            task=recipe.task,
            input_size=recipe.size,
            mean=self._mean,  # type: ignore[arg-type]
            std=recipe.std,
            options=recipe.model_options,
            notice=self._data.notice,
            provenance={
                **self._data.provenance,
                'recipe': recipe_to_dict(recipe),
                **({'init': self._initial} if self._initial else {}),
                'validation': metrics,
            },
            resize=recipe.resize,
            threshold=recipe.threshold,
        )


def _create_network(recipe: Recipe) -> SegmentationNetwork:
    """
    Create the network of a recipe.

    :raises RecipeError: if its pretrained encoder is not to be had
    """
    try:
        return create_model(recipe.model, recipe.task, **recipe.model_options)
    except ConnectionError as error:
        raise RecipeError(
            f'{error}. From the command line: --set model_options.pretrained=false, or '
            '--set model_options.pretrained=FILE'
        ) from error


def _make_loss(recipe: Recipe) -> CrossEntropyLoss | JaccardLoss:
    if recipe.loss == 'ternaus':
        return JaccardLoss(ternaus_loss, recipe.jaccard_weight)
    if recipe.loss == 'rasnet':
        return JaccardLoss(rasnet_loss, recipe.jaccard_weight)
    return CrossEntropyLoss(recipe.class_weights)
