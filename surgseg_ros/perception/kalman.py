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

"""A Kalman filter for a point that moves at a nearly constant velocity."""

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np

# FilterPy would do, but it requires matplotlib, which no robot computer needs, and its last
# release is of 2018. These are the equations of a textbook.


@dataclass(frozen=True)
class ConstantVelocityFilter:
    """
    Position and velocity of a point in n dimensions, and how certain they are.

    The velocity changes by accelerations that are random, constant during a step and independent
    from one to the next (Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking
    and Navigation, section 6.3.2). Every method returns a new filter.

    :param state: (2n,) position and velocity
    :param covariance: (2n, 2n) of the state
    """

    state: np.ndarray
    covariance: np.ndarray

    @classmethod
    def start(
        cls, position: np.ndarray, covariance: np.ndarray, speed_std: float
    ) -> 'ConstantVelocityFilter':
        """
        Return the filter of a point that is seen for the first time.

        :param position: (n,)
        :param covariance: (n, n) of the position
        :param speed_std: standard deviation of each component of the unknown velocity
        """
        n = len(position)
        spread = np.zeros((2 * n, 2 * n))
        spread[:n, :n] = covariance
        spread[n:, n:] = speed_std**2 * np.eye(n)
        return cls(np.concatenate((position, np.zeros(n))), spread)

    @property
    def dimension(self) -> int:
        """Return n."""
        return len(self.state) // 2

    @property
    def position(self) -> np.ndarray:
        """Return (n,)."""
        return self.state[: self.dimension]

    @property
    def velocity(self) -> np.ndarray:
        """Return (n,) per s."""
        return self.state[self.dimension :]

    @property
    def position_covariance(self) -> np.ndarray:
        """Return (n, n)."""
        return self.covariance[: self.dimension, : self.dimension]

    @property
    def velocity_covariance(self) -> np.ndarray:
        """Return (n, n)."""
        return self.covariance[self.dimension :, self.dimension :]

    def predict(
        self, interval_s: float, acceleration_std: float, decay_s: float = math.inf
    ) -> 'ConstantVelocityFilter':
        """
        Return the filter some time later.

        :param interval_s: 0 or more
        :param acceleration_std: standard deviation of each component of the acceleration
        :param decay_s: time constant with which the velocity fades; by default it lasts
        """
        n = self.dimension
        fade = math.exp(-interval_s / decay_s)
        way = interval_s if math.isinf(decay_s) else decay_s * (1 - fade)
        state, spread = self.state.copy(), self.covariance.copy()
        # The transition [[1, way], [0, fade]] of every component, by blocks: first rows, then
        # columns.
        state[:n] += way * state[n:]
        state[n:] *= fade
        spread[:n] += way * spread[n:]
        spread[n:] *= fade
        spread[:, :n] += way * spread[:, n:]
        spread[:, n:] *= fade
        variance = (acceleration_std * interval_s) ** 2
        diagonal = np.arange(n)
        spread[diagonal, diagonal] += variance * interval_s**2 / 4
        spread[diagonal, diagonal + n] += variance * interval_s / 2
        spread[diagonal + n, diagonal] += variance * interval_s / 2
        spread[diagonal + n, diagonal + n] += variance
        return ConstantVelocityFilter(state, spread)

    def distance_squared(self, position: np.ndarray, covariance: np.ndarray) -> float:
        """
        Return the squared Mahalanobis distance of an observation.

        :param position: (n,)
        :param covariance: (n, n)
        :return: chi-square with n degrees of freedom for observations of this point
        """
        innovation = position - self.position
        spread = self.position_covariance + covariance
        return float(innovation @ np.linalg.solve(spread, innovation))

    def update(self, position: np.ndarray, covariance: np.ndarray) -> 'ConstantVelocityFilter':
        """
        Return the filter after an observation.

        :param position: (n,)
        :param covariance: (n, n), positive definite
        """
        n = self.dimension
        gain = np.linalg.solve(self.position_covariance + covariance, self.covariance[:n]).T
        # Joseph's form stays symmetric and positive whatever the rounding.
        rest = np.eye(2 * n)
        rest[:, :n] -= gain
        return ConstantVelocityFilter(
            self.state + gain @ (position - self.position),
            rest @ self.covariance @ rest.T + gain @ covariance @ gain.T,
        )


def distances_squared(
    filters: Sequence[ConstantVelocityFilter], positions: np.ndarray, covariances: np.ndarray
) -> np.ndarray:
    """
    Return the squared Mahalanobis distances between several points and observations.

    :param filters: k
    :param positions: (m, n)
    :param covariances: (m, n, n)
    :return: (k, m)
    """
    innovations = positions - np.stack([item.position for item in filters])[:, None]
    spreads = np.stack([item.position_covariance for item in filters])[:, None] + covariances
    solved = np.linalg.solve(spreads, innovations[..., None])[..., 0]
    return np.einsum('kmn,kmn->km', innovations, solved)


def log_growth(filters: Sequence[ConstantVelocityFilter], covariances: np.ndarray) -> np.ndarray:
    """
    Return how much less certain observations of several points are than the observations' own.

    Added to the squared distance, it makes a likelihood of it: without it a point that was not
    seen for long would be near to everything.

    :param filters: k
    :param covariances: (m, n, n) of the observations
    :return: (k, m) logarithm of the quotient of the determinants, 0 for points known exactly
    """
    spreads = np.stack([item.position_covariance for item in filters])[:, None] + covariances
    return np.asarray(np.linalg.slogdet(spreads)[1] - np.linalg.slogdet(covariances)[1])
