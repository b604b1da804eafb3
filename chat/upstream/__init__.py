from chat.upstream.catalogue import Catalogue, Model
from chat.upstream.client import Prompt, Take, Upstream
from chat.upstream.errors import TimedOut, UpstreamError
from chat.upstream.recording import Answer, Wiretap
from chat.upstream.timers import Limits

__all__ = [
    "Answer",
    "Catalogue",
    "Limits",
    "Model",
    "Prompt",
    "Take",
    "TimedOut",
    "Upstream",
    "UpstreamError",
    "Wiretap",
]
