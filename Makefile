PYTHON ?= python3
export PYTHON

.PHONY: run check test test-services test-migrations bench lint messages requirements

# The chat on 127.0.0.1, port 8000 (or another one: make run PORT=8001)
run:
	@scripts/run.sh

# What every change needs, in two minutes: lint, types, and the tests without a browser, services and processes
check: lint
	@QUICK=1 scripts/test.sh

# All tests, or some: make test ARGS="tests/test_sse.py -k cursor"; with coverage: make test ARGS=--cov
test:
	@scripts/test.sh $(ARGS)

# The same on PostgreSQL and Redis, both started for the tests
test-services:
	@SERVICES=1 scripts/test.sh $(ARGS)

# The migrations on 300,000 messages, beside somebody who writes: nobody may wait for longer than a second
test-migrations: export MIGRATED_MESSAGES = 300000
test-migrations:
	@scripts/test.sh tests/server/test_migrations.py

# The cost of the product against nginx, as ratios of one run (only parts: make bench ARGS="--parts paced20")
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

# Update locale/ from the texts in the code (needs gettext); run it again after translating new texts
messages: export SECRET_KEY = only-for-messages
messages:
	@scripts/venv.sh requirements-dev.txt
	.venv/bin/python manage.py makemessages --locale ru --no-location --no-obsolete --ignore tests
	.venv/bin/python manage.py compilemessages --locale ru --ignore .venv

# Update requirements*.txt after a change to an .in file (to newer versions: make requirements ARGS=--upgrade)
COMPILE = .venv/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make requirements" $(ARGS)
requirements:
	@scripts/venv.sh requirements.txt
	.venv/bin/python -m pip install -qq --disable-pip-version-check uv
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
