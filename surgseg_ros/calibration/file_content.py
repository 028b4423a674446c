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

"""Calibration files as mappings: JSON, YAML, and YAML, XML and JSON of OpenCV's FileStorage."""

from collections import Counter
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
import json
from pathlib import Path
import re
from typing import Any
from xml.etree import ElementTree

import yaml

from surgseg_ros.calibration.camera import CalibrationError

MAX_BYTES = 2**20
"""A calibration is a page of numbers; with all corners of a board it stays below this."""
KINDS = 'JSON, YAML, or the XML or YAML of OpenCV'
_REMEDY = 'give one in a format of docs/inputs.md'
_WRAPPED = {'rectified_pair', 'left', 'right', 'Left', 'Right'}
"""Entries that mean something although they are the only one."""
_UTF_16 = (b'\xff\xfe', b'\xfe\xff')
_YAML_LOADER: Any = getattr(yaml, 'CBaseLoader', yaml.BaseLoader)


def read_mapping(path: Path) -> Mapping[str, Any]:
    """
    Read a file, whatever its format is; the content decides, not the suffix.

    Numbers of YAML and XML stay text, so that ``1e-05`` and ``.Nan`` are not guessed at here.

    :raises CalibrationError: if it cannot be read, is no such file or repeats an entry
    """
    text = _read_text(path)
    if not text.strip():
        raise CalibrationError(f"'{path}' is empty; give a calibration file ({KINDS})")
    try:
        content = _parse(text)
    except (ValueError, RecursionError, yaml.YAMLError, ElementTree.ParseError) as error:
        raise CalibrationError(
            f"'{path}' is no valid JSON, YAML or XML ({' '.join(str(error).split())}); {_REMEDY}"
        ) from error
    if not isinstance(content, Mapping):
        raise CalibrationError(
            f"'{path}' holds no calibration: it has no names of entries; {_REMEDY}"
        )
    return _unwrap(content)


def _unwrap(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is in the only entry, such as ``calibration`` or the ``cam0`` of one camera."""
    for name, value in content.items():
        if len(content) == 1 and isinstance(value, Mapping) and name not in _WRAPPED:
            return value
    return content


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CalibrationError(
                f"'{path}' is larger than {MAX_BYTES // 1024} KiB: no calibration; give one "
                f'({KINDS})'
            )
        data = path.read_bytes()
    except OSError as error:
        raise CalibrationError(
            f"cannot read the calibration '{path}': {error.strerror or error}; give a file "
            f'({KINDS})'
        ) from error
    try:
        return data.decode('utf-16' if data.startswith(_UTF_16) else 'utf-8-sig')
    except UnicodeDecodeError as error:
        raise CalibrationError(
            f"'{path}' is no text in UTF-8 (byte {error.start}); save it as {KINDS}"
        ) from error


def _parse(text: str) -> Any:
    start = text.lstrip()[:1]
    if start == '<':
        return _xml_value(ElementTree.fromstring(text.lstrip()))
    if start in '{[':
        try:
            return json.loads(text, object_pairs_hook=_unique)
        except json.JSONDecodeError as error:
            return _parse_flow_yaml(text, error)
    return _parse_yaml(text)


def _parse_flow_yaml(text: str, reason: json.JSONDecodeError) -> Any:
    """Return YAML that begins as JSON does; what is neither was meant to be JSON."""
    try:
        return _parse_yaml(text)
    except yaml.YAMLError:
        raise reason from None


def _parse_yaml(text: str) -> Any:
    # OpenCV writes %YAML:1.0, which no other reader takes, and EndoVis comments behind //.
    plain = re.sub(r'(?m)(^|\s)//.*$', '', re.sub(r'\A\s*%YAML.*\n', '', text))
    documents = [document for document in yaml.load_all(plain, Loader=_TextLoader) if document]
    if len(documents) > 1:
        raise ValueError(f'it holds {len(documents)} documents (---); keep one')
    return documents[0] if documents else None


class _TextLoader(_YAML_LOADER):
    """Leaves numbers text, does not mind tags, and refuses repeated entries."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping of YAML."""
        _check_unique(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        return super().construct_mapping(node, deep)


def _xml_value(element: ElementTree.Element) -> Any:
    """Return the text, the list (elements ``_``) or the mapping that an element holds."""
    children = list(element)
    if not children:
        return (element.text or '').strip()
    if all(child.tag == '_' for child in children):
        return [_xml_value(child) for child in children]
    return _unique([(child.tag, _xml_value(child)) for child in children])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _check_unique(name for name, _ in pairs)
    return dict(pairs)


def _check_unique(names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"the entry '{repeated[0]}' is there more than once; keep one")
