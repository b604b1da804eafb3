"""Health checks for a load balancer, Docker or a person with curl."""

from functools import cache

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from chat.replies.engine import engine

# Those who ask don't wait much longer.
PATIENCE_SECONDS = 1.0


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the process is up."""
    return JsonResponse({"status": "ok"})


@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """Tell whether it can take questions: the database and Redis, if used, answer, and it is not about to stop."""
    if engine.draining:
        return JsonResponse({"status": "draining"}, status=503)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if settings.REDIS_URL:
            _redis(settings.REDIS_URL).ping()
    except DatabaseError:
        return JsonResponse({"status": "database is away"}, status=503)
    except (redis.RedisError, OSError):
        return JsonResponse({"status": "Redis is away"}, status=503)
    return JsonResponse({"status": "ok"})


@cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS)
