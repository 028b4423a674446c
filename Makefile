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


# `make` alone lists the targets. None needs anything typed before it.

PYTEST_ARGS ?=
# Test files that run beside each other; 0: all in one process, as a debugger wants it.
TEST_JOBS ?= 3
DEMO_ARGS ?=
SOAK_ARGS ?=
REFUSALS_ARGS ?=
TABLES_ARGS ?=
WEIGHTS_ARGS ?=

RUN := scripts/run.sh
BESIDE = -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder
# Threads of torch that wait for another one leave their core to other tests.
test test-ros: export OMP_WAIT_POLICY = passive
SOURCES := surgseg_ros scripts/setup_environment test launch examples setup.py

.DEFAULT_GOAL := help
.PHONY: help setup ready build demo test test-ros soak refusals tables weights lint format clean distclean

help: ## List the targets
	@echo 'Usage: make TARGET'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Build the environment: on a sourced ROS 2, else .venv from PyPI wheels
	@scripts/setup.sh

# The same, silent when nothing has to be done.
ready:
	@scripts/setup.sh --brief

build: ## Build messages and executables again (make setup does when they changed)
	@scripts/setup.sh --rebuild

demo: ready ## Run simulator, segmentation and recorder, write demo_output/ (DEMO_ARGS=...)
	@$(RUN) python3 -m surgseg_ros.nodes.demo $(DEMO_ARGS)

test: lint ## Check the style, then run all tests (PYTEST_ARGS='-k name -x')
	@$(RUN) python3 -m pytest $(BESIDE) $(PYTEST_ARGS)

test-ros: ready ## Run only the tests that start real nodes (PYTEST_ARGS=...)
	@$(RUN) python3 -m pytest $(BESIDE) test/ros $(PYTEST_ARGS)

soak: ready ## Run camera and node for 10 minutes, judge memory and counters (SOAK_ARGS=...)
	@PYTHONPATH="test/ros/support:$$PYTHONPATH" $(RUN) python3 -m soak $(SOAK_ARGS)

refusals: ready ## Start every executable 200 times with what it must refuse (REFUSALS_ARGS=...)
	@PYTHONPATH="test/ros/support:$$PYTHONPATH" $(RUN) python3 -m refused_starts $(REFUSALS_ARGS)

tables: ready ## Make the papers' tables again on simulated data: tables_output/, docs/results.md
	@$(RUN) surgseg reproduce --output tables_output --markdown docs/results.md $(TABLES_ARGS)

weights: ready ## Render, train and score the shipped weights again: weights_output/ (WEIGHTS_ARGS=...)
	@$(RUN) surgseg weights --output weights_output $(WEIGHTS_ARGS)

lint: ready ## Check style and types with ruff and mypy
	@$(RUN) ruff check $(SOURCES)
	@$(RUN) ruff format --check $(SOURCES)
	@$(RUN) mypy

format: ready ## Format the sources and sort their imports
	@$(RUN) ruff check --fix $(SOURCES)
	@$(RUN) ruff format $(SOURCES)

clean: ## Remove what runs and tests leave behind; the environment stays
	rm -rf build install log dist demo_output soak_output tables_output weights_output *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find surgseg_ros scripts test launch -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove the environment as well (.venv, .workspace)
	rm -rf .venv .workspace
