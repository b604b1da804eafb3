from chat.models.audit import AuditEntry
from chat.models.conversation import AskResult, Conversation
from chat.models.errors import NothingToContinue, ReplyRunning, RequestReused, TooManyReplies
from chat.models.evidence import Evidence
from chat.models.generation import Generation, Piece
from chat.models.leftovers import delete_leftovers
from chat.models.login import LoginFailures
from chat.models.message import Message
from chat.models.preset import ChatDefaults, Preset
from chat.models.process import DEAD_AFTER, Process
from chat.models.rate import Rate
from chat.models.search import SearchDocument
from chat.models.status import Status
from chat.models.submission import Submission
from chat.models.user import Installation, User

__all__ = [
    "DEAD_AFTER",
    "AskResult",
    "AuditEntry",
    "ChatDefaults",
    "Conversation",
    "Evidence",
    "Generation",
    "Installation",
    "LoginFailures",
    "Message",
    "NothingToContinue",
    "Piece",
    "Preset",
    "Process",
    "Rate",
    "ReplyRunning",
    "RequestReused",
    "SearchDocument",
    "Status",
    "Submission",
    "TooManyReplies",
    "User",
    "delete_leftovers",
]
