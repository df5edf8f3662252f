# Every path here is relative: the checkout may lie under spaces and Chinese characters.
PY := .venv/bin/python
SRC := zhike config tests
PO := $(wildcard zhike/locale/*/LC_MESSAGES/*.po)
# Three at once on two cores: many wait for a browser, a server or a worker of their own.
# Files are begun in the order of conftest.py, the long ones first.
PYTEST := $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: help demo serve test test-long check fmt bench venv dev frontend translations messages lock
.DEFAULT_GOAL := help

help:
	@echo "make demo       Zhike with a demo firm: prints the address and who can log in"
	@echo "make test       checks and tests                make test-long  the long tests too"
	@echo "make check      linters, types, layers, migrations, translations"
	@echo "make fmt        formats the code                make bench      all benches (ARGS='pages --json')"
	@echo "make messages   collects texts to translate     make lock       pins the packages anew"

demo: venv frontend translations
	@$(PY) -m zhike demo $(ARGS)

serve: venv frontend translations
	@$(PY) -m zhike serve $(ARGS)

bench: venv frontend translations
	@$(PY) -m zhike bench $(ARGS)

test: check
	browser=$$(sh scripts/chromium.sh) && ZHIKE_CHROMIUM="$$browser" $(PYTEST) $(ARGS)

test-long: check
	browser=$$(sh scripts/chromium.sh) && ZHIKE_CHROMIUM="$$browser" $(PYTEST) -m "long or not long" $(ARGS)

# The migrations are compared with the models, not with a database: Django warns that it has none.
check: dev frontend translations
	$(PY) -m ruff format --check $(SRC)
	$(PY) -m ruff check $(SRC)
	$(PY) -m mypy
	$(PY) -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-logo
	$(PY) -W ignore::RuntimeWarning -m django makemigrations --check --dry-run --settings config.settings --pythonpath .
	$(PY) scripts/translations.py check

fmt: dev
	$(PY) -m ruff check --fix-only --quiet $(SRC)
	$(PY) -m ruff format --quiet $(SRC)

# ---- parts of the above

venv:
	@sh scripts/venv.sh requirements.txt

dev:
	@sh scripts/venv.sh requirements-dev.txt

frontend: venv
	@sh scripts/frontend.sh

translations: venv $(PO:.po=.mo)

%.mo: %.po
	@$(PY) -m babel.messages.frontend --quiet compile -i $< -o $@

messages: dev
	$(PY) scripts/translations.py collect

# Reads requirements*.in, writes requirements*.txt: exact versions and hashes for every platform.
lock: venv
	@sh scripts/venv.sh requirements-lock.txt
	for name in requirements requirements-dev requirements-node requirements-lock; do \
	  $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header $(LOCK) -o $$name.txt $$name.in || exit 1; \
	done
