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

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue

from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.eye_statistics import EyeSummary
from surgseg_ros.nodes.frame_slots import FrameCounts

FAST_DDS_PROFILE = 'share/surgseg_ros/config/fastdds_large_images.xml'


def explain_silence(topic: str, publishers: int, received: int, silence_s: float) -> str:
    """
    Say why no image may be arriving, and what to do.

    :param topic: full name of the image topic
    :param publishers: number of publishers on it
    :param received: number of images received since activation
    :param silence_s: seconds without an image
    """
    silence = f'no image on {topic} for {silence_s:.0f} s'
    if publishers == 0:
        return (
            f'{silence}: nobody publishes it; start the camera, '
            'or remap the topic to its name (ros2 topic list)'
        )
    if received > 0:
        return f'{silence}: its {publishers} publisher(s) stopped sending; check the camera'
    return (
        f'{silence} although {publishers} publisher(s) exist: the stock Fast DDS loses images '
        'over 500 kB between processes. Set FASTDDS_DEFAULT_PROFILES_FILE (up to Jazzy '
        f'FASTRTPS_DEFAULT_PROFILES_FILE) to {FAST_DDS_PROFILE} for the camera and for this node, '
        'and check that a best-effort publisher is not met by reliability:=reliable'
    )


def eye_status(
    name: str, counts: FrameCounts, summary: EyeSummary, silence: str
) -> DiagnosticStatus:
    """
    Describe one eye.

    :param name: of the status
    :param counts: frame counters
    :param summary: timing
    :param silence: why no images arrive, empty while they do
    """
    return DiagnosticStatus(
        name=name,
        level=_eye_level(summary, silence),
        message=silence or _eye_message(summary),
        values=_values(
            {
                'received': counts.received,
                'processed': counts.processed,
                'replaced': counts.replaced,
                'stale': counts.stale,
                'rejected': counts.rejected,
                'pending': counts.pending,
                'dropped': counts.dropped,
                **{f'rejected_{cause}': count for cause, count in summary.rejected.items()},
                'rate_hz': f'{summary.rate_hz:.2f}',
                **_latency_values(summary),
                'age_ms': 'n/a' if summary.age_ms is None else f'{summary.age_ms:.2f}',
                'last_error': summary.last_error,
            }
        ),
    )


def model_status(name: str, segmenter: Segmenter) -> DiagnosticStatus:
    """
    Describe the network that is running.

    :param name: of the status
    :param segmenter: a loaded segmenter
    """
    return DiagnosticStatus(
        name=name,
        level=DiagnosticStatus.OK,
        message=f'{segmenter.checkpoint_name} on {segmenter.device}',
        hardware_id=segmenter.device,
        values=_values(
            {
                'checkpoint': segmenter.checkpoint_name,
                'model': segmenter.model_name,
                'task': segmenter.label_set.name,
                'branch': segmenter.branch,
                'backend': segmenter.backend,
                'device': segmenter.device,
                'input_size': 'x'.join(str(length) for length in segmenter.input_size),
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


def _eye_level(summary: EyeSummary, silence: str) -> bytes:
    return DiagnosticStatus.WARN if silence or summary.rejected else DiagnosticStatus.OK


def _eye_message(summary: EyeSummary) -> str:
    if summary.last_error:
        return f'{summary.rate_hz:.1f} Hz; rejected images, the last one: {summary.last_error}'
    return f'{summary.rate_hz:.1f} Hz'


def _latency_values(summary: EyeSummary) -> dict[str, str]:
    names = ('latency_p50_ms', 'latency_p95_ms', 'latency_p99_ms')
    if not summary.latency_ms:
        return dict.fromkeys(names, 'n/a')
    return {name: f'{value:.2f}' for name, value in zip(names, summary.latency_ms, strict=True)}


def _values(entries: dict[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=str(value)) for key, value in entries.items()]
