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

"""The documents: links lead somewhere, tables and quotations are those of the code."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
import re
import xml.etree.ElementTree as ET

import pytest

from surgseg_ros.data.label_sets import get_label_set

CHECKOUT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*CHECKOUT.glob('*.md'), *(CHECKOUT / 'docs').glob('*.md')])
PACKAGE = CHECKOUT / 'surgseg_ros'
ARCHITECTURE = CHECKOUT / 'docs' / 'architecture.md'
REFERENCE = CHECKOUT / 'docs' / 'segmentation_node.md'
LINK = re.compile(r'\]\(([^)\s]+)\)')
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SHORTEST_LOG_LINE = 20

needs_ros = pytest.mark.skipif(find_spec('rclpy') is None, reason='needs the messages of ROS 2')


def read(path: Path) -> str:
    return path.read_text(encoding='utf-8')


def anchors(path: Path) -> set[str]:
    """Return the names of the headings, as GitHub makes them."""
    prose = FENCE.sub('', read(path))
    headings = re.findall(r'^#+ (.*)$', prose, re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-') for text in headings}


def section(path: Path, heading: str) -> str:
    """Return the text below a heading up to the next one."""
    _, _, rest = read(path).partition(f'\n{heading}\n')
    assert rest, f'{path.name} has no {heading!r}'
    return re.split(r'^#', rest, maxsplit=1, flags=re.MULTILINE)[0]


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of the rows of every table, without its heading."""
    blocks = re.findall(r'(?:^\|.*\|$\n?)+', text, re.MULTILINE)
    return [[_cells(line) for line in block.splitlines()[2:]] for block in blocks]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip('|').split('|')]


def names_in(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r'`([^`]+)`', text)


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_checkout_lead_somewhere(path):
    for target in LINK.findall(FENCE.sub('', read(path))):
        if target.startswith(('http://', 'https://')):
            continue
        name, _, anchor = target.partition('#')
        file = path.parent / name if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_document_is_linked_from_another():
    linked = {
        (path.parent / target.partition('#')[0]).resolve()
        for path in DOCUMENTS
        for target in LINK.findall(read(path))
        if not target.startswith('http')
    }
    assert [
        path.name for path in DOCUMENTS if path.parent.name == 'docs' and path not in linked
    ] == []


def test_the_architecture_names_what_is_there():
    text = read(ARCHITECTURE)
    labels = ' '.join(re.findall(r'\["([^"]+)"\]', text)).replace(':', ' ').replace(',', ' ')
    names = [*names_in(FENCE.sub('', text)), *labels.split()]
    paths = {
        name for name in names if re.fullmatch(r'[\w./<>]+(/|\.(py|yaml|cfg|txt|xml|msg))', name)
    }
    assert len(paths) > 60
    folders = (CHECKOUT, PACKAGE, PACKAGE / 'nodes' / 'segmentation', PACKAGE / 'training')

    def is_there(path: str) -> bool:
        pattern = re.sub(r'<\w+>', '*', path)
        return any(list(folder.glob(pattern)) for folder in folders)

    assert [path for path in sorted(paths) if not is_there(path)] == []


@needs_ros
@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: path.name)
def test_modules_in_the_documents_are_there(path):
    for name in set(re.findall(r'\bsurgseg_ros(?:\.\w+)+', read(path))):
        assert resolve_name(name)


@pytest.mark.parametrize('name', ['instrument_listener.py', 'tool_tracker_subscriber.py'])
def test_the_quoted_example_is_the_file(name):
    source = read(CHECKOUT / 'examples' / name)
    blocks = FENCE.findall(read(CHECKOUT / 'docs' / 'integration.md'))
    quoted = [block for _, block in blocks if block.startswith('"""')]
    assert any(source.endswith('\n\n' + block) for block in quoted)


def test_the_table_of_classes_is_that_of_the_label_sets():
    rows = tables(section(REFERENCE, '### How to read the label image'))[0]
    documented: dict[str, list[tuple[str, str]]] = {}
    for task, class_id, name, color in rows:
        classes = documented.setdefault(names_in(task)[0], [])
        assert int(class_id) == len(classes)
        classes.append((name, color))
    for task, classes in documented.items():
        label_set = get_label_set(task)
        assert tuple(name for name, _ in classes) == label_set.class_names
        colors = [', '.join(map(str, color)) for color in label_set.colors]
        assert [color for _, color in classes] == colors


def expected_type(parameter) -> str:
    if parameter.name == 'crop':
        return 'string or integer[]'
    names = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}
    if isinstance(parameter.default, list):
        return f'{names[type(parameter.default[0])]}[]'
    return names[type(parameter.default)]


def expected_default(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f'[{", ".join(map(str, value))}]'
    return f'{value:g}' if isinstance(value, float) else str(value) or "''"


def expected_range(parameter) -> str | None:
    """Return the text of the range, ``None`` if the table of parameters does not know it."""
    if parameter.choices:
        return ', '.join(parameter.choices)
    if parameter.bounds is None:
        return None
    low, high = parameter.bounds
    return f'{low} to {high}' if isinstance(high, int) else f'{low:g} to {high:.10g}'


@needs_ros
def test_the_table_of_parameters_is_that_of_the_node():
    from surgseg_ros.nodes.common.parameters import Change
    from surgseg_ros.nodes.segmentation.parameters import PARAMETERS

    moments = {
        Change.NEVER: 'start',
        Change.UNCONFIGURED: 'next configure',
        Change.ALWAYS: 'at once',
    }
    (rows,) = tables(section(REFERENCE, '## Parameters'))
    assert [names_in(row[0])[0] for row in rows] == [parameter.name for parameter in PARAMETERS]
    for parameter, (_, kind, default, values, moment, meaning) in zip(
        PARAMETERS, rows, strict=True
    ):
        assert kind == expected_type(parameter), parameter.name
        assert default == expected_default(parameter.default), parameter.name
        assert expected_range(parameter) in (None, values), parameter.name
        assert moment == moments[parameter.change], parameter.name
        assert meaning


@needs_ros
def test_the_tables_of_diagnostics_have_every_key(red_checkpoint):
    from surgseg_ros.inference.segmenter import Segmenter
    from surgseg_ros.nodes.segmentation.diagnostics import eye_status
    from surgseg_ros.nodes.segmentation.diagnostics import model_status
    from surgseg_ros.nodes.segmentation.diagnostics import stereo_status
    from surgseg_ros.nodes.segmentation.eye_statistics import EyeStatistics
    from surgseg_ros.nodes.segmentation.pairing_statistics import PairingStatistics
    from surgseg_ros.nodes.segmentation.slots import FrameSlots
    from surgseg_ros.nodes.segmentation.stereo_statistics import StereoStatistics

    statistics = EyeStatistics()
    statistics.record_rejection('<cause>', 'text')
    counts = FrameSlots(['left']).counts('left')
    statuses = {
        '### `<node>: model`': model_status('', Segmenter(red_checkpoint, 'cpu', backend='torch')),
        '### `<node>: left`, `<node>: right`': eye_status('', counts, statistics.summary(), {}),
        '### `<node>: stereo`': stereo_status(
            '', PairingStatistics().summary(), StereoStatistics().summary(), {}
        ),
    }
    for heading, status in statuses.items():
        rows = tables(section(REFERENCE, heading))[0]
        documented = [name for row in rows for name in names_in(row[0])]
        assert documented == [item.key for item in status.values]


def test_the_reference_has_every_name_of_the_security_policy():
    policy = ET.parse(CHECKOUT / 'config' / 'sros2_policy.xml')
    profile = policy.find(".//profile[@node='segmentation']")
    assert profile is not None
    permitted = {
        (name.text or '').replace('right/', 'left/')
        for name in profile.iter()
        if name.tag in ('topic', 'service')
    }
    rows = [
        row
        for heading in ('## Subscribed topics', '## Published topics', '## Services')
        for row in tables(section(REFERENCE, heading))[0]
    ]
    documented = {name for row in rows for name in names_in(row[0]) if 'right/' not in name}
    every_node = {'/parameter_events', '/rosout'}
    assert documented == permitted - every_node


def source_patterns() -> Iterator[re.Pattern[str]]:
    """Yield a pattern for every longer text of the package; a field of an f-string is anything."""
    for path in sorted((CHECKOUT / 'surgseg_ros').rglob('*.py')):
        for node in ast.walk(ast.parse(read(path))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [_constant_text(part) for part in parts]
            if sum(text is not None and len(text) for text in texts) >= SHORTEST_LOG_LINE:
                yield re.compile(
                    ''.join('.*?' if text is None else re.escape(text) for text in texts)
                )


def _constant_text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def test_log_lines_in_the_troubleshooting_are_those_of_the_code():
    lines = [
        line
        for language, block in FENCE.findall(read(CHECKOUT / 'docs' / 'troubleshooting.md'))
        if language == 'text'
        for line in block.splitlines()
    ]
    assert len(lines) > 15
    patterns = list(source_patterns())
    unknown = [line for line in lines if not any(pattern.search(line) for pattern in patterns)]
    assert not unknown
