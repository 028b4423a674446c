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

from pathlib import Path

import pytest
import yaml

pytest.importorskip('rclpy')

from surgseg_ros.nodes.cameras.rigs import load_rigs

SHIPPED = Path(__file__).resolve().parents[3] / 'config' / 'rigs.yaml'
ENTRY = {
    'description': 'a rig',
    'image_transport': 'raw',
    'left': {'image': '/cam/left', 'camera_info': '/cam/info'},
}


def load(tmp_path, **changes):
    path = tmp_path / 'rigs.yaml'
    path.write_text(yaml.safe_dump({'mine': {**ENTRY, **changes}}), encoding='utf-8')
    return load_rigs(path)['mine']


def test_the_shipped_rigs_are_complete():
    rigs = load_rigs(SHIPPED)
    assert {'jhu_daVinci', 'stereo_source', 'davinci_endo', 'endoscope_simulator'} <= set(rigs)
    for rig in rigs.values():
        assert rig.description
        topics = [topic for eye in rig.eyes.values() for topic in (eye.image, eye.camera_info)]
        used = [topic for topic in topics if topic]
        assert len(set(used)) == len(used), f'{rig.name} uses a topic twice'
    assert load_rigs() == rigs


def test_a_raw_rig_maps_both_transports():
    assert load_rigs(SHIPPED)['jhu_daVinci'].remappings() == [
        ('left/image_raw/compressed', '/jhu_daVinci/left/image_raw/compressed'),
        ('left/image_raw', '/jhu_daVinci/left/image_raw'),
        ('left/camera_info', '/jhu_daVinci/left/camera_info'),
        ('right/image_raw/compressed', '/jhu_daVinci/right/image_raw/compressed'),
        ('right/image_raw', '/jhu_daVinci/right/image_raw'),
        ('right/camera_info', '/jhu_daVinci/right/camera_info'),
    ]


def test_the_images_of_a_compressed_rig_need_no_suffix():
    rigs = load_rigs(SHIPPED)
    assert rigs['sitl_ecm'].image_transport == 'compressed'
    remappings = dict(rigs['sitl_ecm'].remappings())
    assert remappings['left/image_raw/compressed'] == '/ecm/left/image_color'
    remappings = dict(rigs['jhu_daVinci_compressed'].remappings())
    assert remappings['left/image_raw'] == '/jhu_daVinci/left/image_raw'


def test_a_mono_rig_without_camera_info_maps_its_images_only(tmp_path):
    rig = load(tmp_path, left={'image': '/camera/image_raw'})
    assert list(rig.eyes) == ['left']
    assert [name for name, _ in rig.remappings()] == [
        'left/image_raw/compressed',
        'left/image_raw',
    ]


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'image_transport': 'theora'}, "choose 'raw' or 'compressed'"),
        ({'left': {'picture': '/cam/left'}}, 'picture'),
        ({'left': {'image': 'cam/left'}}, "relative: \\['cam/left'\\]"),
        ({'left': {}}, 'image'),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path, changes, reason):
    with pytest.raises(ValueError, match=f"rig 'mine' of .*{reason}"):
        load(tmp_path, **changes)
