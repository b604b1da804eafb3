"""For whoever watches the process: a load balancer, Docker, a person with curl."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from chat.engine import engine

# Asked every few seconds: not in the log; and by address: whatever the Host header is.
PATHS = {"/healthz", "/readyz"}


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up."""
    return JsonResponse({"status": "ok"})


@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """It can take questions: the database answers and it is not about to stop."""
    if engine.draining:
        return JsonResponse({"status": "draining"}, status=503)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database is away"}, status=503)
    return JsonResponse({"status": "ok"})
