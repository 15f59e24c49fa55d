# What people do with Helen. Each target sets up what it needs; nothing has to be run before it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
SERVE_VENV := .venv-serve
EDGE_VENV := .venv-edge
VENV := .venv
AUDIT_VENV := .venv-audit

.PHONY: help mediapipe programs serve demo train test test-fast check evaluate bench pins clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(SERVE_VENV)/.installed: requirements.txt constraints.txt
	@echo "Setting up $(SERVE_VENV) (what serving needs, no torch): about a minute, once"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Helen needs Python 3.11 or newer; name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(SERVE_VENV)
	$(SERVE_VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@echo "$(CURDIR)" > "$$($(SERVE_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/helen.pth" # found from any folder
	@touch $@

$(VENV)/.installed: requirements-dev.txt requirements.txt training/requirements.txt edge_client/requirements.txt constraints.txt
	@echo "Setting up $(VENV) (serving, training, tests): about two minutes, once"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Helen needs Python 3.11 or newer; name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps mediapipe==1.2.2
	@touch $@

$(EDGE_VENV)/.installed: edge_client/requirements.txt
	@echo "Setting up $(EDGE_VENV) (the Raspberry Pi client without MediaPipe): about half a minute, once"
	$(PYTHON) -m venv $(EDGE_VENV)
	$(EDGE_VENV)/bin/pip install --quiet --disable-pip-version-check -r edge_client/requirements.txt
	@touch $@

serve: $(SERVE_VENV)/.installed ## start the service on http://127.0.0.1:8000; Ctrl-C stops it
	@$(SERVE_VENV)/bin/python -m serve_app.lifecycle.preflight serve_config.yaml
	@HELEN_BIN="$(CURDIR)/$(SERVE_VENV)/bin"; . deploy/shell.sh; exec serve run serve_config.yaml

train: $(VENV)/.installed ## the way from recordings to a model, on made hands: a Ray job, export, publish (a minute or two)
	$(VENV)/bin/python -m training.simulate --output runs/made/data
	deploy/train_job.sh --data_dir runs/made/data --max_epochs 6 --storage_path runs/made \
	  --data_name "made hands, no person was recorded" --licence "none needed"
	$(VENV)/bin/python -m training.export_onnx --checkpoint runs/made/best.ckpt --output runs/made/model/model.onnx \
	  --name gesture --note "Made gestures, to show the way: it recognises no real sign."
	$(VENV)/bin/python -m training.publish --model runs/made/model --repository runs/made/models
	@echo "To serve it: HELEN_MODEL_PATHS=$(CURDIR)/runs/made/models make serve"
	@echo "While that runs, make train again publishes the next version, which goes live by itself."

demo: $(SERVE_VENV)/.installed $(EDGE_VENV)/.installed ## service, client on made hands and local screen (http://127.0.0.1:5000)
	@$(SERVE_VENV)/bin/python -m serve_app.lifecycle.preflight serve_config.yaml
	@HELEN_BIN="$(CURDIR)/$(SERVE_VENV)/bin"; . deploy/shell.sh; \
	setsid serve run serve_config.yaml & service=$$!; \
	trap 'kill -TERM $$service 2>/dev/null; wait $$service || true' EXIT; \
	$(EDGE_VENV)/bin/python -m edge_client demo --ui

mediapipe: $(VENV)/.installed # what MediaPipe's own tests need besides: two Debian libraries and its model files
	@ldconfig -p | grep -q libEGL.so.1 && ldconfig -p | grep -q libGLESv2.so.2 \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libegl1 libgles2 >/dev/null; } \
	  || echo "MediaPipe needs libegl1 and libgles2 (sudo apt-get install them): without, its tests fail"
	@$(VENV)/bin/python -m edge_client assets >/dev/null || echo "without MediaPipe's model files its tests are skipped"

programs: # what tests of deploy/ and of pages run. Debian starts some as daemons: RUNLEVEL=1 prevents it, except under systemd
	@{ command -v nginx && command -v prometheus && command -v chromium && command -v mosquitto; } >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && [ ! -d /run/systemd/system ] && apt-get update -qq \
	    && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light prometheus chromium mosquitto >/dev/null; } \
	  || echo "without nginx, prometheus, chromium and mosquitto (sudo apt-get install nginx-light prometheus chromium mosquitto), their tests are skipped"

# Files of tests are spread over the cores; what starts servers follows by itself, one test after the other.
UNIT_TESTS := $(VENV)/bin/python -m pytest -n auto --dist loadfile -q

test-fast: $(VENV)/.installed ## lint, types and unit tests, in a minute
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(UNIT_TESTS) tests/unit

test: $(VENV)/.installed mediapipe programs ## run every test, the real service included
	$(UNIT_TESTS) tests/unit tests/fuzz
	$(VENV)/bin/python -m pytest --ignore=tests/unit --ignore=tests/fuzz

# An environment of its own: what the auditor needs must not decide what is audited.
$(AUDIT_VENV)/.installed: Makefile
	@$(PYTHON) -m venv $(AUDIT_VENV)
	@$(AUDIT_VENV)/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 && touch $@ \
	  || { mkdir -p $(AUDIT_VENV) && echo "pip-audit can't be installed now"; }

check: $(VENV)/.installed $(AUDIT_VENV)/.installed ## lint, format, types, known vulnerabilities
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	@[ ! -e $(AUDIT_VENV)/.installed ] || deploy/audit.sh $(AUDIT_VENV)/bin/pip-audit constraints.txt edge_client/requirements.txt

# The bundled gesture model's words, and the bases that tell how it does with people and signs of a set left out.
WORDS := can,coffee,get,hello,large,medium,muffin,no,none,please,small,tea,thank-you,water,yes
BASES := without_tutorials without_ksl13
without_tutorials := dgs_signs ksl13_hands
without_ksl13 := dgs_signs asl_tutorials_mit:hello,thank-you,idle=none
bundled := dgs_signs ksl13_hands asl_tutorials_mit:hello,thank-you,idle=none

.PRECIOUS: runs/bases/%/model.onnx
runs/bases/%/model.onnx: | $(VENV)/.installed
	$(VENV)/bin/python -m training.train_gru --data_dir "$$HELEN_DATA_DIR/asl_coffee_hands" --labels $(WORDS) \
	  --others $(addprefix $$HELEN_DATA_DIR/,$($*)) --max_epochs 15 --batch_size 64 --split none --storage_path runs/bases/$* \
	  --data_name "the words of asl_coffee_hands, and to tell other signs from them $($*)" --licence "MIT and Apache-2.0"
	$(VENV)/bin/python -m training.export_onnx --checkpoint runs/bases/$*/last.ckpt --output $@ --name gesture

evaluate: $(VENV)/.installed ## print the held-out figures of training, from the recordings in HELEN_DATA_DIR (half an hour)
	@[ -n "$${HELEN_DATA_DIR:-}" ] || { echo "make evaluate needs HELEN_DATA_DIR=the folder of the recordings"; exit 1; }
	@$(MAKE) --no-print-directory $(BASES:%=runs/bases/%/model.onnx)
	@for base in $(BASES); do echo "trained $$base:"; \
	  $(VENV)/bin/python -m training.evaluate_strangers --model runs/bases/$$base --output runs/strangers/$$base; done
	$(VENV)/bin/python -m training.evaluate $(if $(ROWS),--rows $(ROWS)) --output runs/evaluation

bench: $(VENV)/.installed $(SERVE_VENV)/.installed ## measure this service beside others, in one run
	$(VENV)/bin/python -m benchmarks

pins: ## write constraints.txt anew from what .venv holds
	{ echo "# Every version that was tested together, direct and indirect: made by \`make pins\`."; \
	  $(VENV)/bin/pip freeze --exclude-editable | sed -E 's/^torch==([0-9.]+)\+.*/torch==\1/' | LC_ALL=C sort -f; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove what make has installed
	rm -rf $(VENV) $(SERVE_VENV) $(EDGE_VENV) $(AUDIT_VENV)
