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

"""Where converted networks and measured decisions are kept, so that the next start is quick."""

from collections.abc import Callable
from collections.abc import Iterable
import hashlib
from importlib import metadata
import inspect
import json
import os
from pathlib import Path
import shutil
import tempfile
from typing import Any

from surgseg_ros.inference.deployable import DeployableNetwork

DIRECTORY_VARIABLE = 'SURGSEG_ROS_CACHE'
"""Environment variable that names another folder than ``~/.cache/surgseg_ros``."""

MAX_CONVERSIONS = 32
"""Kept at most, some tens of megabytes each; those not used for longest go first."""

# A conversion or a timing depends on them.
LIBRARIES = ('torch', 'openvino', 'onnx', 'onnxscript', 'onnxruntime', 'torch_tensorrt')
DECISIONS = 'decisions.json'


def cache_directory() -> Path:
    """Return the folder of the cache; it may not exist yet."""
    if DIRECTORY_VARIABLE in os.environ:
        return Path(os.environ[DIRECTORY_VARIABLE])
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'surgseg_ros')


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


class ConversionCache:
    """
    Files that were made from a network.

    A folder holds the files of one conversion and appears complete or not at all. Where the cache
    cannot be written, conversions go to a folder that is deleted in the end.

    :param network: any change of its weights, code or surroundings gives other folders
    """

    def __init__(self, network: DeployableNetwork) -> None:
        self._network = network
        self._digest = ''
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def digest(self) -> str:
        """Return what identifies network and libraries, hexadecimal digits."""
        if not self._digest:
            self._digest = _digest(self._network)
        return self._digest

    def get(self, name: str, convert: Callable[[Path], None]) -> Path:
        """
        Return a converted file.

        :param name: of the file, different for different conversions of the network
        :param convert: makes the file, and others beside it, when it is not there
        """
        folder = cache_directory() / f'{self.digest}_{Path(name).stem}'
        path = folder / name
        if path.is_file():
            os.utime(folder)
            return path
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix='partial_', dir=folder.parent))
        except OSError:
            return self._convert_for_now(name, convert)
        try:
            convert(partial / name)
            _move(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        _prune(folder.parent)
        return path

    def _convert_for_now(self, name: str, convert: Callable[[Path], None]) -> Path:
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix='surgseg_ros_')
        path = Path(self._temporary.name, name)
        if not path.is_file():
            convert(path)
        return path


class DecisionCache:
    """
    Measured decisions in one JSON file.

    A file that cannot be read or written costs only the time of another measurement.
    """

    def __init__(self) -> None:
        self._path = cache_directory() / DECISIONS

    def load(self, key: str) -> dict[str, Any] | None:
        """Return what was stored under a key, ``None`` if there is nothing."""
        found = self._read().get(key)
        return found if isinstance(found, dict) else None

    def store(self, key: str, decision: dict[str, Any]) -> None:
        """Keep a decision."""
        decisions = {**self._read(), key: decision}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                'w', dir=self._path.parent, suffix='.json', delete=False, encoding='utf-8'
            ) as file:
                json.dump(decisions, file, indent=2)
            os.replace(file.name, self._path)
        except OSError:
            return

    def _read(self) -> dict[str, Any]:
        try:
            decisions = json.loads(self._path.read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return {}
        return decisions if isinstance(decisions, dict) else {}


def _digest(network: DeployableNetwork) -> str:
    digest = hashlib.sha256()
    facts = {
        'network': inspect.getsource(type(network)) + inspect.getsource(type(network.model)),
        'branch': network.branch,
        'threshold': network.threshold,
        'libraries': installed_versions(LIBRARIES),
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in network.state_dict().items():
        digest.update(f'{name} {tuple(tensor.shape)} {tensor.dtype}'.encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:32]


def _move(partial: Path, folder: Path) -> None:
    """Give a complete folder its name, unless another process was faster."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _prune(directory: Path) -> None:
    folders = [path for path in directory.iterdir() if path.is_dir()]
    complete = [path for path in folders if not path.name.startswith('partial_')]
    newest_first = sorted(complete, key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[MAX_CONVERSIONS:]:
        shutil.rmtree(path, ignore_errors=True)
