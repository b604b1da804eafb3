"""All settings, read once from the environment (see `.env.example`); on a wrong value, the start fails in one line."""

from fnmatch import fnmatchcase
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config.environment import (
    BASE_DIR,
    choice,
    count,
    counts,
    database,
    flag,
    headers,
    key,
    networks,
    origins,
    redis,
    seconds,
    text,
    web_address,
    words,
)

DEBUG = flag("DEBUG", False)
SECRET_KEY = text("SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("SECRET_KEY is missing. Set it (or SECRET_KEY_FILE) to a long random string.")
    SECRET_KEY = "only-for-debugging"  # noqa: S105 - refused above unless DEBUG is on

# The longest name of a model that the database has room for.
MOST_MODEL_CHARS = 200

# --- The model server ---------------------------------------------------------------------------------------------
LLM_BASE_URL = web_address("LLM_BASE_URL")
LLM_API_KEY = key("LLM_API_KEY")
# Further headers, for gateways that need some.
LLM_HEADERS = headers("LLM_HEADERS")
LLM_MODEL = text("LLM_MODEL")
if len(LLM_MODEL) > MOST_MODEL_CHARS:
    raise ImproperlyConfigured(f"LLM_MODEL must have at most {MOST_MODEL_CHARS} characters.")
# The models people may choose: names, or patterns with a *. Empty: whatever the server lists.
LLM_MODELS = words("LLM_MODELS", [])
if LLM_MODEL and LLM_MODELS and not any(fnmatchcase(LLM_MODEL, pattern) for pattern in LLM_MODELS):
    raise ImproperlyConfigured("LLM_MODEL must be one of LLM_MODELS.")
LLM_CONNECT_TIMEOUT = seconds("LLM_CONNECT_TIMEOUT", 5)
LLM_FIRST_TOKEN_TIMEOUT = seconds("LLM_FIRST_TOKEN_TIMEOUT", 120)
LLM_IDLE_TIMEOUT = seconds("LLM_IDLE_TIMEOUT", 60)
LLM_TOTAL_TIMEOUT = seconds("LLM_TOTAL_TIMEOUT", 30 * 60)
LLM_MAX_REPLY_CHARS = count("LLM_MAX_REPLY_CHARS", 1_000_000)
# How many tokens each model can read, by name; "" for all others. 0: what the server's list says, otherwise no limit.
LLM_CONTEXT_TOKENS = counts("LLM_CONTEXT_TOKENS")
# Set by `make run` when the answers come from the tiny demonstration model.
LLM_DEMO = flag("LLM_DEMO", False)
# Whether to ask a model for a title after the first answer, and which one; empty: the one that answered. The titles of
# a model as tiny as the demonstration model are worse than the question's first words.
LLM_TITLES = flag("LLM_TITLES", not LLM_DEMO)
LLM_TITLE_MODEL = text("LLM_TITLE_MODEL")
# For models whose chat template has already opened the <think> tag.
LLM_BEGINS_IN_REASONING = flag("LLM_BEGINS_IN_REASONING", False)

MAX_QUESTION_CHARS = count("MAX_QUESTION_CHARS", 100_000)
MAX_REPLIES_PER_USER = count("MAX_REPLIES_PER_USER", 5)
# Questions, and new presets, in one minute; 0: any number.
LIMIT_QUESTIONS_PER_MINUTE = count("LIMIT_QUESTIONS_PER_MINUTE", 30, minimum=0)
LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS = count("LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS", 300, minimum=0)
MAX_REPLIES = count("MAX_REPLIES", 2_000)
# Open answers of one user, and as many WebSockets; connections of one address. Both for each process.
MAX_STREAMS_PER_USER = count("MAX_STREAMS_PER_USER", 30)
MAX_CONNECTIONS_PER_ADDRESS = count("MAX_CONNECTIONS_PER_ADDRESS", 1_000)
# How long the head of a request may take to arrive, and how long its body.
REQUEST_HEADER_SECONDS = seconds("REQUEST_HEADER_SECONDS", 30)
REQUEST_BODY_SECONDS = seconds("REQUEST_BODY_SECONDS", 120)
DRAIN_SECONDS = seconds("DRAIN_SECONDS", 0, minimum=0)
# How long a finished reply waits to be saved while the database is unreachable.
SAVE_PATIENCE_SECONDS = seconds("SAVE_PATIENCE_SECONDS", 600)
# How long the server's administrator can still restore a deleted conversation; then it is gone for good.
DELETED_DAYS = count("DELETED_DAYS", 30, minimum=0)
SIGNUP = choice("SIGNUP", "closed", ("closed", "open"))

# --- Django ---------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = origins("CSRF_TRUSTED_ORIGINS")
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
AUTH_USER_MODEL = "chat.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = reverse_lazy("login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
LOGOUT_REDIRECT_URL = LOGIN_URL
CSRF_FAILURE_VIEW = "chat.views.errors.csrf_failure"

INSTALLED_APPS = [
    "chat",
    "chat.accounts.apps.ChatAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "chat.middleware.protective_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "chat.middleware.LoginRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "chat.middleware.in_one_thread",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Fits a question in which every character is written as two \uXXXX, and the rest of the body.
DATA_UPLOAD_MAX_MEMORY_SIZE = max(2_621_440, 12 * MAX_QUESTION_CHARS + 65_536)

# --- Storage --------------------------------------------------------------------------------------------------------
DATABASES = {"default": database("DATABASE_URL", default=BASE_DIR / "data" / "chat.sqlite3")}
DATABASE_CONNECT_TIMEOUT = count("DATABASE_CONNECT_TIMEOUT", 2)
DATABASE_STATEMENT_TIMEOUT = seconds("DATABASE_STATEMENT_TIMEOUT", 15, minimum=0)
DATABASE_LOCK_TIMEOUT = seconds("DATABASE_LOCK_TIMEOUT", 2, minimum=0)
# The threads that use the connections are kept, so the connections can be too.
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"]["ENGINE"] = "config.postgres"
    # In seconds; 0: no limit. The URL can override them, too.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": DATABASE_CONNECT_TIMEOUT,
        "statement_timeout": DATABASE_STATEMENT_TIMEOUT,
        "lock_timeout": DATABASE_LOCK_TIMEOUT,
    } | DATABASES["default"].get("OPTIONS", {})
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Readers don't block the writer. A writer takes the lock at once, and others wait for it instead of failing. The
    # URL can override this.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    } | DATABASES["default"].get("OPTIONS", {})

# Needed for several web processes; without it there is only one.
REDIS_URL = redis("REDIS_URL")
CHANNEL_LAYERS: dict[str, Any] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    # Publish and forget: one command per message, nothing is stored, and a killed process leaves nothing behind.
    # The other layer of Channels keeps a queue per reader, at eight commands per message, but losing one does no harm.
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.server.static_files.HashedStaticFiles"},
}

# --- Languages and time ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- HTTPS ----------------------------------------------------------------------------------------------------------
HTTPS = flag("HTTPS", False)
# The proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted: see config/server/proxy.py.
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
# HSTS for subdomains and preloading: a chat should not decide for the other hosts of its domain.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Logs: one JSON line each, never a message's text, never a key --------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "config.server.logs.JsonLines",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "message": "event"},
            "json_ensure_ascii": False,
        },
    },
    "filters": {
        # Neither a 503 that we return on purpose, nor one of an outage, which has a line of its own.
        "unexpected": {"()": "config.server.log_filters.Unexpected"},
        "brief": {"()": "config.server.log_filters.BriefRefusals"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["brief"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "chat": {"level": "INFO"},
        "config": {"level": "INFO"},
        # It would log every second while Redis is unreachable; the doorbell logs it once.
        "channels_redis": {"level": "CRITICAL"},
        "django": {"handlers": [], "level": "WARNING"},
        # Our own line for the request has the status already.
        "django.request": {"level": "ERROR", "filters": ["unexpected"]},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
