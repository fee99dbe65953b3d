# What a newcomer types. Python 3.11+ and make are all it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
FAMILIES := .venv-families
LOWEST := .venv-lowest
TASKS := .venv-tasks
SOURCES := src tests workflow/scripts perf envs
RULES := Snakefile workflow/Snakefile workflow/rules
EXACT := tests/pruning/test_invariance.py tests/pruning/test_oracle.py tests/cost tests/predict

.PHONY: demo test test-all test-suite test-damage test-kernels test-families test-lowest test-tasks test-wheel test-cluster test-gpu bench bench-grid bench-large lint format lock vendor clean

# The whole study of config.yaml, to results/report.html.
demo: $(VENV)/.installed
	$(BIN)/snakemake --cores $(CORES)

# Lint runs beside the tests, lest all cores but one wait for mypy. What fails is told at once, and at the end.
test: $(VENV)/.installed
	$(MAKE) --jobs 2 lint test-suite

# With every case of what `make test` meets in a covering set: strategies x criteria x families, every edit of a study.
test-all: $(VENV)/.installed
	PRUNEGRID_EXHAUSTIVE=1 $(MAKE) test

test-suite: $(VENV)/.installed
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadscope

# Files of a study damaged one by one, 200 times, and 30 kills of a study and all its jobs: an hour. What was tried
# is in build/, and is not tried again.
test-damage: $(VENV)/.installed
	PYTHONPATH=src:. OMP_NUM_THREADS=1 $(BIN)/python -m tests.workflow.flips --number 200 --folder build/flips
	PYTHONPATH=src:. OMP_NUM_THREADS=1 $(BIN)/python -m tests.workflow.kills --number 30 --folder build/kills

# What is compared to the last digits, once with two threads and once with the kernels of an old processor, which sum
# in another order. Random models are others there, too: PyTorch draws by the same kernels.
test-kernels: $(VENV)/.installed
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest $(EXACT)
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41 \
		$(BIN)/python -m pytest $(EXACT)

# Every supported family, from a checkpoint in the hub's layout to its text: an environment of 5.5 GB, as some
# processors need torchvision.
test-families: $(FAMILIES)/.installed
	PRUNEGRID_ALL_FAMILIES=1 $(FAMILIES)/bin/python -m pytest tests/families

# The engine, the ledgers and the results at the lower ends of the ranges in pyproject.toml.
test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest tests/pruning tests/cost tests/results

# lmms-eval's tasks, on made-up rows, and a study of six: `make test` leaves them out, as it does without lmms-eval.
test-tasks: $(TASKS)/.installed
	$(TASKS)/bin/python -m pytest tests/lmms_tasks

# The wheel, in an environment that holds nothing else; `make test` lends it the packages of .venv.
test-wheel: $(VENV)/.installed
	PRUNEGRID_EMPTY_ENVIRONMENT=1 $(BIN)/python -m pytest tests/packaging

# A small study on a real Slurm, started for it on this machine, on 127.0.0.1 and with pretended GPUs, and stopped
# again: two to four minutes. Where Slurm is missing, and you are root on Debian, it is installed by apt-get.
test-cluster: $(VENV)/.installed
	tests/cluster/install_slurm.sh
	$(BIN)/python -m pytest --capture=no tests/cluster

# 16 bit, memory, speed and the whole workflow on a GPU, with a random model of 1.7 GB: within ten minutes. The
# figures are printed and in build/gpu.json. Without a GPU every test is named as not run.
test-gpu: $(VENV)/.installed
	$(BIN)/python -m pytest --capture=no tests/gpu

# Speed of one cell against unpruned, and what lower precision does to kept tokens; keep the machine quiet.
bench: $(VENV)/.installed
	$(BIN)/python perf/cell.py
	$(BIN)/python perf/before_decoder.py
	PYTHONPATH=src:. $(BIN)/python perf/precision.py

# What a grid costs, against its cells one by one from scratch; keep the machine quiet.
bench-grid: $(VENV)/.installed
	PYTHONPATH=src $(BIN)/python perf/grid.py
	PYTHONPATH=src $(BIN)/python perf/sharing.py
	PYTHONPATH=src $(BIN)/python perf/images.py

# Time and memory of planning, running, tabulating and looking at 5,000 cells of 9,000 rows; no model runs.
bench-large: $(VENV)/.installed
	PYTHONPATH=$(CURDIR)/src $(BIN)/python perf/large_grid.py

lint: $(VENV)/.installed
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/snakefmt --check $(RULES)
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy
	$(BIN)/snakemake --lint --quiet
	$(BIN)/python envs/generate.py --check

format: $(VENV)/.installed
	$(BIN)/ruff check --fix-only $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/snakefmt $(RULES)

# The newest versions that pyproject.toml allows, to envs/lock.txt and envs/*.yaml: then run all tests.
lock: $(VENV)/.installed
	$(BIN)/python envs/lock.py
	$(BIN)/python envs/generate.py

# Needs npm; what it fetches is in the repository.
vendor: $(VENV)/.installed
	$(BIN)/python envs/vendor.py

clean:
	rm -rf $(VENV) $(FAMILIES) $(LOWEST) $(TASKS) build

$(VENV)/.installed: pyproject.toml envs/lock.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint envs/lock.txt --editable '.[workflow,demo,dev]'
	touch $@

# torchvision brings the one torch that it fits.
$(FAMILIES)/.installed: pyproject.toml envs/lock.txt
	$(PYTHON) -m venv $(FAMILIES)
	grep -v '^torch==' envs/lock.txt > $(FAMILIES)/lock.txt
	$(FAMILIES)/bin/python -m pip install --quiet --constraint $(FAMILIES)/lock.txt --editable '.[workflow,demo,dev,families]'
	touch $@

# Without its dependencies lmms-eval is what its task files import; its own metrics, which tests compare with, need the
# last four.
$(TASKS)/.installed: pyproject.toml envs/lock.txt
	$(PYTHON) -m venv $(TASKS)
	$(TASKS)/bin/python -m pip install --quiet --constraint envs/lock.txt --editable '.[workflow,demo,dev,tasks]' \
		sacrebleu evaluate pytz jinja2
	$(TASKS)/bin/python -m pip install --quiet --no-deps lmms-eval==0.7.3
	touch $@

$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	sed -n '/^dependencies/,/^]/s/.*"\(.*\)>=\(.*\),.*",/\1==\2/p' pyproject.toml > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/lowest.txt --editable '.[workflow]' 'pytest>=9.2,<10'
	touch $@
