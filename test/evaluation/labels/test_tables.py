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


"""Tests of the tables of scores."""

import cv2
import numpy as np

from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.evaluation.labels.scores import score_frames
from surgseg_ros.evaluation.labels.tables import format_scores


def test_tables_have_percent_and_pixels():
    truth = np.zeros((10, 10), np.uint8)
    cv2.rectangle(truth, (2, 2), (5, 5), 1, -1)
    moved = np.roll(truth, 2, axis=1)
    frames = [LabeledFrame('a', '0', truth, moved), LabeledFrame('b', '0', truth, None)]
    text = format_scores(score_frames(frames, 'parts', surface=True).to_dict())
    rows = {
        cells[0]: cells[1:]
        for line in text.splitlines()
        if line.startswith('|') and (cells := [cell.strip() for cell in line[1:-1].split('|')])
    }
    assert 'Task parts, 2 frames, 1 without prediction scored 0' in text
    assert rows['dice_ternaus'] == ['25.00 (25.00)', '25.00', '50.00', '0.00']
    assert rows['hausdorff'] == ['2.00', '-', '-']
    assert rows['frames_predicted'] == ['1', '0', '0']
