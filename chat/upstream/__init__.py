from chat.upstream.catalogue import Catalogue, ModelInfo
from chat.upstream.client import Prompt, Take, Upstream
from chat.upstream.errors import TimedOut, UpstreamError
from chat.upstream.recording import Answer, RecordingTransport
from chat.upstream.timers import Limits

__all__ = [
    "Answer",
    "Catalogue",
    "Limits",
    "ModelInfo",
    "Prompt",
    "RecordingTransport",
    "Take",
    "TimedOut",
    "Upstream",
    "UpstreamError",
]
