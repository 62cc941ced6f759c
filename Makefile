# `make help` prints what follows `##`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROTO_BIN := .venv-proto/bin
# uv if there is one, else one of our own.
UV := $(shell command -v uv 2>/dev/null || echo .venv-uv/bin/uv)
# uv does not read pip's find-links. Where none is set, PyTorch's own index has the CPU build.
TORCH := $(if $(PIP_FIND_LINKS),--find-links "$(PIP_FIND_LINKS)",--torch-backend=cpu)
export UV_PYTHON_DOWNLOADS := never
# vLLM starts three processes, and each would compile 30 s worth of modules anew.
unexport PYTHONDONTWRITEBYTECODE
export UV_LINK_MODE := copy

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 18

.PHONY: setup
setup: $(VENV)/.ready .venv-proto/.ready ## make .venv (CPU stack) and .venv-proto (stub generator)

.PHONY: demo
demo: $(VENV)/.ready ## set up, run the whole experiment, show its report (again: seconds)
	@$(BIN)/earwitness demo

.PHONY: test
test: setup ## set up and pass the tests (under ten minutes on two cores)
	$(BIN)/python -m tools.helm
	$(BIN)/python -m pytest tests/e2e  # first and alone: a cluster has to start before anything imports Ray
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/e2e

.PHONY: test-fast
test-fast: setup ## the tests that need no model
	$(BIN)/python -m pytest -m "not models and not catalogue and not cluster and not browser"

.PHONY: test-browser
test-browser: setup ## the pages in Debian's chromium (two minutes)
	$(BIN)/python -m pytest -m browser

.PHONY: test-models
test-models: setup ## a tiny model of every architecture in the real engines (17 minutes)
	$(BIN)/python -m pytest -m catalogue

.PHONY: test-clients
test-clients: setup ## lm-eval and inspect-ai, unchanged, against the OpenAI-compatible HTTP (4 minutes)
	EARWITNESS_CLIENTS_BIN="$$($(BIN)/python -m tools.bench.rivals)" $(BIN)/python -m pytest tests/services/llm/clients

REGISTRY ?=
STACK ?= cpu
.PHONY: images push
images: setup ## build the container images (REGISTRY=..., STACK=cpu|gpu)
	$(BIN)/python -m tools.images build --registry "$(REGISTRY)" --stack $(STACK)
push: images ## build and push them
	$(BIN)/python -m tools.images push --registry "$(REGISTRY)" --stack $(STACK)

.PHONY: test-cluster
test-cluster: setup ## a release on the cluster that the current kubeconfig names
	$(BIN)/python -m pytest -s -m cluster tests/cluster

.PHONY: monitoring
monitoring: setup ## draw every dashboard from a real Prometheus (5 minutes; wants prometheus)
	$(BIN)/python -m tools.monitoring.draw --with vllm trainer ray

.PHONY: bench-fanout
bench-fanout: setup ## figures: items/s beside a bare client, lm-eval and inspect-ai (20 minutes)
	$(BIN)/python -m tools.bench.fanout --out docs/benchmarks/fanout.md

.PHONY: bench-cascade
bench-cascade: setup ## figures: clips/s from store to wire, a cascade beside its slower stage (3 minutes)
	$(BIN)/python -m tools.bench.cascade --out docs/benchmarks/cascade.md

.PHONY: bench-serving
bench-serving: setup ## figures: Ray Serve beside vLLM's own offline engine, and beside bare gRPC
	$(BIN)/python -m tools.bench.served --out docs/benchmarks/serving.md

.PHONY: bench-trainer
bench-trainer: setup ## figures: samples/s beside a plain loop, with an ablation (20 minutes)
	$(BIN)/python -m tools.bench.trainer --out docs/benchmarks/trainer.md

.PHONY: overfit proof-audio
overfit: setup ## whether 32 clips can be learned by heart, to under 0.05 nats a token (22 minutes)
	$(BIN)/python -m tools.bench.trainer_overfit
proof-audio: setup ## a small LALM beside itself with its audio vectors permuted
	$(BIN)/python -m tools.bench.trainer_proof --out docs/benchmarks/audio-proof.md

.PHONY: chaos-evaluator
chaos-evaluator: setup ## runs killed at random 110 times, byte for byte the same (15 minutes; wants PostgreSQL)
	$(BIN)/python -m tools.chaos.evaluator --out docs/benchmarks/chaos-evaluator.md

.PHONY: soak-evaluator
soak-evaluator: setup ## a million items in flat memory (20 minutes)
	$(BIN)/python -m tools.soak.evaluator --out docs/benchmarks/soak-evaluator.md

.PHONY: chaos-serving
chaos-serving: setup ## replicas killed, rolled and overloaded under load (15 minutes)
	$(BIN)/python -m tools.chaos.serving --out docs/benchmarks/chaos-serving.md

.PHONY: chaos-trainer
chaos-trainer: setup ## a training killed at 20 moments: the same losses (10 minutes)
	$(BIN)/python -m tools.chaos.trainer --out docs/benchmarks/chaos-trainer.md

.PHONY: fuzz-serving
fuzz-serving: setup ## 120,000 malformed requests and 2,000 malformed sounds (5 minutes)
	$(BIN)/python -m tools.fuzz.serving --out docs/benchmarks/fuzz-serving.md

.PHONY: chaos soak
chaos: chaos-evaluator chaos-serving chaos-trainer ## every trial by fault
soak: soak-evaluator ## every trial by size

.PHONY: check
check: setup ## ruff, pyright, buf lint and the house laws
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(PROTO_BIN)/python -m tools.image .buf-image.binpb
	$(BIN)/buf lint .buf-image.binpb --config proto/buf.yaml --path earwitness
	rm .buf-image.binpb
	$(BIN)/python -m pytest tests/test_house.py

.PHONY: format
format: $(VENV)/.ready ## put the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: proto
proto: .venv-proto/.ready ## generate earwitness/v1 from proto/
	$(PROTO_BIN)/python -m tools.stubs .

.PHONY: data
data: $(VENV)/.ready ## rebuild open-akb and mini-akb from their questions (mini-mmau: see its README)
	$(BIN)/python -m tools.open_akb.build

.PHONY: constraints
constraints: $(UV) ## pin every dependency anew
	$(UV) pip compile -q pyproject.toml --extra cpu --extra cluster --extra akb --extra otel --extra s3 --group dev \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(TORCH) -o constraints.tmp --upgrade
	sed -E 's/^(torch==[0-9.]+)\+cpu/\1/' constraints.tmp > constraints.txt
	rm constraints.tmp

.PHONY: clean
clean: ## remove environments and the demo's results
	rm -rf $(VENV) .venv-proto .venv-uv .venv-bench demo

.venv-uv/bin/uv:
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/pip install -q uv

$(VENV)/.ready: pyproject.toml constraints.txt | $(UV)
	$(UV) venv -q --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	$(UV) pip install -q -p $(VENV) -c constraints.txt $(TORCH) -e '.[cpu]' --group dev
	touch $@

.venv-proto/.ready: pyproject.toml | $(UV)
	$(UV) venv -q --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv-proto
	$(UV) pip install -q -p .venv-proto --group proto
	touch $@
