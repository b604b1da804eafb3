from chat.admin.audit import AuditEntryAdmin
from chat.admin.conversations import ConversationAdmin
from chat.admin.replies import ReplyAdmin
from chat.admin.users import PermissionGroupAdmin, UserAdmin

__all__ = ["AuditEntryAdmin", "ConversationAdmin", "PermissionGroupAdmin", "ReplyAdmin", "UserAdmin"]
