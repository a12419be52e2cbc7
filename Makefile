# Everything a developer runs. `make` lists the targets; each makes what it needs, the environment included.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Worker processes of pytest: as many as there are processors, and no more than pay for their start.
JOBS   ?= auto
# Programs that some tests need, by the name that their Debian package has, too.
TOOLS  := chromium spin
# How many takes go through the fire, how many are planned arbitrarily, and for how many seconds journals are tampered with.
RUNS   ?= 200
TAKES  ?= 260
FUZZ   ?= 600

DEMO := She raises her eyebrows and her mouth falls open in surprise, then she blinks and frowns, then she glances right and \
turns her head to the left, and finally she faces the camera and smiles warmly.

# Without bytecode every worker of pytest compiles a thousand modules anew, and so does each program that a test starts.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env packages format lint types models test test-fast proofs check-deep fuzz fire arbitrary inference demo gallery docs bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

env: $(READY)  ## make .venv with the pinned packages (PYTHON=python3.12 picks another interpreter)

# The stamp is written last: an installation that was cut short starts again.
$(READY): pyproject.toml constraints.txt
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "$(PYTHON) was not found. TextuPortray needs Python 3.11 or newer: install it, or name yours with 'make PYTHON=/path/to/python3.11 …'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$("$(PYTHON)" -V 2>&1), but TextuPortray needs Python 3.11 or newer: name one with 'make PYTHON=/path/to/python3.11 …'." >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

# Nothing is asked where nobody could answer: without a terminal sudo fails rather than wait for a password.
packages:  ## install the Debian packages that some tests need (chromium, spin, gcc), unless they are there
	@lacking=; for tool in $(TOOLS); do command -v $$tool >/dev/null || lacking="$$lacking $$tool"; done; \
	command -v gcc >/dev/null || lacking="$$lacking gcc libc6-dev"; \
	test -z "$$lacking" && exit 0; \
	root=; test "$$(id -u)" = 0 || { root="sudo -n"; test -t 0 && root=sudo; }; \
	{ $$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$lacking >/dev/null; } || \
	  echo "Not installed:$$lacking. Tests that need them are skipped. To run those as well, install them as root: apt-get install$$lacking" >&2

format: $(READY)  ## rewrite the code in the agreed format, mending what lint can mend
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

lint: $(READY)  ## check format and lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(READY)  ## check types
	$(BIN)/mypy

models: $(READY)  ## fetch the models that read a face, and the sample portrait (50 MB once), unless they are there
	@$(BIN)/textuportray models pull || echo "The models were not fetched: tests that need them are skipped, and no face can be animated." >&2

test: lint types models  ## all checks: format, lint, types, import rule and every test but the proofs
	$(BIN)/python -m pytest -m 'not slow' -n $(JOBS) --maxprocesses 8 --dist loadscope --no-loadscope-reorder

test-fast: $(READY)  ## the tests alone, without those that need a cluster
	$(BIN)/python -m pytest -q -m 'not slow and not ray' -n $(JOBS) --maxprocesses 8 --dist loadscope --no-loadscope-reorder

proofs: $(READY)  ## what takes minutes: hundreds of seeds of loss, disorder and crashes, the large models of the protocol
	$(BIN)/python -m pytest -m slow -n $(JOBS) --maxprocesses 8 --dist loadscope --no-loadscope-reorder
	$(BIN)/python -m pytest -q -m 'hypothesis and not slow and not ray' --hypothesis-profile=thorough -n $(JOBS) --maxprocesses 8 --dist loadscope

check-deep: $(READY)  ## explore more than ten million states of the protocol's machines
	$(BIN)/python -m protocol.checking --deep

fuzz: $(READY)  ## tamper with journals for ten minutes (FUZZ=N picks the seconds): they are read, or refused in words
	PYTHONPATH=. $(BIN)/python tests/fuzz_journal.py --seconds $(FUZZ)

fire: $(READY)  ## hundreds of takes on Ray under seeded faults (RUNS=N picks how many)
	PYTHONPATH=. $(BIN)/python tests/bench_fire.py --runs $(RUNS)

arbitrary: $(READY)  ## plan hundreds of takes with whatever the schemas allow (TAKES=N picks how many)
	PYTHONPATH=. $(BIN)/python tests/bench_arbitrary.py --takes $(TAKES)

inference: $(READY)  ## plan takes with a local inference server, which this installs; its model has random weights
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[inference]'
	PYTHONPATH=. $(BIN)/python tests/bench_inference.py

demo: $(READY)  ## animate the sample portrait: out/demo.mp4, its contact sheet and its take
	@mkdir -p out
	$(BIN)/textuportray models pull
	$(BIN)/python -m renderer.sample out/portrait.png
	$(BIN)/textuportray animate out/portrait.png "$(DEMO)" --neutral --seconds 9 -o out/demo.mp4 --sheet out/demo.png
	@echo "wrote out/demo.mp4 (the video), out/demo.png (its pictures at a glance) and out/demo.take/ (how it came about)"

gallery: $(READY)  ## render every gesture and emotion on the sample portrait anew: docs/gallery.md and its pictures
	$(BIN)/textuportray models pull
	PYTHONPATH=. $(BIN)/python docs/strips.py

docs: $(READY)  ## write the generated parts of the documentation anew
	PYTHONPATH=. $(BIN)/python docs/generate.py

bench: $(READY)  ## run every tests/bench_*.py but those that have a target of their own
	@for script in $(filter-out tests/bench_fire.py tests/bench_arbitrary.py tests/bench_inference.py,$(wildcard tests/bench_*.py)); do echo "== $$script"; PYTHONPATH=. $(BIN)/python "$$script" || exit 1; done

clean:  ## remove the environment, caches and results
	rm -rf $(VENV) out build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
