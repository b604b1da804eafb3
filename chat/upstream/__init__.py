from chat.upstream.catalogue import Catalogue, lists_no_models
from chat.upstream.client import Prompt, Take, Upstream, is_answer
from chat.upstream.errors import NoModels, TimedOut, UpstreamError
from chat.upstream.finish_reasons import meaning_of
from chat.upstream.model_list import ModelInfo
from chat.upstream.recording import Answer, RecordingTransport
from chat.upstream.timers import Limits

__all__ = [
    "Answer",
    "Catalogue",
    "Limits",
    "ModelInfo",
    "NoModels",
    "Prompt",
    "RecordingTransport",
    "Take",
    "TimedOut",
    "Upstream",
    "UpstreamError",
    "is_answer",
    "lists_no_models",
    "meaning_of",
]
