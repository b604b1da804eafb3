from chat.upstream.catalogue import Model
from chat.upstream.client import Prompt, Upstream
from chat.upstream.errors import TimedOut, UpstreamError
from chat.upstream.timers import Limits

__all__ = ["Limits", "Model", "Prompt", "TimedOut", "Upstream", "UpstreamError"]
