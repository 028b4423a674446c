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

"""Hundreds of malformed and hostile messages: each counted, every good frame between answered."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from itertools import cycle
from itertools import islice
import math

from faults import COMPRESSED_FAULTS
from faults import Fault
from faults import good_image
from faults import good_png
from faults import IMAGE_FAULTS
from faults import LEGAL
from faults import MASK
from faults import MAX_IMAGE_PIXELS
from faults import unreadable_payloads
from measurements import adds_up
from measurements import counts_of
from measurements import gained_counts
from measurements import report
from measurements import sample_process
from node_process import NodeProcess
from node_process import wait_until
import numpy as np
import pytest
from rclpy.publisher import Publisher
from rig import next_header
from rig import parameters_for
from rig import Rig
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from station import MessageLog
from targets import draw_rectangle
from visualization_msgs.msg import MarkerArray

IMAGE_MESSAGES = 7 * len(IMAGE_FAULTS)
COMPRESSED_MESSAGES = 3 * len(COMPRESSED_FAULTS)
MOST_GROWTH_MB = 20.0
LONGEST_LINE = 2000
LOG_TIMEOUT_S = 10.0
MARKER_TRIES = 20
EYE, OTHER_EYE = 'left', 'right'
MANY_BYTES = 500_000


@pytest.fixture(scope='module')
def process(start_module_node, target_checkpoint) -> NodeProcess:
    parameters = parameters_for(target_checkpoint, max_image_pixels=MAX_IMAGE_PIXELS)
    return start_module_node('segmentation_node', parameters)


@pytest.fixture(scope='module')
def rig(module_station, process) -> Rig:
    return Rig(module_station)


class Campaign:
    """
    Send faults to one eye, a good frame after each, and count what must become of them.

    :param rig: around the node
    :param make_good: makes the good frame with a header
    """

    def __init__(self, rig: Rig, make_good: Callable[[object], Image | CompressedImage]) -> None:
        self._rig = rig
        self._camera = rig.cameras[EYE]
        self._make_good = make_good
        self.rejected: Counter[str] = Counter()
        self.answered = 0

    def run(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self._send(fault)

    def _send(self, fault: Fault) -> None:
        msg = fault.make(next_header())
        if isinstance(msg, Image | CompressedImage) and len(msg.data) > MANY_BYTES:
            self._send_slowly(msg)
        else:
            self._camera.publish(msg)
        if fault.cause is LEGAL:
            self._check_answer(msg, fault.name, 0)
            return
        # The worker takes both eyes at once. When the other eye is answered, which the fault does
        # not touch, it has this message, and the next one cannot replace it.
        other = self._rig.send(OTHER_EYE, MASK)
        label_image, _ = self._rig.answer(OTHER_EYE, other)
        np.testing.assert_array_equal(label_image, MASK, f'beside {fault.name}')
        self.rejected[fault.cause] += 1
        good = self._make_good(next_header())
        self._camera.publish(good)
        self._check_answer(good, f'after {fault.name}', 1)

    def _send_slowly(self, msg: Image | CompressedImage) -> None:
        """Send a message and wait until it is counted: small ones may overtake it on the way."""
        received = int(self._rig.present_status(EYE)['received'])
        self._camera.publish(msg)
        self._rig.wait_for_status(EYE, lambda values: int(values['received']) > received)

    def _check_answer(self, msg: Image | CompressedImage, what: str, dropped: int) -> None:
        label_image, instruments = self._rig.answer(EYE, msg.header)
        np.testing.assert_array_equal(label_image, MASK, what)
        assert instruments.frames_dropped == dropped, what
        assert len(instruments.instruments) == 1, what
        self.answered += 1


def check_campaign(
    rig: Rig,
    process: NodeProcess,
    campaign: Campaign,
    faults: Sequence[Fault],
    number: int,
    record_property: Callable[[str, object], None],
) -> None:
    """Send a number of faults and check counters, memory and log."""
    before = rig.present_status(EYE)
    warm_up = number // 3
    messages = islice(cycle(faults), number)
    campaign.run(islice(messages, warm_up))
    warm = sample_process(process.pid)
    campaign.run(messages)
    end = sample_process(process.pid)
    after = rig.present_status(EYE)
    gained = gained_counts(counts_of(before), counts_of(after))
    growth_mb = end.rss_mb - warm.rss_mb
    report(
        record_property,
        messages=f'{number} of {len(faults)} kinds, {sum(campaign.rejected.values())} to reject',
        rejected=dict(campaign.rejected),
        answered_exactly=campaign.answered,
        counters=gained,
        memory=f'{warm.rss_mb:.1f} MiB after {warm_up}, {growth_mb:+.1f} MiB after {number}',
        log_bytes=len(process.output),
    )
    assert process.is_running()
    for cause, count in campaign.rejected.items():
        assert int(after[f'rejected_{cause}']) == count, cause
    assert gained.rejected == sum(campaign.rejected.values())
    assert gained.processed == campaign.answered
    assert gained.replaced == gained.stale == gained.pending == 0
    assert adds_up(counts_of(after))
    assert growth_mb < MOST_GROWTH_MB
    # The other eye has not noticed anything.
    assert rig.present_status(OTHER_EYE)['rejected'] == '0'
    check_log(process.output, campaign.rejected)


def check_log(text: str, causes: Iterable[str]) -> None:
    """Check that the log tells each cause once, in a line that a terminal can show."""
    for cause in causes:
        assert text.count(f'{EYE}: image rejected ({cause})') == 1, cause
    assert 'Traceback (most recent' not in text
    assert max(len(line) for line in text.splitlines()) < LONGEST_LINE
    assert all(line.isprintable() for line in text.split('\n'))


def test_malformed_images_are_counted_and_good_ones_answered(rig, process, record_property):
    campaign = Campaign(rig, good_image)
    assert IMAGE_MESSAGES >= 300
    check_campaign(rig, process, campaign, IMAGE_FAULTS, IMAGE_MESSAGES, record_property)


def test_payloads_that_are_no_images_are_survived(rig, process, record_property):
    payloads = unreadable_payloads(next_header())
    for name, payload in payloads.items():
        rig.cameras[EYE].publish(payload)
        label_image, _ = rig.answer(EYE, rig.send(EYE, MASK))
        np.testing.assert_array_equal(label_image, MASK, name)
    assert process.is_running()
    assert adds_up(counts_of(rig.present_status(EYE)))
    report(record_property, payloads=f'{len(payloads)}, each followed by an exact answer')


@pytest.mark.parametrize(
    'frame_id',
    ['/' + 'f' * 100_000, '/\x1b[2J\na forged line'],
    ids=['giant', 'non-printable'],
)
def test_a_hostile_frame_id_is_copied_and_noted_in_one_short_line(rig, process, frame_id):
    for eye in rig.cameras:
        rig.answer(eye, rig.send(eye, MASK, frame_id=f'{eye}_camera'))
    rig.wait_for_status(EYE, lambda values: not values['frame_id_note'])
    printed = len(process.output)
    header = rig.send(EYE, MASK, frame_id=frame_id)
    label_image, instruments = rig.answer(EYE, header)
    np.testing.assert_array_equal(label_image, MASK)
    assert instruments.header.frame_id == frame_id
    note = rig.wait_for_status(EYE, lambda values: values['frame_id_note'])['frame_id_note']
    assert 'leading slash' in note
    assert len(note) < LONGEST_LINE
    wait_until(lambda: 'leading slash' in process.output[printed:], LOG_TIMEOUT_S, 'the note')
    check_log(process.output[printed:], [])


@pytest.fixture(scope='module')
def pictures(rig) -> MessageLog:
    """Return the log of a picture that the node draws because of it."""
    log = rig.station.listen(CompressedImage, f'segmentation/{EYE}/overlay/compressed')
    rig.send_until(EYE, MASK, lambda: log.messages, 'a picture')
    return log


@pytest.mark.parametrize('size', [(1, 1), (1, 70_000), (70_000, 1), (3, 30_000)])
def test_extreme_sizes_are_answered_even_where_no_picture_can_be_drawn(
    rig, process, pictures, size
):
    width, height = size
    mask = draw_rectangle(width, height, (0, 0), (max(1, width // 2), max(1, height // 2)))
    np.testing.assert_array_equal(rig.answer(EYE, rig.send(EYE, mask))[0], mask)
    header = rig.send(EYE, MASK)
    np.testing.assert_array_equal(rig.answer(EYE, header)[0], MASK)
    pictures.wait_for_header(header)
    assert process.is_running()


@pytest.fixture(scope='module')
def calibration(rig) -> Publisher:
    return rig.station.advertise(CameraInfo, f'{EYE}/camera_info', reliable=False)


@pytest.fixture(scope='module')
def relayed(rig) -> MessageLog:
    return rig.station.listen(CameraInfo, f'segmentation/{EYE}/camera_info')


@pytest.mark.parametrize('k', [0.0, math.nan, math.inf, -1.0, 1e-300, 1e308])
def test_a_hostile_calibration_costs_no_answer_and_makes_no_wild_marker(
    rig, calibration, relayed, k
):
    markers = rig.station.listen(MarkerArray, f'segmentation/{EYE}/markers')
    hostile = CameraInfo(k=[k] * 9, d=[math.nan] * 50, distortion_model='x' * 10_000)

    def is_used():
        calibration.publish(hostile)
        return any(
            np.array_equal(message.k, hostile.k, equal_nan=True) for message in relayed.messages
        )

    rig.send_until(EYE, MASK, is_used, f'the calibration {k}')
    for _ in range(MARKER_TRIES):
        np.testing.assert_array_equal(rig.answer(EYE, rig.send(EYE, MASK))[0], MASK)
    points = [
        point
        for message in markers.messages
        for marker in message.markers
        for point in (marker.pose.position, *marker.points)
    ]
    assert all(math.isfinite(value) for p in points for value in (p.x, p.y, p.z))


def test_malformed_files_are_counted_and_good_ones_answered(
    start_node, station, target_checkpoint, record_property
):
    parameters = parameters_for(
        target_checkpoint, max_image_pixels=MAX_IMAGE_PIXELS, image_transport='compressed'
    )
    process = start_node('segmentation_node', parameters)
    rig = Rig(station, compressed=True)
    campaign = Campaign(rig, good_png)
    check_campaign(rig, process, campaign, COMPRESSED_FAULTS, COMPRESSED_MESSAGES, record_property)
