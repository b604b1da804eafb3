"""The sidebar's list of conversations: pinned ones first, then by day in the reader's time zone, in pages."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chat.http import AuthenticatedHttpRequest, number_of, uuid_of
from chat.models import Conversation, Generation
from chat.models.conversation import ConversationQuerySet

PER_PAGE = 30
# A browser that has loaded older ones asks for all of them again after a change, up to this many.
MOST = 300
MOST_PINNED = 100
# Every row holds it, in its forms.
MOST_PATH_CHARS = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Group:
    name: str
    conversations: list[Conversation]


@dataclass(frozen=True)
class Listing:
    """`older`: where the next page begins; empty on the last one. `begins_later`: this is not the first page."""

    groups: list[Group]
    older: str
    begins_later: bool = False
    shown: int = field(default=0)


def sidebar_of(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    """Return the context that every page with a sidebar needs."""
    return {"listing": listing_of(request), "deleted": just_deleted(request), "here": _here(request)}


def listing_of(request: AuthenticatedHttpRequest) -> Listing:
    """Return the rows that the address asks for: `before` a place in the list, or `count` from the top."""
    here, before = request.user.conversations.filter(archived_at=None), place_of(request.GET)
    count = _count(request.GET)
    pinned = [] if before else list(_rows(here).filter(pinned_at__isnull=False).order_by("-pinned_at")[:MOST_PINNED])
    rows = list(before_place(_rows(here).filter(pinned_at=None), before)[: count + 1])
    zone = timezone.get_current_timezone()
    groups = [Group(_("Pinned"), pinned)] if pinned else []
    groups += by_day(rows[:count], timezone.localdate(timezone=zone), zone)
    older = place_after(rows[count - 1]) if len(rows) > count else ""
    return Listing(groups, older, before is not None, min(len(rows), count))


def archived_of(request: AuthenticatedHttpRequest) -> Listing:
    rows = _rows(request.user.conversations.filter(archived_at__isnull=False))
    before = place_of(request.GET)
    found = list(before_place(rows, before)[: PER_PAGE + 1])
    older = place_after(found[PER_PAGE - 1]) if len(found) > PER_PAGE else ""
    return Listing([Group(_("Archived"), found[:PER_PAGE])] if found else [], older, before is not None)


def _here(request: AuthenticatedHttpRequest) -> str:
    """Return where plain forms lead back to: this page, even if a script asked for a part of it."""
    query = request.GET.copy()
    for name in ("fragment", "count", "deleted"):
        query.pop(name, None)
    path = f"{request.path}?{query.urlencode()}" if query else request.path
    return path if len(path) <= MOST_PATH_CHARS else request.path


def just_deleted(request: AuthenticatedHttpRequest) -> Conversation | None:
    """Return the conversation that the notice on this page offers to restore."""
    key = uuid_of(request.GET.get("deleted"))
    return request.user.conversations.deleted().filter(pk=key).first() if key else None


def _rows(conversations: ConversationQuerySet) -> ConversationQuerySet:
    running = Generation.objects.running().filter(conversation=OuterRef("pk"))
    # The owner too: without it, each row would query for its owner.
    shown = ("title", "owner", "last_message_at", "pinned_at", "archived_at")
    return conversations.newest_first().annotate(is_running=Exists(running)).only(*shown)


# --- Places in the list -----------------------------------------------------------------------------------------------


def place_after(conversation: Conversation) -> str:
    """Return the address of what comes after this row, which holds even when the list changes in between."""
    return f"{(conversation.last_message_at - EPOCH) // MICROSECOND}-{conversation.pk.hex}"


def place_of(query: QueryDict) -> tuple[datetime, uuid.UUID] | None:
    """Return a place in the list. None, the top, for anything that `place_after` never gave out."""
    time, _dash, key = query.get("before", "").partition("-")
    microseconds, conversation = number_of(time, most_digits=17), uuid_of(key)
    if microseconds is None or conversation is None:
        return None
    try:
        return EPOCH + microseconds * MICROSECOND, conversation
    except OverflowError:
        return None


def before_place(rows: ConversationQuerySet, place: tuple[datetime, uuid.UUID] | None) -> ConversationQuerySet:
    if place is None:
        return rows
    time, key = place
    # The first condition uses the index, the second one breaks ties.
    return rows.filter(last_message_at__lte=time).filter(Q(last_message_at__lt=time) | Q(pk__gt=key))


def _count(query: QueryDict) -> int:
    count = number_of(query.get("count", ""), most_digits=4) or PER_PAGE
    return min(max(count, PER_PAGE), MOST)


# --- Days -------------------------------------------------------------------------------------------------------------


def by_day(rows: Iterable[Conversation], today: date, zone: tzinfo) -> Iterator[Group]:
    def name(conversation: Conversation) -> str:
        return name_of(timezone.localdate(conversation.last_message_at, zone), today)

    for group, conversations in groupby(rows, name):
        yield Group(group, list(conversations))


def name_of(day: date, today: date) -> str:
    """Return the name of a day's group: days or weeks if it is recent, otherwise a month of this year, or a year."""
    ago = (today - day).days
    if ago <= 0:
        return _("Today")
    if ago == 1:
        return _("Yesterday")
    if ago <= 7:
        return _("Previous 7 days")
    if ago <= 30:
        return _("Previous 30 days")
    return date_format(day, "F" if day.year == today.year else "Y")
