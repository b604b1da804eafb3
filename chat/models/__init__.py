from chat.models.audit import AuditEntry
from chat.models.conversation import Conversation
from chat.models.evidence import Evidence
from chat.models.generation import DEAD_AFTER, Generation, Piece
from chat.models.message import Message, RequestReused
from chat.models.preset import Beginning, Preset
from chat.models.request import Asked, NothingToContinue, ReplyRunning, Request, TooManyReplies
from chat.models.search import SearchDocument
from chat.models.user import Installation, User

__all__ = [
    "DEAD_AFTER",
    "Asked",
    "AuditEntry",
    "Beginning",
    "Conversation",
    "Evidence",
    "Generation",
    "Installation",
    "Message",
    "NothingToContinue",
    "Piece",
    "Preset",
    "ReplyRunning",
    "Request",
    "RequestReused",
    "SearchDocument",
    "TooManyReplies",
    "User",
]
