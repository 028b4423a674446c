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

"""What keeps a test run apart from others, and what several test folders use."""

from collections.abc import Callable
import os
from pathlib import Path
import signal

from own_domain import own_domain
from own_domain import own_domain_variables
import pytest
import torch

from surgseg_ros.inference.checkpoints import CheckpointInfo
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.conversion_cache import DIRECTORY_VARIABLE
from surgseg_ros.models import create_model

TESTS = Path(__file__).resolve().parent
GOLDEN = TESTS / 'golden'
UPDATE_GOLDEN = '--update-golden'

LONG_FIRST = {name: place for place, name in enumerate(('ros', 'training', 'reproduction'))}
"""Folders whose tests take long, in the order in which they begin."""

CheckGolden = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        UPDATE_GOLDEN,
        action='store_true',
        help='run only the tests that compare with test/golden, and rewrite its files',
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption(UPDATE_GOLDEN):
        items[:] = [item for item in items if 'check_golden' in getattr(item, 'fixturenames', ())]
    # Long files first: the last ones then end at about the same time in all workers.
    items.sort(
        key=lambda item: LONG_FIRST.get(item.path.relative_to(TESTS).parts[0], len(LONG_FIRST))
    )


def starts_nodes(path: Path) -> bool:
    """Tell whether a file has tests of running nodes."""
    return 'ros' in path.relative_to(TESTS).parts


@pytest.fixture(scope='session')
def check_golden(request: pytest.FixtureRequest) -> CheckGolden:
    """Return ``check(name, text)``, which compares a text with a file in ``test/golden``."""
    update = request.config.getoption(UPDATE_GOLDEN)

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')
        known = path.read_text(encoding='utf-8') if path.exists() else ''
        assert text == known, (
            f'an interface differs from test/golden/{name}; if that is what you want: '
            f'make test PYTEST_ARGS={UPDATE_GOLDEN}, and commit the difference'
        )

    return check


@pytest.fixture(scope='session', autouse=True)
def ros_domain():
    """Keep the nodes of this run, or of this worker of it, in a DDS domain of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own_domain_variables().items():
            patch.setenv(name, value)
        yield own_domain()


@pytest.fixture(scope='module', autouse=True)
def core_of_a_worker(request):
    """
    Keep each worker to one core, except in tests of running nodes.

    Threads of torch that share the cores with another worker, or with whatever else is running,
    spin while they wait for the one that was interrupted: tests of training took 15 to 27 s,
    on one core 2 to 4.
    """
    worker = os.environ.get('PYTEST_XDIST_WORKER', '')
    if not worker or starts_nodes(request.path):
        yield
        return
    cores, threads = sorted(os.sched_getaffinity(0)), torch.get_num_threads()
    os.sched_setaffinity(0, {cores[int(worker.removeprefix('gw')) % len(cores)]})
    torch.set_num_threads(1)
    yield
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)


@pytest.fixture(scope='session', autouse=True)
def heard_interrupts():
    """Let the processes of the tests hear Ctrl-C, to which `make test &` of a script is deaf."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='session', autouse=True)
def compiled_modules():
    """Let the processes of the tests keep what Python compiles for the next one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv('PYTHONDONTWRITEBYTECODE', raising=False)
        yield


@pytest.fixture(scope='session', autouse=True)
def conversion_cache(tmp_path_factory):
    """Keep what this run converts and measures away from the user's, for all its processes."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp('cache')
        patch.setenv(DIRECTORY_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope='session')
def mffnet_checkpoint(tmp_path_factory):
    """Return a checkpoint with random weights that runs at 160x128."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp('weights') / 'random.safetensors'
    save_checkpoint(
        path, create_model('mffnet', 'parts'), CheckpointInfo('mffnet', 'parts', (160, 128))
    )
    return path


@pytest.fixture(scope='session')
def red_checkpoint(tmp_path_factory):
    """Return a checkpoint that calls a pixel an instrument if it is clearly red."""
    model = create_model('color_linear', 'binary')
    with torch.no_grad():
        model.classifier.weight.copy_(
            torch.tensor([[0.0, 0.0, 0.0], [20.0, -10.0, -10.0]]).view(2, 3, 1, 1)
        )
        model.classifier.bias.copy_(torch.tensor([0.0, -5.0]))
    path = tmp_path_factory.mktemp('weights') / 'red.safetensors'
    save_checkpoint(path, model, CheckpointInfo('color_linear', 'binary', notice='for tests'))
    return path


@pytest.fixture(scope='session')
def one_logit_checkpoint(tmp_path_factory):
    """Return a checkpoint whose probability of 'instrument' is the red value, threshold 0.3."""
    model = create_model('color_linear', 'binary', single_logit=True)
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor([8.0, 0.0, 0.0]).view(1, 3, 1, 1))
        model.classifier.bias.fill_(-4.0)
    path = tmp_path_factory.mktemp('weights') / 'one.safetensors'
    info = CheckpointInfo('color_linear', 'binary', options={'single_logit': True}, threshold=0.3)
    save_checkpoint(path, model, info)
    return path
