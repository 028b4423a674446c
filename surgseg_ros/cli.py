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

"""The ``surgseg`` command."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import sys

from tqdm.contrib.logging import logging_redirect_tqdm

from surgseg_ros import __version__
from surgseg_ros.commands import adapt
from surgseg_ros.commands import benchmark
from surgseg_ros.commands import evaluate
from surgseg_ros.commands import export
from surgseg_ros.commands import models
from surgseg_ros.commands import predict
from surgseg_ros.commands import prepare
from surgseg_ros.commands import reproduce
from surgseg_ros.commands import score_real
from surgseg_ros.commands import train
from surgseg_ros.commands import weights
from surgseg_ros.commands.arguments import use_bits

COMMANDS = (
    *(predict, evaluate, score_real, prepare, train, adapt, reproduce, weights, models, export),
    benchmark,
)

DESCRIPTION = 'Segment surgical instruments in endoscope images.'
EPILOG = """examples:
  surgseg predict --input frames/ --output labels/ --overlay
  surgseg predict --stereo --left left/ --right right/ --calibration calibration.json \\
      --output positions/ --overlay
  surgseg evaluate --predictions labels/ --ground-truth masks/ --task binary
  surgseg evaluate --tracks --scenes crossing,reentry --output pictures/
  surgseg score-real --data real/ --checkpoint runs/first/best.safetensors --output scores/
  surgseg prepare --input endovis2017/ --output prepared/
  surgseg prepare --simulate --output simulated/ --videos 8 --frames 30
  surgseg train --recipe mffnet_cpu --data simulated/ --output runs/first
  surgseg adapt --input surgery.mp4 --output surgery.safetensors
  surgseg models
  surgseg export --checkpoint model_0.pt --to safetensors --output model_0.safetensors
  surgseg benchmark --markdown benchmark.md --plot benchmark.png
  surgseg benchmark --node --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    :return: exit code: 0 success, 1 the work failed, 2 wrong arguments, 130 interrupted
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser().parse_args(typed, argparse.Namespace(typed=typed))
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        if 'bits' in parsed:
            use_bits(parsed.bits)
        # A warning gets a line of its own, above the progress bar.
        with logging_redirect_tqdm():
            return run(parsed)
    except KeyboardInterrupt:
        print('interrupted; what was written so far is complete', file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(f'surgseg: error: {error}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'surgseg',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    commands = parser.add_subparsers(title='commands', required=True, metavar='COMMAND')
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


if __name__ == '__main__':
    sys.exit(main())
