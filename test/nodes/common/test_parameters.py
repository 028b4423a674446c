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

from array import array

import pytest

rclpy = pytest.importorskip('rclpy')

from rclpy.exceptions import ParameterException  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from surgseg_ros.nodes.common.parameters import Change  # noqa: E402
from surgseg_ros.nodes.common.parameters import NodeParameter  # noqa: E402
from surgseg_ros.nodes.common.parameters import ParameterTable  # noqa: E402


def parse_part(value):
    """Accept a word or a list of numbers."""
    if value == 'nothing':
        raise ValueError('there must be something')
    return value if isinstance(value, str) else tuple(value)


TABLE = (
    NodeParameter('fixed', 'a', 'Never changes.', choices=('a', 'b')),
    NodeParameter('eyes', ['left'], 'A list.', Change.ALWAYS, choices=('left', 'right')),
    NodeParameter('alpha', 0.5, 'A number.', Change.ALWAYS, bounds=(0.0, 1.0)),
    NodeParameter('count', 3, 'An integer.', Change.ALWAYS, bounds=(0, 10)),
    NodeParameter('size', [0, 0], 'A pair.', Change.ALWAYS, bounds=(0, 100), length=2),
    NodeParameter('weights', 'x', 'Loaded on configure.', Change.UNCONFIGURED),
    NodeParameter('part', 'all', 'Any type.', Change.ALWAYS, parse=parse_part),
)


@pytest.fixture
def make_table(context):
    """Return a function that makes a table on a node with parameter overrides."""

    def make(is_configured=lambda: False, **overrides):
        node = rclpy.create_node(
            'parameters',
            context=context,
            parameter_overrides=[
                Parameter(name, value=value) for name, value in overrides.items()
            ],
        )
        return node, ParameterTable(node, TABLE, is_configured)

    return make


def change(node, name, value):
    return node.set_parameters([Parameter(name, value=value)])[0]


def test_defaults_are_those_of_the_table(make_table):
    _, table = make_table()
    values = {parameter.name: table[parameter.name] for parameter in TABLE}
    values = {n: list(v) if isinstance(v, array) else v for n, v in values.items()}
    assert values == {parameter.name: parameter.default for parameter in TABLE}


def test_an_integer_will_do_for_a_number(make_table):
    node, table = make_table(alpha=1)
    assert table['alpha'] == 1.0
    assert isinstance(table['alpha'], float)
    assert change(node, 'alpha', 0).successful
    assert table['alpha'] == 0.0


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('alpha', 2, "'alpha' cannot be 2; allowed: 0.0 to 1.0"),
        ('alpha', 2.0, 'out of range'),
        ('alpha', 'much', 'must be a number'),
        ('alpha', True, 'must be a number'),
        ('count', 11, 'out of range'),
        ('eyes', ['left', 'middle'], "'eyes' cannot be 'middle'; allowed: left, right"),
        ('size', [1, 2, 3], "'size' needs 2 values, got 3"),
        ('size', [1, -2], "'size' cannot be -2"),
        ('part', 'nothing', "'part': there must be something"),
        ('fixed', 'b', 'read-only'),
    ],
)
def test_changes_are_refused_with_a_reason(make_table, name, value, reason):
    node, table = make_table()
    before = table[name]
    result = change(node, name, value)
    assert not result.successful
    assert reason in result.reason
    assert table[name] == before


def test_changes_act_at_once(make_table):
    node, table = make_table()
    assert change(node, 'eyes', ['right', 'left']).successful
    assert table['eyes'] == ['right', 'left']


@pytest.mark.parametrize('overrides', [{'fixed': 'c'}, {'alpha': 7}, {'size': [1]}])
def test_a_bad_value_at_the_start_is_an_error(make_table, overrides):
    with pytest.raises(ParameterException, match=next(iter(overrides))):
        make_table(**overrides)


def test_some_changes_need_an_unconfigured_node(make_table):
    configured = []
    node, table = make_table(lambda: bool(configured))
    assert change(node, 'weights', 'y').successful
    configured.append(True)
    result = change(node, 'weights', 'z')
    assert not result.successful
    assert 'clean up' in result.reason
    assert table['weights'] == 'y'


def test_a_parsed_parameter_may_have_any_type(make_table):
    node, table = make_table()
    assert table['part'] == 'all'
    assert change(node, 'part', [1, 2]).successful
    assert table['part'] == (1, 2)
    assert change(node, 'part', 'half').successful
    assert table['part'] == 'half'


def test_the_node_itself_may_store_what_is_in_use(make_table):
    configured = []
    node, table = make_table(lambda: bool(configured))
    configured.append(True)
    table.store('weights', 'new')
    assert table['weights'] == 'new'
    assert not change(node, 'weights', 'newer').successful
    with pytest.raises(ValueError, match='out of range'):
        table.store('count', 11)


def test_a_table_knows_its_names(make_table):
    _, table = make_table()
    assert 'alpha' in table
    assert 'beta' not in table


def test_descriptors_tell_range_choices_and_moment(make_table):
    node, _ = make_table()
    alpha, fixed, weights = node.describe_parameters(['alpha', 'fixed', 'weights'])
    assert alpha.floating_point_range[0].to_value == 1.0
    assert alpha.description == 'A number.'
    assert fixed.read_only
    assert 'a, b' in fixed.additional_constraints
    assert 'configure' in weights.additional_constraints
