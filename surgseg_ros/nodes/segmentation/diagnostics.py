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

"""Texts and messages that tell how the segmentation node is doing."""

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from surgseg_ros.decoding.encodings import quote
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.messages.diagnostics import make_key_values
from surgseg_ros.nodes.segmentation.eye_statistics import EyeSummary
from surgseg_ros.nodes.segmentation.pairing_statistics import PairingSummary
from surgseg_ros.nodes.segmentation.slots import FrameCounts
from surgseg_ros.nodes.segmentation.stereo_statistics import StereoSummary
from surgseg_ros.nodes.segmentation.variant_choice import VariantState

MOST = 0.5
FAST_DDS_PROFILE = 'share/surgseg_ros/config/fastdds_large_images.xml'
PROFILE_REMEDY = (
    'the stock Fast DDS loses images over 500 kB between processes. Set '
    'FASTDDS_DEFAULT_PROFILES_FILE (up to Jazzy FASTRTPS_DEFAULT_PROFILES_FILE) to '
    f'{FAST_DDS_PROFILE} for the camera and for this node'
)


@dataclass(frozen=True)
class EyeLimits:
    """
    When an eye is in trouble; the parameters of these names.

    :param input_timeout_s: longest silence (s)
    :param max_lost_fraction: largest share of images lost by the transport
    :param max_latency_ms: largest median latency (ms), 0: any
    """

    input_timeout_s: float
    max_lost_fraction: float
    max_latency_ms: float


def explain_silence(
    topic: str, publishers: int, received: int, silence_s: float
) -> tuple[str, str]:
    """
    Say why no image may be arriving, and what to do.

    Each cause is a kind of its own: when another one takes over, the log tells its remedy.

    :param topic: full name of the image topic
    :param publishers: number of publishers on it
    :param received: number of images received since activation
    :param silence_s: seconds without an image
    :return: kind of problem and explanation
    """
    silence = f'no image on {topic} for {silence_s:.0f} s'
    if publishers == 0:
        return 'publisher', (
            f'{silence}: nobody publishes it; start the camera, '
            'or remap the topic to its name (ros2 topic list)'
        )
    if received > 0:
        return 'silence', (
            f'{silence}: its {publishers} publisher(s) stopped sending; check the camera'
        )
    return 'delivery', (
        f'{silence} although {publishers} publisher(s) exist: {PROFILE_REMEDY}, '
        'and check that a best-effort publisher is not met by reliability:=reliable'
    )


def explain_loss(topic: str, lost_fraction: float) -> str:
    """
    Say why images are lost on the way, and what to do.

    :param topic: full name of the image topic
    :param lost_fraction: share of the images sent over the last seconds
    """
    return f'{lost_fraction:.0%} of the images on {topic} are lost on the way: {PROFILE_REMEDY}'


def find_eye_problems(
    topic: str, publishers: int, received: int, summary: EyeSummary, limits: EyeLimits
) -> dict[str, str]:
    """
    Find what is wrong with one eye, the most telling first.

    :param topic: full name of the image topic
    :param publishers: number of publishers on it
    :param received: number of images received since activation
    :return: an explanation by kind of problem, empty when all is well
    """
    problems = {}
    if summary.lost_fraction > limits.max_lost_fraction:
        problems['loss'] = explain_loss(topic, summary.lost_fraction)
    elif summary.silence_s >= limits.input_timeout_s:
        kind, explanation = explain_silence(topic, publishers, received, summary.silence_s)
        return {kind: explanation}
    if summary.recently_rejected:
        problems['rejected'] = f'rejected images, the last one: {summary.last_error}'
    # One image that a moving tool has blurred is no reason to warn.
    if summary.quality and summary.quality.problems and summary.poor_fraction > MOST:
        problems['quality'] = '; '.join(summary.quality.problems)
    if summary.bits_remark:
        problems['bits'] = summary.bits_remark
    if not summary.is_stamped:
        problems['stamp'] = (
            'the images have no stamp: trackers cannot pair them, and max_image_age_ms does not '
            'act; have the camera driver stamp them'
        )
    if summary.latency_ms and 0.0 < limits.max_latency_ms < summary.latency_ms[0]:
        problems['latency'] = (
            f'median latency {summary.latency_ms[0]:.0f} ms is above max_latency_ms '
            f'({limits.max_latency_ms:g}); a smaller input_size or branch auxiliary is faster'
        )
    return problems


def find_frame_id_notes(frame_ids: Mapping[str, str | None]) -> dict[str, str]:
    """
    Note what is unusual about frame ids; images pass with them unchanged.

    :param frame_ids: of the last images by eye, ``None`` where none came
    :return: notes by eye
    """
    known = {eye: frame_id for eye, frame_id in frame_ids.items() if frame_id is not None}
    notes: dict[str, str] = {}
    for eye, frame_id in known.items():
        if not frame_id:
            notes[eye] = 'frame_id is empty, tf cannot place the camera'
        elif frame_id.startswith('/'):
            notes[eye] = f'frame_id {quote(frame_id)} has a leading slash, which tf2 does not find'
        elif len(known) > 1 and len(set(known.values())) == 1:
            notes[eye] = (
                f'both eyes have the frame_id {quote(frame_id)}, tf cannot tell them apart'
            )
    return notes


def eye_status(
    name: str,
    counts: FrameCounts,
    summary: EyeSummary,
    problems: Mapping[str, str],
    is_listening: bool = True,
    frame_id_note: str = '',
) -> DiagnosticStatus:
    """
    Describe one eye.

    :param name: of the status
    :param counts: frame counters
    :param summary: timing
    :param problems: explanations by kind; empty when all is well
    :param is_listening: false while the node is paused
    :param frame_id_note: see :func:`find_frame_id_notes`
    """
    normal = f'{summary.rate_hz:.1f} Hz' if is_listening else 'paused by ~/enable'
    return DiagnosticStatus(
        name=name,
        level=DiagnosticStatus.WARN if problems else DiagnosticStatus.OK,
        message='; '.join([*problems.values()] or [normal]),
        values=make_key_values(
            {
                'received': counts.received,
                'processed': counts.processed,
                'replaced': counts.replaced,
                'stale': counts.stale,
                'rejected': counts.rejected,
                'pending': counts.pending,
                'dropped': counts.dropped,
                **{f'rejected_{cause}': count for cause, count in summary.rejected.items()},
                'lost': summary.lost,
                'lost_fraction': f'{summary.lost_fraction:.3f}',
                'input_rate_hz': f'{summary.input_rate_hz:.2f}',
                'rate_hz': f'{summary.rate_hz:.2f}',
                **_latency_values(summary),
                'age_ms': 'n/a' if summary.age_ms is None else f'{summary.age_ms:.2f}',
                **_quality_values(summary),
                'frame_id_note': frame_id_note,
                'last_error': summary.last_error,
            }
        ),
    )


def stereo_status(
    name: str,
    pairing: PairingSummary,
    stereo: StereoSummary,
    problems: Mapping[str, str],
) -> DiagnosticStatus:
    """
    Describe how well both eyes belong together, and what comes of it.

    :param name: of the status
    :param problems: explanations by kind
    """
    fraction, gap, times = pairing.paired_fraction, pairing.stamp_gap_ms, stereo.processing_ms
    apart = 'no pair yet' if gap is None else f'stamps {gap[0]:.1f} ms apart'
    return DiagnosticStatus(
        name=name,
        level=DiagnosticStatus.WARN if problems else DiagnosticStatus.OK,
        message='; '.join(problems.values() or filter(None, (apart, stereo.problem))),
        values=make_key_values(
            {
                'paired_fraction': 'n/a' if fraction is None else f'{fraction:.3f}',
                'stamp_gap_p50_ms': 'n/a' if gap is None else f'{gap[0]:.3f}',
                'stamp_gap_p95_ms': 'n/a' if gap is None else f'{gap[1]:.3f}',
                'positions': stereo.problem or 'published',
                'pairs': stereo.pairs,
                'located': stereo.located,
                'unsynchronized': stereo.unsynchronized,
                'positions_p50_ms': 'n/a' if times is None else f'{times[0]:.3f}',
                'positions_p95_ms': 'n/a' if times is None else f'{times[1]:.3f}',
            }
        ),
    )


def model_status(
    name: str,
    segmenter: Segmenter,
    variant: VariantState | None = None,
    failures_in_a_row: int = 0,
    warning: str = '',
) -> DiagnosticStatus:
    """
    Describe the network that is running.

    :param name: of the status
    :param segmenter: a loaded segmenter
    :param variant: branch and size in use, ``None`` while nothing is segmented
    :param failures_in_a_row: inferences that failed since the last that did not
    :param warning: what a user should know at every moment, such as a fallback to the CPU
    """
    level, message = DiagnosticStatus.OK, f'{segmenter.checkpoint_name} on {segmenter.device}'
    if variant is not None and variant.missed_deadline_s is not None:
        level = DiagnosticStatus.WARN
        message = f'the deadline of {1e3 * variant.missed_deadline_s:.0f} ms is not kept'
    if warning:
        level, message = DiagnosticStatus.WARN, warning
    if failures_in_a_row:
        level = DiagnosticStatus.ERROR
        message = f'the last {failures_in_a_row} inferences failed; see last_error of the eyes'
    memory = segmenter.device_memory_bytes
    return DiagnosticStatus(
        name=name,
        level=level,
        message=message,
        hardware_id=segmenter.device,
        values=make_key_values(
            {
                'checkpoint': segmenter.checkpoint_name,
                'model': segmenter.model_name,
                'task': segmenter.label_set.name,
                'branch': segmenter.branch if variant is None else variant.variant,
                'branch_reason': '' if variant is None else variant.reason,
                'backend': segmenter.backend,
                'backend_reason': segmenter.backend_reason,
                'precision': segmenter.precision,
                'device': segmenter.device,
                'device_memory_mb': 'n/a' if memory is None else f'{memory / 2**20:.1f}',
                'input_size': 'x'.join(str(length) for length in segmenter.input_size),
                'failures_in_a_row': failures_in_a_row,
            }
        ),
    )


def idle_status(name: str, problem: str) -> DiagnosticStatus:
    """
    Describe a node without a network.

    :param name: of the status
    :param problem: why it could not be configured, empty if nobody asked for it
    """
    return DiagnosticStatus(
        name=name,
        level=DiagnosticStatus.ERROR if problem else DiagnosticStatus.OK,
        message=problem or 'unconfigured',
    )


def _latency_values(summary: EyeSummary) -> dict[str, str]:
    names = ('latency_p50_ms', 'latency_p95_ms', 'latency_p99_ms')
    if not summary.latency_ms:
        return dict.fromkeys(names, 'n/a')
    return {name: f'{value:.2f}' for name, value in zip(names, summary.latency_ms, strict=True)}


def _quality_values(summary: EyeSummary) -> dict[str, str]:
    quality = summary.quality
    if quality is None:
        return dict.fromkeys(('brightness', 'overexposed_fraction', 'sharpness'), 'n/a')
    return {
        'brightness': f'{quality.mean_luminance:.1f}',
        'overexposed_fraction': f'{quality.overexposed_fraction:.3f}',
        'sharpness': f'{quality.sharpness:.4g}',
    }
