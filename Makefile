# `make repro` and `make test` each set up everything they need in .venv.
PYTHON ?= python3
BACKEND ?= cpu  # or cuda, on Linux with an NVIDIA GPU; macOS on Apple silicon takes cpu and runs on Metal
$(if $(filter cpu cuda,$(strip $(BACKEND))),,$(error BACKEND is '$(strip $(BACKEND))': not cpu or cuda))
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/$(strip $(BACKEND)).txt
READY := $(VENV)/.ready-$(strip $(BACKEND))

.PHONY: repro test slow lint format lock clean

repro: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro

test: $(READY)
	$(BIN)/python -m pytest

slow: $(READY)
	$(BIN)/python -m pytest -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The lock files hold for every platform and Python that pyproject.toml allows.
lock:
	for backend in cpu cuda; do \
	  uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.10 \
	    --extra dev --extra $$backend --custom-compile-command 'make lock' -o requirements/$$backend.txt pyproject.toml; \
	done

$(READY): pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $(PYTHON) is not Python 3.10 to 3.13; name one that is: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV)
