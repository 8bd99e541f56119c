# Thin: a target sets up what it needs and calls one tool. `make` alone lists the targets.

PYTHON ?= python3.11
# The agent also runs on 3.12 and 3.13, with LiteRT: make test-agent LITERT_PYTHON=python3.13
LITERT_PYTHON ?= $(PYTHON)
RECORDING ?=
DATA ?= ../shared/data

PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
MAKE_ENVIRONMENT := requirements/environment
BIN := .venv/bin
TFLITE := .venv-tflite
LITERT := .venv-litert-$(notdir $(LITERT_PYTHON))
AGENT_TESTS := tests plugins --ignore=tests/trainer
# Of the system tests those that score: the others test what no interpreter changes.
RUNNING := tests/cli tests/system/test_run.py tests/system/test_mqtt_link.py plugins
QUICK := -m "not system and not training and not spark and not systemd" -n auto --dist loadfile
TRAINING := -m "training and not spark" -n auto
# System tests mostly wait for daemons, each for its own; more than two at once would starve them.
SYSTEM := -m "system and not spark" -n 2 --dist loadfile
SPARK := -m spark
SYSTEMD := -m systemd

# How often a test that failed is tried again, "--reruns 2": none by default. Each is named in the
# summary (R), and what fails every time fails. A machine that has others to serve stalls for
# seconds now and then, and one in thousands of tests that hold real parts to real time notices.
RERUNS ?=
PYTEST := -m pytest $(RERUNS)

.DEFAULT_GOAL := help
.PHONY: help setup broker demo test test-system test-spark test-systemd test-agent bench torture \
	plant results lint lock deb

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/.complete ## Make .venv with everything: agent, trainer, plugins, development tools

broker: ## Install mosquitto where that is possible; tests and demo do without it otherwise
	@PATH="$$PATH:/usr/sbin"; command -v mosquitto >/dev/null || { \
		[ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends mosquitto; \
	} || echo "mosquitto is not installed (Debian: apt-get install mosquitto):" \
		"the embedded broker stands in for it"

demo: setup broker ## Train, run and watch a bearing fail; RECORDING=PATH takes a real run to failure
	$(BIN)/python -m demo $(if $(RECORDING),--recording "$(RECORDING)")

test: setup broker ## Run the quick tests, then those that train a network; under ten minutes in all
	$(BIN)/python $(PYTEST) $(QUICK)
	$(BIN)/python $(PYTEST) $(TRAINING)

test-system: setup broker ## Run the tests of whole daemons, brokers and commands
	$(BIN)/python $(PYTEST) $(SYSTEM)

test-agent: $(TFLITE)/.complete $(LITERT)/.complete broker ## Run the agent's tests without TensorFlow, under each runtime
	$(TFLITE)/bin/python $(PYTEST) $(QUICK) $(AGENT_TESTS)
	$(TFLITE)/bin/python $(PYTEST) $(SYSTEM) $(RUNNING)
	$(LITERT)/bin/python $(PYTEST) $(QUICK) $(AGENT_TESTS)
	$(LITERT)/bin/python $(PYTEST) $(SYSTEM) $(RUNNING)

test-spark: setup ## Run the tests of the Spark engine; they need a Java 17 runtime
	$(BIN)/python $(PYTEST) $(SPARK)

test-systemd: setup ## Run the tests that boot a real systemd; as root on Debian, they need debootstrap and systemd-container
	$(BIN)/python $(PYTEST) $(SYSTEMD)

deb: setup ## Build the Debian package into build/deb; ARCH=arm64 for the other processor
	PYTHON=$(BIN)/python deploy/deb/build build/deb

bench: setup broker ## Measure features, model step, whole path, memory and latency
	$(BIN)/python -m benchmarks

torture: setup broker ## Kill, starve, flood and fuzz the agent for hours, and print one table
	$(BIN)/python -m benchmarks.torture

plant: setup ## Watch a simulated plant of fifty machines for a year, and draw what the agent told of it
	$(BIN)/python -m benchmarks.plant --picture build/plant.png

results: setup ## Run every recipe on every public recording in DATA and write docs/results.md
	$(BIN)/python -m benchmarks.results --data "$(DATA)"

lint: setup ## Check style, types and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	set -e; for plugin in plugins/*/; do $(BIN)/mypy "$$plugin"; done
	$(BIN)/lint-imports

LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --upgrade \
	--python-version 3.11 --constraints requirements/constraints.txt pyproject.toml
lock: | $(BIN)/uv ## Resolve the dependencies anew and write the lock files
	$(LOCK) --extra tflite --extra trainer --extra spark --extra dev -o requirements/dev-py311.txt
	$(LOCK) --extra tflite --extra test -o requirements/agent-tflite.txt
	$(LOCK) --extra litert --extra test --universal -o requirements/agent-litert.txt
	$(LOCK) --extra tflite -o requirements/gateway.txt

$(BIN)/uv: ; $(MAKE) setup

.venv/.complete: requirements/dev-py311.txt $(MAKE_ENVIRONMENT) $(PROJECTS)
	$(MAKE_ENVIRONMENT) .venv $< $(PYTHON)

$(TFLITE)/.complete: requirements/agent-tflite.txt $(MAKE_ENVIRONMENT) $(PROJECTS)
	$(MAKE_ENVIRONMENT) $(TFLITE) $< $(PYTHON)

$(LITERT)/.complete: requirements/agent-litert.txt $(MAKE_ENVIRONMENT) $(PROJECTS)
	$(MAKE_ENVIRONMENT) $(LITERT) $< $(LITERT_PYTHON)
