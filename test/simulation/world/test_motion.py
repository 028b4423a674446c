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


import pytest

from surgseg_ros.simulation import InstrumentScript
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation import Waypoint
from surgseg_ros.simulation.names import INSTRUMENT_NAMES

WAYPOINTS = (Waypoint(0.0, 0.4, 0.5, 0.08, 0.6), Waypoint(1.0, 0.5, 0.3, 0.1, 0.0))


@pytest.mark.parametrize('name', INSTRUMENT_NAMES)
def test_the_tip_passes_its_waypoints_with_any_wrist(name):
    script = InstrumentScript(WAYPOINTS, entry=2.5, roll=0.7, wrist_pitch=-0.3, wrist_yaw=0.4)
    options = SceneOptions(
        width=320,
        height=256,
        rate_hz=1.0,
        eyes=('left',),
        num_instruments=1,
        instrument_types=(name,),
        camera_motion=0.0,
    )
    with StereoEndoscopeSimulator(options, scripts=(script,), render_images=False) as simulator:
        for point in WAYPOINTS:
            truth = simulator.step().left.instruments[0]
            assert truth.tip_px + 0.5 == pytest.approx((320 * point.x, 256 * point.y), abs=1e-6)
            assert truth.tip[2] == pytest.approx(point.depth, abs=1e-9)
            assert truth.jaw_angle == pytest.approx(point.jaw_angle)


def test_the_tip_rests_at_waypoints_and_outside_the_script():
    script = InstrumentScript(WAYPOINTS, entry=0.0)
    assert script.at(-1.0).x == script.at(0.0).x == 0.4
    assert script.at(5.0).depth == script.at(1.0).depth == 0.1
    assert script.at(0.5).x == pytest.approx(0.45)
    for time, inward in ((0.0, 1e-3), (1.0, -1e-3)):
        assert abs(script.at(time + inward).x - script.at(time).x) < 1e-8


def test_one_waypoint_is_a_still_instrument():
    script = InstrumentScript(WAYPOINTS[:1], entry=0.0)
    assert script.at(3.0).y == 0.5


@pytest.mark.parametrize('waypoints', [(), WAYPOINTS[::-1], (WAYPOINTS[0], WAYPOINTS[0])])
def test_scripts_without_rising_times_are_refused(waypoints):
    with pytest.raises(ValueError, match='waypoint'):
        InstrumentScript(waypoints, entry=0.0)


def test_every_instrument_needs_a_script():
    script = InstrumentScript(WAYPOINTS, entry=0.0)
    with pytest.raises(ValueError, match='1 scripts for 2 instruments'):
        StereoEndoscopeSimulator(SceneOptions(num_instruments=2), scripts=(script,))
