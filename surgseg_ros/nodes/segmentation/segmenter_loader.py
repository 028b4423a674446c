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

"""Segmenters as the parameters of the node ask for them."""

from rclpy.impl.rcutils_logger import RcutilsLogger
import torch

from surgseg_ros.inference.backend_selection import AUTO
from surgseg_ros.inference.backends import installed_backends
from surgseg_ros.inference.checkpoints import CheckpointError
from surgseg_ros.inference.devices import DeviceError
from surgseg_ros.inference.engine import BackendError
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.nodes.common.parameters import ParameterTable

USER_ERRORS = (CheckpointError, DeviceError, BackendError)
"""What a user can repair; the messages say how."""


class SegmenterLoader:
    """
    Load networks and warm them up; on the CPU where the GPU fails and that is allowed.

    :param parameters: of the node
    :param logger: of the node
    """

    def __init__(self, parameters: ParameterTable, logger: RcutilsLogger) -> None:
        self._parameters = parameters
        self._logger = logger
        self.warning = ''
        """Why the network runs on another device than asked for, empty if it does not."""

    def load(self, checkpoint: str) -> Segmenter:
        """
        Load a network and warm it up.

        :param checkpoint: file or shipped name
        :raises CheckpointError: if the checkpoint cannot be used
        :raises DeviceError: if there is no such device, and no other is allowed
        :raises BackendError: if the backend or the precision cannot be had
        :raises RuntimeError: if the network fails on its device, and no other is allowed
        """
        try:
            segmenter = self._create(checkpoint, self._parameters['device'])
            self.warning = ''
        except BackendError:  # Another device would not change what is installed.
            raise
        except (DeviceError, RuntimeError) as error:
            if self._parameters['device'] == 'cpu' or not self._parameters['allow_cpu_fallback']:
                raise
            segmenter = self._fall_back(checkpoint, error)
        if segmenter.info.notice:
            self._logger.warning(f"weights '{segmenter.checkpoint_name}': {segmenter.info.notice}")
        return segmenter

    def recover(self, failed: Segmenter, error: Exception) -> Segmenter | None:
        """
        Load the present network on the CPU after it failed on the GPU, where that is allowed.

        :param failed: the segmenter that raised the error
        :return: ``None`` where there is no way to go on
        """
        if failed.device == 'cpu' or not self._parameters['allow_cpu_fallback']:
            return None
        try:
            return self._fall_back(self._parameters['checkpoint'], error)
        except (*USER_ERRORS, RuntimeError) as failure:
            self._logger.error(f'no way to go on with the CPU either: {failure}')
            return None

    def _create(self, checkpoint: str, device: str, backend: str = '') -> Segmenter:
        width, height = self._parameters['input_size']
        segmenter = Segmenter(
            checkpoint,
            device,
            self._parameters['branch'],
            (width, height) if width and height else None,
            self._parameters['threads'],
            self._parameters['checkpoint_sha256'],
            self._parameters['threshold'] or None,
            backend or self._parameters['backend'],
            self._parameters['precision'],
        )
        segmenter.warm_up(len(set(self._parameters['eyes'])))
        return segmenter

    def _fall_back(self, checkpoint: str, error: Exception) -> Segmenter:
        backend = self._parameters['backend']
        if backend not in installed_backends(torch.device('cpu')):
            backend = AUTO
        segmenter = self._create(checkpoint, 'cpu', backend)
        self.warning = (
            f"running on the CPU, much slower: device '{self._parameters['device']}' failed with "
            f'{type(error).__name__}: {error}'
        )
        self._logger.error(f'{self.warning} (allow_cpu_fallback)')
        return segmenter
