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

import json

from matplotlib.colors import to_hex

from surgseg_ros.benchmark.plot import COLORS
from surgseg_ros.benchmark.plot import draw_plot
from surgseg_ros.benchmark.report import format_markdown
from surgseg_ros.benchmark.report import warnings_of
from surgseg_ros.benchmark.report import write_files
from surgseg_ros.decoding.image_files import read_image


def cells(line):
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_markdown_has_every_row_and_what_belongs_to_them(sample):
    text = format_markdown(sample(), 'plot.png')
    lines = [line for line in text.splitlines() if '| openvino ' in line and '| auxiliary' in line]
    assert cells(lines[0]) == [
        *('mffnet', 'auxiliary', 'openvino', 'fp32', '90.0', '90.0', '90.0', '11.1'),
        *('91.0', '91.0', '', '0.45', '0.900', '333', '56%', '100', '99.990%', '2'),
    ]
    assert '## 640x512, one image' in text
    assert '![Times of the networks](plot.png)' in text
    assert 'LinkNet-34 (Shvets et al. 2018)' in text
    assert '- tensorrt: no GPU' in text
    assert 'surgseg benchmark --sizes 640x512\n```' in text
    assert 'Note' not in text


def test_a_busy_computer_and_an_interrupt_are_told(sample):
    busy, interrupted = warnings_of(sample(foreign_load=0.4, interrupted=True))
    assert '40% of the cores' in busy
    assert 'not everything' in interrupted
    assert f'**Note:** {busy}.' in format_markdown(sample(foreign_load=0.4))


def test_files_are_written_and_the_report_shows_the_plot(sample, tmp_path):
    folder = tmp_path / 'new'
    files = folder / 'a.json', folder / 'a.md', folder / 'plots' / 'a.png'
    write_files(sample(), *files)
    assert json.loads(files[0].read_text()) == json.loads(json.dumps(sample()))
    assert '(plots/a.png)' in files[1].read_text()
    picture = read_image(files[2])
    assert picture.shape[1] == 1400
    assert picture.min() < 50
    assert picture.max() == 255


def bars_of(axes):
    """Return length and color of the bars from top to bottom."""
    bars = sorted(axes.patches, key=lambda bar: bar.get_y())
    return [(bar.get_width(), to_hex(bar.get_facecolor())) for bar in bars]


def test_bars_are_as_long_as_the_times(sample):
    (axes,) = draw_plot(sample()).axes
    eager, openvino = COLORS['eager'], COLORS['openvino']
    assert bars_of(axes) == [
        *((200, eager), (100, openvino), (90, openvino)),
        *((400, eager), (200, openvino)),
    ]
    assert axes.get_title('left') == '640x512, one image'
    assert axes.get_xlabel() == 'median time of a pass [ms]'
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ['mffnet\nmain', 'mffnet\nauxiliary', 'linknet34\nmain']
    assert {'400 ms', '90 ms'} <= {text.get_text() for text in axes.texts}


def test_every_size_and_batch_has_a_panel(sample):
    rows = sample()['rows']
    changed = [{**row, 'batch': 2, 'p95_ms': 9999.0} for row in rows]
    upper, lower = draw_plot(sample(rows=[*rows, *changed])).axes
    assert lower.get_title('left') == '640x512, batch of 2'
    assert len(upper.patches) == len(lower.patches) == len(rows)
    # A single slow pass leaves the bars their room and is told in words.
    assert lower.get_xlim()[1] < 1000
    assert sum('95 %: 9999 ms' in text.get_text() for text in lower.texts) == len(rows)


def test_the_legend_has_the_backends_that_ran_and_the_warning(sample):
    figure = draw_plot(sample(), 'a busy computer')
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *('eager: as the papers ran it', 'openvino', 'up to 95 % of the passes'),
    ]
    assert legend.get_title().get_text() == 'a busy computer'
    titles = [text.get_text() for text in figure.texts]
    assert titles == ['Forward pass on Some CPU, 2 threads']


def test_nothing_measured_is_a_report_too(sample, tmp_path):
    empty = sample(rows=[], targets=[], peak_gflop_per_s={})
    write_files(empty, None, tmp_path / 'a.md', tmp_path / 'a.png')
    assert '## Not measured' in (tmp_path / 'a.md').read_text()
