"""Whether a session is still valid, and telling its sockets when it ends."""

from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils.crypto import constant_time_compare

from chat.doorbell import doorbell
from chat.models import User

# A change of any of these may end sessions.
DECISIVE = {"password", "is_active"}


def user_of(session_key: str) -> User | None:
    """Return who is logged in with this session, by the database. Unlike Django's get_user, changes nothing."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    return user if user and _is_signed(session.get(HASH_SESSION_KEY, ""), user) else None


def _is_signed(session_hash: str, user: User) -> bool:
    """Tell whether the session was made with the user's current password."""
    valid = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(session_hash, one) for one in valid)


# Not user_logged_out, which comes before the session is gone.
@receiver(post_delete, sender=Session)
def on_logout(instance: Session, **_: Any) -> None:
    if owner := instance.get_decoded().get(SESSION_KEY):
        recheck(UUID(owner))


@receiver(post_save, sender=User)
def on_change(instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    if not created and (update_fields is None or DECISIVE & update_fields):
        recheck(instance.pk)


def recheck(owner: UUID) -> None:
    """Have the user's sockets check their session, after the commit, because they read the database."""
    transaction.on_commit(partial(doorbell.recheck, owner))
