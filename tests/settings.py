"""The product's settings, with the changes that tests need."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "a long random text that only the tests know, of fifty characters")
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")

from config.settings import *  # noqa: F403

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in production, and not in memory: the server's threads share it.
    FILE = Path(tempfile.mkdtemp(prefix="chat-tests-"), "tests.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(FILE)}  # noqa: F405

STATIC_ROOT = Path(tempfile.mkdtemp(prefix="chat-static-"))

# Off, except where titles are tested, so that each question is one request to the upstream.
LLM_TITLES = False
# Each test is one user at one address, and asks as fast as it can.
LIMIT_QUESTIONS_PER_MINUTE = LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS = 1_000_000
MAX_STREAMS_PER_USER = MAX_CONNECTIONS_PER_ADDRESS = 5_000

# Argon2 or PBKDF2 would take most of the suite's time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Pages are tested without collecting the static files first.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
