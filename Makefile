# make book        build the book, every cell executed, into _build/html
# make test        check everything at the smallest budget
# make test-all    the same with the slow tests
# make page P=...  build one page, such as P=chapters/objectives/05-causal.md
# make serve       show the built book on this machine
# make bench       run the measurements in benchmarks/
# make picture     remake the picture in the README
# make clean       remove what was built; .venv stays
#
# Python 3.11 or newer is all that is needed; another than python3: make PYTHON=...

PYTHON ?= python3
P ?=
BIN := .venv/bin
SHELL := /bin/bash

export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Compiled modules are kept, whatever the machine says: every page imports the package.
export PYTHONDONTWRITEBYTECODE :=

# .venv holds one stamp for each state of the files that say what is installed.
BOOK_FILES := requirements.txt pyproject.toml
TEST_FILES := $(BOOK_FILES) requirements-test.txt
BOOK_READY := .venv/.book-$(shell cat $(BOOK_FILES) | cksum | cut -d ' ' -f 1)
TEST_READY := .venv/.test-$(shell cat $(TEST_FILES) | cksum | cut -d ' ' -f 1)

PAGE := _build/page/$(notdir $(basename $(P)))
BUILD := $(BIN)/jupyter-book build .
LINT := $(BIN)/ruff check . && $(BIN)/codespell $$(git ls-files '*.md' '*.py' '*.cff')
# One test process a core, each on one thread.
PYTEST := PRETRAIN_BUDGET=smoke OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
  -n auto --dist loadgroup --no-loadscope-reorder
NEW_ENOUGH := import sys; sys.version_info >= (3, 11) or sys.exit( \
  "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + \
  ": choose another with make PYTHON=...")

.PHONY: book test test-all page serve bench picture clean
.DELETE_ON_ERROR:

# A build that failed has told its warnings; the next one must tell them again, so it
# starts from the sources. Outputs of cells stay in the cache.
book: $(BOOK_READY)
	@$(BUILD) -W -n --keep-going || { rm -rf _build/html _build/.doctrees; exit 1; }

test: $(TEST_READY)
	@$(LINT)
	@$(PYTEST)

test-all: $(TEST_READY)
	@$(LINT)
	@$(PYTEST) -m ""

page: $(BOOK_READY)
	@test -f "$(P)" || { echo "Say which page: make page P=chapters/....md"; exit 2; }
	@rm -rf $(PAGE)/_build/.doctrees && mkdir -p $(PAGE)
	@printf 'format: jb-book\nroot: chapters/index\nchapters:\n- file: %s\n' \
	  "$(basename $(P))" > $(PAGE)/_toc.yml
	@$(BUILD) --toc $(PAGE)/_toc.yml --path-output $(PAGE)

serve:
	@test -d _build/html || { echo "There is no book yet: make book"; exit 2; }
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

bench: $(TEST_READY)
	@for file in benchmarks/*.py; do \
	  test -e "$$file" || { echo "There are no benchmarks yet."; break; }; \
	  echo "== $$file"; $(BIN)/python "$$file" || exit 1; \
	done

picture: $(TEST_READY)
	@$(BIN)/python images/make_book_picture.py

clean:
	rm -rf _build

$(BOOK_READY):
	@echo "Setting up .venv for the book (some minutes the first time)"
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c '$(NEW_ENOUGH)'
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@rm -f .venv/.book-* && touch $@

$(TEST_READY): $(BOOK_READY)
	@echo "Adding what the tests need"
	@$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-test.txt
	@rm -f .venv/.test-* && touch $@
