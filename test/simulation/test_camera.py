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


import numpy as np
import pytest

from surgseg_ros.simulation import StereoCamera


@pytest.fixture
def camera() -> StereoCamera:
    return StereoCamera.centered(1280, 1024, focal_length=1050.0, baseline=0.0044)


def test_focal_length_scales_with_the_width(camera):
    half = StereoCamera.centered(640, 512, focal_length=1050.0, baseline=0.0044)
    assert camera.fx == 1050.0
    assert half.fx == half.fy == 525.0


def test_optical_axis_meets_the_middle_of_the_image(camera):
    assert camera.project(np.array([0.0, 0.0, 0.1])) == pytest.approx((639.5, 511.5))


def test_axes_follow_rep_103(camera):
    x, y = camera.project(np.array([0.01, 0.02, 0.1]))
    assert (x, y) == pytest.approx((639.5 + 105.0, 511.5 + 210.0))


def test_back_projection_inverts_projection(camera):
    points = np.array([[0.01, -0.02, 0.08], [-0.03, 0.0, 0.2]])
    pixels = camera.project(points)
    assert camera.back_project(pixels, points[:, 2]) == pytest.approx(points)


def test_rays_go_through_pixel_centers(camera):
    rays = camera.rays()
    assert rays.shape == (1024, 1280, 3)
    assert camera.project(rays[100, 200]) == pytest.approx((200, 100), abs=1e-3)
