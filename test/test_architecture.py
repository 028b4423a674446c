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


"""Rules that hold for all source files: imports go one way, every file has its licence."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
import subprocess

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / 'surgseg_ros'
PAGE = CHECKOUT / 'docs' / 'architecture.md'
LICENCE_LINE = '# Licensed under the Apache License, Version 2.0 (the "License");'

ALLOWED_IMPORTS = {
    'calibration': set(),
    'decoding': set(),
    'data': {'decoding'},
    'models': {'data'},
    'perception': {'calibration', 'data'},
    'simulation': {'data'},
    'reporting': {'data'},
    'inference': {'data', 'models'},
    'prediction': {'calibration', 'data', 'inference', 'perception'},
    'benchmark': {'data', 'inference', 'models', 'reporting'},
    'evaluation': {
        *('calibration', 'data', 'decoding', 'inference', 'models', 'perception', 'prediction'),
        'reporting',
        'simulation',
    },
    'training': {
        *('data', 'decoding', 'evaluation', 'inference', 'models', 'perception', 'reporting'),
        'simulation',
    },
    'reproduction': {
        *('benchmark', 'data', 'evaluation', 'inference', 'models', 'reporting', 'training'),
    },
    'nodes': {
        *('benchmark', 'calibration', 'data', 'decoding', 'evaluation', 'inference'),
        *('perception', 'reporting', 'simulation'),
    },
    'commands': {
        *('benchmark', 'calibration', 'data', 'decoding', 'evaluation', 'inference', 'models'),
        *('prediction', 'reporting', 'reproduction', 'training'),
    },
    'cli': {'commands'},
}
"""What may be imported by each room, beside itself; the order has no arrow upwards."""

MAX_FILES_A_FLOOR = 25
MAX_LINES_A_FILE = 500

ROS_MODULES = {
    *('ament_index_python', 'cv_bridge', 'launch', 'launch_ros', 'rclpy', 'rosidl_runtime_py'),
    *('builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs', 'sensor_msgs'),
    *('rcl_interfaces', 'std_msgs', 'std_srvs', 'vision_msgs', 'visualization_msgs'),
    *('surgseg_ros.msg', 'surgseg_ros.srv'),
}


def find_imports(tree: ast.AST, module: str) -> Iterator[str]:
    """Yield the absolute dotted name of everything a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split('.')[: -node.level] if node.level else []
            prefix = '.'.join([*base, *([node.module] if node.module else [])])
            yield from (f'{prefix}.{alias.name}' for alias in node.names)


def imports_of(path: Path) -> list[str]:
    module = '.'.join(path.relative_to(CHECKOUT).with_suffix('').parts)
    return list(find_imports(ast.parse(path.read_text(encoding='utf-8')), module))


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob('*.py')) if path != PACKAGE / '__init__.py']


def owner_of(path: Path) -> str:
    """Return the name of the subpackage, or of the module beside the subpackages."""
    return path.relative_to(PACKAGE).with_suffix('').parts[0]


def rooms_imported_by(path: Path) -> set[str]:
    """Return the other rooms that a module imports."""
    imported = {name.split('.')[1] for name in imports_of(path) if name.startswith('surgseg_ros.')}
    return imported & set(ALLOWED_IMPORTS) - {owner_of(path)}


def test_imports_are_found_in_every_form():
    tree = ast.parse('import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\n')
    assert list(find_imports(tree, 'p.q.r')) == ['a.b', 'c.d', 'p.q.e', 'p.f.g']


def test_every_room_has_a_rule():
    assert {owner_of(path) for path in modules()} == set(ALLOWED_IMPORTS)


def test_no_rule_allows_a_circle():
    remaining = dict(ALLOWED_IMPORTS)
    while remaining:
        lowest = {name for name, below in remaining.items() if not below & set(remaining)}
        assert lowest, f'these may import each other in a circle: {sorted(remaining)}'
        remaining = {name: remaining[name] for name in set(remaining) - lowest}


@pytest.mark.parametrize('path', modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    owner = owner_of(path)
    forbidden = rooms_imported_by(path) - ALLOWED_IMPORTS[owner]
    assert not forbidden, f'{owner} must not import {sorted(forbidden)}'


@pytest.mark.parametrize(
    'path',
    [path for path in modules() if owner_of(path) != 'nodes'],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_only_nodes_know_ros(path):
    imported = {
        name
        for name in imports_of(path)
        if name.split('.')[0] in ROS_MODULES or '.'.join(name.split('.')[:2]) in ROS_MODULES
    }
    assert not imported, f'only surgseg_ros/nodes may import {sorted(imported)}'


def test_only_launch_files_need_launch():
    # It is there only with a ROS 2 installation; nodes and commands start without.
    needed = ('launch', 'launch_ros', 'surgseg_ros.nodes.common.launch_files')
    importers = [
        str(path.relative_to(PACKAGE))
        for path in modules()
        if any(
            f'{name}.'.startswith(f'{module}.') for name in imports_of(path) for module in needed
        )
    ]
    assert importers == ['nodes/common/launch_files.py']


def tracked_files() -> list[Path]:
    if not (CHECKOUT / '.git').exists():
        pytest.skip('the list of source files comes from git, and this is not a clone')
    listing = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [CHECKOUT / line for line in listing.stdout.splitlines()]
    return [path for path in paths if path.is_file()]


def tracked_sources() -> list[Path]:
    names = ('CMakeLists.txt', 'Makefile')
    return [
        path
        for path in tracked_files()
        if (path.suffix in ('.py', '.sh') or path.name in names or path.parent.name == '.ci')
    ]


def test_every_source_file_has_its_licence():
    sources = tracked_sources()
    assert len(sources) > 50
    missing = [
        str(path.relative_to(CHECKOUT))
        for path in sources
        if LICENCE_LINE not in path.read_text(encoding='utf-8')[:1000]
    ]
    assert not missing


def test_python_package_has_no_directory_of_generated_messages():
    # rosidl installs its modules there; a source directory of that name would hide them.
    assert not (PACKAGE / 'msg').exists()
    assert not (PACKAGE / 'srv').exists()


def floors() -> dict[Path, list[Path]]:
    """Return the files that git knows, by folder."""
    files: dict[Path, list[Path]] = {}
    for path in tracked_files():
        files.setdefault(path.parent, []).append(path)
    return files


def test_no_floor_is_crowded():
    crowded = {
        str(folder.relative_to(CHECKOUT)): len(files)
        for folder, files in floors().items()
        if len(files) > MAX_FILES_A_FLOOR
    }
    assert not crowded, f'more than {MAX_FILES_A_FLOOR} files: open a room for some of them'


def test_no_file_is_long():
    long = {
        str(path.relative_to(CHECKOUT)): lines
        for path in tracked_files()
        if path.suffix == '.py'
        and (lines := path.read_text(encoding='utf-8').count('\n')) > MAX_LINES_A_FILE
    }
    assert not long, f'more than {MAX_LINES_A_FILE} lines: find the parts that stand alone'


@pytest.mark.parametrize(
    'folder',
    sorted(path.parent for path in PACKAGE.rglob('__init__.py') if path.parent != PACKAGE),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_every_room_has_a_map(folder):
    docstring = ast.get_docstring(ast.parse((folder / '__init__.py').read_text('utf-8'))) or ''
    assert 3 <= len([line for line in docstring.splitlines() if line]) <= 10
    rooms = {path.parent.name for path in folder.glob('*/__init__.py')}
    named = set(re.findall(r'mod:`\.(\w+)', docstring))
    assert rooms <= named
    gone = named - rooms - {path.stem for path in folder.glob('*.py')}
    assert not gone, f'the map in __init__.py names {sorted(gone)}, which is not there'


def drawn_arrows() -> dict[str, set[str]]:
    """Return the rooms that each room points to in the first chart of the page."""
    chart = re.findall(r'^```mermaid\n(.*?)^```$', PAGE.read_text('utf-8'), re.M | re.DOTALL)[0]
    arrows: dict[str, set[str]] = {}
    for line in chart.splitlines()[1:]:
        start, end = line.strip().split(' --> ')
        arrows.setdefault(start, set()).update(end.split(' & '))
    return arrows


def reached_from(room: str, arrows: dict[str, set[str]]) -> set[str]:
    below = arrows.get(room, set())
    return below.union(*(reached_from(other, arrows) for other in below))


def test_the_chart_is_that_of_the_imports():
    arrows = drawn_arrows()
    imported: dict[str, set[str]] = {}
    for path in modules():
        imported.setdefault(owner_of(path), set()).update(rooms_imported_by(path))
    for room, others in imported.items():
        hidden = others - reached_from(room, arrows)
        assert not hidden, f'{room} imports {sorted(hidden)}; no arrows of {PAGE.name} lead there'
    for room, others in arrows.items():
        unreal = others - imported.get(room, set())
        assert not unreal, f'{PAGE.name}: {room} imports nothing of {sorted(unreal)}'
        detours = set().union(*(reached_from(other, arrows) for other in others))
        assert not others & detours, f'{PAGE.name}: {room} leads there without this arrow'
