from chat.upstream.catalogue import Catalogue, Model
from chat.upstream.client import Prompt, Take, Upstream
from chat.upstream.errors import TimedOut, UpstreamError
from chat.upstream.timers import Limits
from chat.upstream.wiretap import Answer, Wiretap

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
