from chat.models.audit import AuditEntry
from chat.models.conversation import Asked, Conversation, ReplyRunning, Request, TooManyReplies
from chat.models.generation import DEAD_AFTER, Evidence, Generation, Piece
from chat.models.message import Message, RequestReused
from chat.models.preset import Preset
from chat.models.user import Installation, User

__all__ = [
    "DEAD_AFTER",
    "Asked",
    "AuditEntry",
    "Conversation",
    "Evidence",
    "Generation",
    "Installation",
    "Message",
    "Piece",
    "Preset",
    "ReplyRunning",
    "Request",
    "RequestReused",
    "TooManyReplies",
    "User",
]
