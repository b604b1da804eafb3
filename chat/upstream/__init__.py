from chat.upstream.catalogue import Catalogue, ModelInfo
from chat.upstream.client import Prompt, Take, Upstream, is_answer
from chat.upstream.errors import TimedOut, UpstreamError
from chat.upstream.finish_reasons import meaning_of
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
    "is_answer",
    "meaning_of",
]
