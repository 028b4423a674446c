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
What is known of each network, for the tests that all of them share.

A registered network is tested without an entry here; the entries add the facts that only its paper
or its authors' code can say, and the variants that options make.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import SegmentationNetwork
from surgseg_ros.models.mffnet import RELEASED_OPTIONS

REFERENCE_FOLDER = Path(__file__).parent / 'reference'
SIZES = ((1280, 1024), (640, 512), (320, 256))


@dataclass(frozen=True)
class Variant:
    """
    A network with options, and what must be true of it.

    :param task: task that the counts are for
    :param parameters: exact count; 0: unknown
    :param gflops: a branch's cost at each of :data:`SIZES`, 1e9 operations
    :param reference: list of the names and shapes of the reference implementation's tensors
    :param aliases: prefix of names that the reference has twice
    :param trains_on_one_image: whether a training step works with a batch of one
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    task: str = 'binary'
    parameters: int = 0
    gflops: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    reference: str = ''
    aliases: str = ' '
    trains_on_one_image: bool = True

    def create(self, task: str = '', **options: Any) -> SegmentationNetwork:
        """Create the network, for another task or with further options if given."""
        return create_model(self.model, task or self.task, **{**self.options, **options})


ONE_LOGIT = {'single_logit': True}

_KNOWN = {
    'agsd_unet': Variant('agsd_unet', ONE_LOGIT, parameters=31_031_745),
    'agsd_unet_resnet18': Variant(
        'agsd_unet',
        {**ONE_LOGIT, 'encoder': 'resnet18'},
        parameters=11_655_452,
        gflops={'main': (125.35, 31.34, 7.83)},
    ),
    'color_linear': Variant('color_linear', parameters=8),
    'linknet34': Variant(
        'linknet34',
        ONE_LOGIT,
        parameters=21_794_721,
        gflops={'main': (232.95, 58.23, 14.55)},
        reference='keys_ternaus_LinkNet34_c1.txt',
    ),
    'mffnet': Variant(
        'mffnet',
        parameters=14_906_276,
        gflops={'main': (121.12, 30.28, 7.57), 'auxiliary': (115.00, 28.75, 7.19)},
    ),
    'mffnet_released': Variant(
        'mffnet',
        RELEASED_OPTIONS,
        parameters=14_227_490,
        gflops={'main': (126.49, 31.62, 7.91)},
    ),
    'rasnet': Variant(
        'rasnet',
        parameters=32_582_594,
        gflops={'main': (322.92, 80.73, 20.19)},
        trains_on_one_image=False,
    ),
    'rasnet_without_attention': Variant('rasnet', {'attention': False}, parameters=31_202_754),
    'smp_unet_resnet34': Variant(
        'smp_unet_resnet34',
        task='sar_rarp50',
        parameters=24_437_674,
        gflops={'main': (315.96, 78.99, 19.75)},
        reference='keys_smp_Unet_resnet34_c10.txt',
    ),
    'ternausnet11': Variant(
        'ternausnet11',
        ONE_LOGIT,
        parameters=25_364_513,
        gflops={'main': (1096.47, 274.12, 68.53)},
        reference='keys_ternaus_UNet11_c1.txt',
        aliases='encoder.',
    ),
    'ternausnet16': Variant(
        'ternausnet16',
        ONE_LOGIT,
        parameters=32_202_337,
        gflops={'main': (1598.45, 399.61, 99.90)},
        reference='keys_ternaus_UNet16_c1.txt',
        aliases='encoder.',
    ),
    'unet': Variant(
        'unet',
        ONE_LOGIT,
        parameters=7_846_657,
        gflops={'main': (530.83, 132.71, 33.18)},
        reference='keys_ternaus_UNet_c1.txt',
    ),
}

VARIANTS = {**{name: Variant(name) for name in list_models()}, **_KNOWN}
"""Every registered network and every variant with facts of its own, by a name for the test."""


def read_reference(variant: Variant) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the reference implementation's tensors by name, aliases left out."""
    shapes = {}
    for line in (REFERENCE_FOLDER / variant.reference).read_text(encoding='utf-8').splitlines():
        if line.startswith(('#', variant.aliases)):
            continue
        name, shape = line.split('\t')
        shapes[name] = tuple(int(size) for size in shape.strip('(,)').split(',') if size.strip())
    return shapes
