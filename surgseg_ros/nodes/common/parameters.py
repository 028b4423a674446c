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

"""Declared node parameters: one table with description, range and when a change acts."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter


class Change(Enum):
    """When a parameter may be changed."""

    ALWAYS = 'acts on the next frame'
    UNCONFIGURED = 'acts on the next configure; can be changed while the node is unconfigured'
    NEVER = 'read-only; set it when the node is started'


@dataclass(frozen=True)
class NodeParameter:
    """
    One parameter of a node.

    :param name: name, with the unit as suffix
    :param default: default value; its type is the type of the parameter
    :param description: what it does, for ``ros2 param describe``
    :param change: when it may be changed
    :param bounds: smallest and largest value of a number, or of the elements of a list
    :param choices: allowed strings, or those allowed as elements of a list
    :param length: number of elements of a list
    :param parse: makes what the node works with out of a value of any type, raises ValueError
        with the reason if it cannot
    """

    name: str
    default: Any
    description: str
    change: Change = Change.NEVER
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    length: int | None = None
    parse: Callable[[Any], Any] | None = None

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that the parameter is declared with."""
        descriptor = ParameterDescriptor(
            name=self.name,
            description=self.description,
            read_only=self.change is Change.NEVER,
            # A number without a decimal point is an integer in YAML and on the command line.
            dynamic_typing=isinstance(self.default, float) or self.parse is not None,
            additional_constraints='; '.join(self._constraints()),
        )
        if self.bounds is not None and isinstance(self.default, float):
            low, high = self.bounds
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        if self.bounds is not None and isinstance(self.default, int):
            low, high = self.bounds
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        return descriptor

    def problem_with(self, value: Any) -> str:
        """Return why a value is not allowed, or an empty string."""
        if self.parse is not None:
            return self._problem_with_parsing(self.parse, value)
        if isinstance(self.default, float) and type(value) not in (int, float):
            return f"'{self.name}' must be a number, got {value!r}"
        if self.length is not None and len(value) != self.length:
            return f"'{self.name}' needs {self.length} values, got {len(value)}"
        elements = [value] if isinstance(value, str | bool | int | float) else value
        wrong = [element for element in elements if not self._allows(element)]
        if not wrong:
            return ''
        return f"'{self.name}' cannot be {wrong[0]!r}; allowed: {self._allowed()}"

    def _problem_with_parsing(self, parse: Callable[[Any], Any], value: Any) -> str:
        try:
            parse(value)
        except ValueError as error:
            return f"'{self.name}': {error}"
        return ''

    def _allows(self, element: Any) -> bool:
        if self.choices:
            return element in self.choices
        return self.bounds is None or self.bounds[0] <= element <= self.bounds[1]

    def _allowed(self) -> str:
        if self.choices:
            return ', '.join(self.choices)
        return '' if self.bounds is None else f'{self.bounds[0]} to {self.bounds[1]}'

    def _constraints(self) -> list[str]:
        return [text for text in (self._allowed(), self.change.value) if text]


class ParameterTable:
    """
    Declare a table of parameters and refuse values and moments that are not allowed.

    :param node: declares them
    :param parameters: the table
    :param is_configured: tells whether parameters with :attr:`Change.UNCONFIGURED` are in use
    :raises rclpy.exceptions.ParameterException: if a value given at start is not allowed
    """

    def __init__(
        self,
        node: Node,
        parameters: Sequence[NodeParameter],
        is_configured: Callable[[], bool] = lambda: False,
    ) -> None:
        self._node = node
        self._parameters = {parameter.name: parameter for parameter in parameters}
        self._is_configured = is_configured
        self._is_storing = False
        node.add_on_set_parameters_callback(self._check)
        for parameter in parameters:
            node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())

    def __getitem__(self, name: str) -> Any:
        """Return the present value of a parameter, parsed."""
        value = self._node.get_parameter(name).value
        parameter = self._parameters[name]
        if parameter.parse is not None:
            return parameter.parse(value)
        return float(value) if isinstance(parameter.default, float) else value

    def store(self, name: str, value: Any) -> None:
        """
        Set a parameter although it is in use: the node has made the change true already.

        :raises ValueError: if the value is not allowed
        """
        self._is_storing = True
        try:
            (result,) = self._node.set_parameters([Parameter(name, value=value)])
        finally:
            self._is_storing = False
        if not result.successful:
            raise ValueError(result.reason)

    def __contains__(self, name: str) -> bool:
        """Tell whether the table has a parameter of this name."""
        return name in self._parameters

    def _check(self, changes: list[Parameter]) -> SetParametersResult:
        problems = [problem for change in changes if (problem := self._problem_with(change))]
        return SetParametersResult(successful=not problems, reason='; '.join(problems))

    def _problem_with(self, change: Parameter) -> str:
        parameter = self._parameters.get(change.name)
        if parameter is None:
            return ''
        in_use = parameter.change is Change.UNCONFIGURED and self._is_configured()
        if in_use and not self._is_storing:
            return (
                f"'{change.name}' is in use; deactivate and clean up the node, "
                'set it, then configure again'
            )
        return parameter.problem_with(change.value)
