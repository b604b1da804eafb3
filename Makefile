PYTHON ?= python3
export PYTHON

.PHONY: run check test test-services bench lint messages requirements

# The chat on 127.0.0.1, port 8000 (another one: make run PORT=8001)
run:
	@scripts/run.sh

# What every change needs, in two minutes: lint, types, and the tests without a browser, services and processes
check: lint
	@QUICK=1 scripts/test.sh

# All tests, or some: make test ARGS="tests/test_sse.py -k cursor"; what they do not reach: make test ARGS=--cov
test:
	@scripts/test.sh $(ARGS)

# The same on a PostgreSQL and a Redis of its own
test-services:
	@SERVICES=1 scripts/test.sh $(ARGS)

# What the product costs beside nginx, as ratios of one run (parts of it: make bench ARGS="--parts paced20")
bench:
	@scripts/venv.sh requirements-dev.txt
	@.venv/bin/python -m tests.bench $(ARGS)

lint: export SECRET_KEY = only-for-lint
lint: export DATABASE_URL = sqlite://:memory:
lint:
	@scripts/venv.sh requirements-dev.txt
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python manage.py makemigrations --check --dry-run

# Brings locale/ up to date with the texts in the code (needs gettext); after translating what is new, once more
messages: export SECRET_KEY = only-for-messages
messages:
	@scripts/venv.sh requirements-dev.txt
	.venv/bin/python manage.py makemessages --locale ru --no-location --no-obsolete --ignore tests
	.venv/bin/python manage.py compilemessages --locale ru --ignore .venv

# Pins requirements*.txt anew after an .in file was changed (with newer versions: make requirements ARGS=--upgrade)
COMPILE = .venv/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make requirements" $(ARGS)
requirements:
	@scripts/venv.sh requirements.txt
	.venv/bin/python -m pip install -qq --disable-pip-version-check uv
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
