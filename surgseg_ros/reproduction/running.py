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
"""Carrying out the runs behind the tables; what is done is kept, so an interrupt costs one run."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import json
from pathlib import Path
import shlex
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from surgseg_ros.benchmark.measurement import Benchmark
from surgseg_ros.benchmark.measurement import Settings
from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.layouts.cropped_endovis import IMAGES
from surgseg_ros.data.samples import Sample
from surgseg_ros.evaluation.labels.map_scores import score_adaptation
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.evaluation.labels.scores import score_frames
from surgseg_ros.inference.checkpoints import SUFFIX
from surgseg_ros.inference.devices import select_device
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.models import model_info
from surgseg_ros.reproduction.budget import Budget
from surgseg_ros.reproduction.experiments import Adaptation
from surgseg_ros.reproduction.experiments import Run
from surgseg_ros.reproduction.experiments import Timing
from surgseg_ros.reproduction.experiments import Training
from surgseg_ros.training.engine import make_fabric
from surgseg_ros.training.label_free.adapt import adapt
from surgseg_ros.training.label_free.adapt import AdaptationFiles
from surgseg_ros.training.label_free.adaptation import make_options
from surgseg_ros.training.recipe import load_recipe
from surgseg_ros.training.recipe import Recipe
from surgseg_ros.training.run_data import load_training_data
from surgseg_ros.training.run_folder import RunFolder
from surgseg_ros.training.simulated_data import render_videos
from surgseg_ros.training.trainer import Trainer

DATA_SEED, CLIPS_SEED = 0, 1
CLIP_RATE_HZ = 10.0
"""Neighboring frames of a clip resemble each other, which semantic diffusion is made for."""

BYTES_A_PARAMETER = 4
TIMING_ROUNDS = 5
RESULT_FILE = 'result.json'

Result = Mapping[str, Any]


def prepare_data(budget: Budget, folder: Path) -> tuple[Path, Path]:
    """
    Render the data of a budget, or what is missing of it.

    :return: the data set with labels, in the layout of EndoVis 2017 prepared, and the clips
    """
    data, clips = folder / 'data', folder / 'clips'
    render_videos(data, budget.videos, budget.frames, budget.size, DATA_SEED)
    render_videos(
        clips,
        budget.clips,
        budget.clip_frames,
        budget.size,
        CLIPS_SEED,
        rate_hz=CLIP_RATE_HZ,
        frames_per_scene=budget.clip_frames,
    )
    return data, clips


class Runner:
    """
    Carry out runs, each once.

    :param budget: of all runs
    :param data: data set with labels
    :param clips: data set whose images are learned from without labels
    :param output: gets a folder a run, with its weights and ``result.json``
    :param device_name: see :func:`surgseg_ros.inference.devices.select_device`
    """

    def __init__(
        self, budget: Budget, data: Path, clips: Path, output: Path, device_name: str = 'auto'
    ) -> None:
        self._budget = budget
        self._data = data
        self._clips = clips
        self._output = output
        self._device_name = device_name

    def run_all(
        self, runs: Sequence[Run], done: Callable[[Mapping[Run, Result]], None]
    ) -> dict[Run, Result]:
        """
        Carry out runs, those with results only read.

        :param done: called with all results so far whenever there are more
        """
        timings = [run for run in runs if isinstance(run, Timing)]
        results: dict[Run, Result] = dict(self._run_timings(timings)) if timings else {}
        done(results)
        others = [run for run in runs if not isinstance(run, Timing)]
        for run in tqdm(others, unit='run', desc='reproduce'):
            results[run] = self._run_once(run)
            done(results)
        return results

    def command(self, run: Run) -> str:
        """Return the command that carries out a run by hand."""
        if isinstance(run, Training):
            return self._training_command(run)
        if isinstance(run, Adaptation):
            return self._adaptation_command(run)
        size = '{}x{}'.format(*self._budget.timing_size)
        words = ['surgseg', 'benchmark', '--models', run.model, '--branches', run.branch]
        return shlex.join([*words, '--sizes', size, '--backends', 'torch'])

    def _training_command(self, run: Training) -> str:
        words = ['surgseg', 'train', '--recipe', run.recipe, '--data', 'data']
        words += [word for text in self._settings(run) for word in ('--set', text)]
        return shlex.join([*words, '--output', f'runs/{run.key}'])

    def _adaptation_command(self, run: Adaptation) -> str:
        video = 'instrument_dataset_1'
        words = ['surgseg', 'adapt', '--input', f'clips/{video}/{IMAGES}']
        for key, value in {**self._budget.adaptation, **dict(run.changes)}.items():
            words += ['--set', f'{key}={json.dumps(value)}']
        return shlex.join([*words, '--output', f'runs/{run.key}/{video}{SUFFIX}'])

    def _run_once(self, run: Training | Adaptation) -> Result:
        folder = self._output / run.key
        path = folder / RESULT_FILE
        command = self.command(run)
        if path.is_file():
            kept = json.loads(path.read_text(encoding='utf-8'))
            if kept['command'] == command:
                return kept['result']
        result = self._train(run) if isinstance(run, Training) else self._adapt(run)
        text = json.dumps({'command': command, 'result': result}, indent=2)
        path.write_text(text + '\n', encoding='utf-8')
        return result

    def _settings(self, run: Training) -> list[str]:
        settings = [*run.settings, *self._budget.settings]
        options = load_recipe(run.recipe, settings).model_options
        if not self._budget.pretrained and options.get('pretrained'):
            settings.append('model_options.pretrained=false')
        return settings

    def _train(self, run: Training) -> Result:
        """Train a network and score each of its branches on the videos that were held out."""
        recipe = load_recipe(run.recipe, self._settings(run))
        data = load_training_data(self._data, recipe, check=False)
        folder = self._output / run.key
        fabric = make_fabric(self._device_name, 0, 0, recipe.precision, folder / 'tensorboard')
        fabric.launch()
        Trainer(recipe, data, folder, fabric).run()
        files = RunFolder(folder)
        scores = {
            branch: self._score(files.best, branch, data.validation, recipe)
            for branch in model_info(recipe.model).branches
        }
        files.forget_state()
        return scores

    def _score(
        self, weights: Path, branch: str, samples: Sequence[Sample], recipe: Recipe
    ) -> Result:
        segmenter = Segmenter(weights, self._device_name, branch, backend='torch')
        frames = _predict(segmenter, samples, recipe.task)
        scores = score_frames(frames, recipe.task, surface=recipe.task == BINARY)
        return scores.to_dict()['metrics']

    def _adapt(self, run: Adaptation) -> Result:
        """Learn from every clip and return the mean scores of anchors and prediction."""
        options = make_options(**{**self._budget.adaptation, **dict(run.changes)})
        folder = self._output / run.key
        scores = []
        for video, samples in _by_video(open_dataset(self._clips).samples).items():
            files = AdaptationFiles(folder / f'{video}{SUFFIX}')
            result = adapt(
                FrameSource(samples[0].image.parent),
                files,
                options,
                device_name=self._device_name,
                report=tqdm.write,
            )
            truths = {sample.stem: sample for sample in samples}
            labels = [truths[stem].read_labels(BINARY) for stem in result.predicted_clip.stems]
            scored = score_adaptation(result.anchors, result.prediction, labels)
            scores.append({name: part._asdict() for name, part in scored._asdict().items()})
        return _mean(scores)

    def _run_timings(self, timings: Sequence[Timing]) -> Iterator[tuple[Run, Result]]:
        """Time networks in turns, so that other work on the computer hits all of them."""
        settings = Settings(
            models=tuple(dict.fromkeys(timing.model for timing in timings)),
            sizes=(self._budget.timing_size,),
            backends=('torch',),
            device=select_device(self._device_name),
            repetitions=TIMING_ROUNDS,
        )
        path = self._output / 'timings.json'
        rows = json.loads(path.read_text(encoding='utf-8')) if path.is_file() else []
        if {row['model'] for row in rows} < set(settings.models):
            rows = _measure(settings)
            self._output.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(rows, indent=2) + '\n', encoding='utf-8')
        by_network = {Timing(row['model'], row['branch']): row for row in rows}
        for timing in timings:
            yield timing, by_network[timing]


def _measure(settings: Settings) -> list[dict[str, Any]]:
    threads = torch.get_num_threads()
    benchmark = Benchmark(settings)
    benchmark.run()
    torch.set_num_threads(threads)
    if benchmark.interrupted:
        raise KeyboardInterrupt
    return [
        {
            'model': row.model,
            'branch': row.branch,
            'ms': row.median_ms,
            'images_per_s': row.images_per_s,
            'parameters': row.parameters,
            'weights_mb': row.parameters * BYTES_A_PARAMETER / 1e6,
        }
        for row in benchmark.rows
    ]


def _predict(segmenter: Segmenter, samples: Sequence[Sample], task: str) -> Iterator[LabeledFrame]:
    for sample in samples:
        (result,) = segmenter.segment([np.ascontiguousarray(sample.read_image())])
        truth = sample.read_labels(task)
        yield LabeledFrame(sample.video, sample.stem, truth, result.label_image)


def _by_video(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    videos: dict[str, list[Sample]] = {}
    for sample in samples:
        videos.setdefault(sample.video, []).append(sample)
    return videos


def _mean(scores: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            metric: round(float(np.mean([score[name][metric] for score in scores])), 4)
            for metric in metrics
        }
        for name, metrics in scores[0].items()
    }
