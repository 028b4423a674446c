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
import subprocess

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / 'surgseg_ros'
LICENCE_LINE = '# Licensed under the Apache License, Version 2.0 (the "License");'

# They put everything else together: they may import all that is not ROS, and nothing imports them.
FRONT_ENDS = {'commands', 'reproduction'}

# What each subpackage may import of the others. Modules beside them (the command line) may import
# everything that is not ROS, and no subpackage may import them.
ALLOWED_IMPORTS = {
    'data': set(),
    'models': {'data'},
    'perception': {'data'},
    'inference': {'models', 'data'},
    'simulation': {'models', 'data'},
    'evaluation': {'data', 'models', 'inference', 'perception'},
    'training': {'data', 'models', 'inference', 'evaluation', 'simulation'},
    'nodes': {'data', 'models', 'inference', 'perception', 'evaluation', 'simulation'},
}

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


def allowed_imports(owner: str) -> set[str]:
    if owner in ALLOWED_IMPORTS:
        return ALLOWED_IMPORTS[owner] | {owner}
    return {owner_of(path) for path in modules()} - {'nodes'}


def test_imports_are_found_in_every_form():
    tree = ast.parse('import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\n')
    assert list(find_imports(tree, 'p.q.r')) == ['a.b', 'c.d', 'p.q.e', 'p.f.g']


def test_every_subpackage_has_a_rule():
    subpackages = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert subpackages <= set(ALLOWED_IMPORTS) | FRONT_ENDS


@pytest.mark.parametrize('path', modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    own_names = {owner_of(module) for module in modules()}
    imported = {name.split('.')[1] for name in imports_of(path) if name.startswith('surgseg_ros.')}
    forbidden = imported & own_names - allowed_imports(owner_of(path))
    assert not forbidden, f'{owner_of(path)} must not import {sorted(forbidden)}'


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


def tracked_sources() -> list[Path]:
    listing = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [CHECKOUT / line for line in listing.stdout.splitlines()]
    names = ('CMakeLists.txt', 'Makefile')
    return [
        path
        for path in paths
        if path.is_file()
        and (path.suffix in ('.py', '.sh') or path.name in names or path.parent.name == '.ci')
    ]


def test_every_source_file_has_its_licence():
    if not (CHECKOUT / '.git').exists():
        pytest.skip('the list of source files comes from git, and this is not a clone')
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
