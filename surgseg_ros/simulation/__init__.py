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
Stereo endoscope simulator with exact ground truth.

- :mod:`.simulator`: ``StereoEndoscopeSimulator``, frame by frame; start here
- :mod:`.options`, :mod:`.names`: what a scene looks like; :mod:`.randomization`: ranges of the
  randomized ones
- :mod:`.scripted_scenes`: short named scenes for judging trackers
- :mod:`.world`: what is in front of the camera; :mod:`.rendering`: identity, depth and shading of
  its pixels; :mod:`.imaging`: what lens, camera and recorder do to the image
- :mod:`.camera`, :mod:`.noise`, :mod:`.randomness`, :mod:`.memory`: what all of them use
"""

from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.rendering.offscreen import RenderingError
from surgseg_ros.simulation.scripted_scenes import BlindSpell
from surgseg_ros.simulation.scripted_scenes import get_scripted_scene
from surgseg_ros.simulation.scripted_scenes import SCRIPTED_SCENES
from surgseg_ros.simulation.scripted_scenes import ScriptedScene
from surgseg_ros.simulation.simulator import EyeFrame
from surgseg_ros.simulation.simulator import InstrumentTruth
from surgseg_ros.simulation.simulator import randomized_frames
from surgseg_ros.simulation.simulator import StereoEndoscopeSimulator
from surgseg_ros.simulation.simulator import StereoFrame
from surgseg_ros.simulation.world.motion import InstrumentScript
from surgseg_ros.simulation.world.motion import Waypoint

__all__ = [
    'SCRIPTED_SCENES',
    'BlindSpell',
    'EyeFrame',
    'InstrumentScript',
    'InstrumentTruth',
    'RenderingError',
    'SceneOptions',
    'ScriptedScene',
    'StereoCamera',
    'StereoEndoscopeSimulator',
    'StereoFrame',
    'Waypoint',
    'get_scripted_scene',
    'randomized_frames',
]
