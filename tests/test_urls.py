"""Every URL, requested without a login, by a stranger, by the owner, and by the administrator, also a stranger."""

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from django.contrib.auth.models import Group
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from chat.models import AuditEntry, Conversation, Message, Preset, User
from tests.support.factories import make_conversation, make_user
from tests.support.site import Site

WHO = ("nobody", "stranger", "owner", "administrator")
PASSWORD = "a password of nobody else"


class Row(NamedTuple):
    """`statuses`: in the order of WHO. `body`: a form, or JSON if the URL is for scripts; {names} are filled in."""

    method: str
    name: str
    statuses: tuple[int, int, int, int]
    body: dict[str, str] = {}
    query: str = ""
    before: str = ""
    about: str = "message"


OWN = (302, 404, 200, 404)
OWN_FORM = (302, 404, 303, 404)
# The answer itself is the login form, which keeps what was typed.
OWN_KEPT = (401, 404, 303, 404)
OWN_SCRIPT = (401, 404, 200, 404)
EVERYBODY = (200, 200, 200, 200)
SIGNED_IN = (302, 200, 200, 200)
STAFF = (302, 302, 302, 200)
STAFF_MAY_NOT = (302, 302, 302, 403)
STAFF_NEVER = (302, 302, 302, 404)
NEW = {"request_id": "{new}", "text": "hello"}

ROWS = [
    Row("GET", "manifest", EVERYBODY),
    Row("GET", "home", SIGNED_IN),
    Row("POST", "new_conversation", (401, 303, 303, 303), NEW),
    Row("GET", "conversation", OWN),
    Row("POST", "conversation", OWN_KEPT, NEW),
    Row("POST", "stream", (401, 200, 200, 200), NEW),
    Row("POST", "stream", OWN_SCRIPT, {**NEW, "conversation": "{conversation}"}),
    Row("POST", "stream", OWN_SCRIPT, {**NEW, "conversation": "{conversation}", "parent": "{message}"}),
    Row("POST", "stream", OWN_SCRIPT, {"request_id": "{new}", "retry": "{message}"}),
    Row("POST", "stream", OWN_SCRIPT, {"request_id": "{new}", "continue": "{message}"}, before="cut"),
    Row("POST", "stream", OWN_SCRIPT, {**NEW, "edit": "{question}"}),
    Row("GET", "stream", OWN_SCRIPT, query="?reply={message}"),
    Row("POST", "stop", OWN_SCRIPT, {"reply": "{message}"}),
    Row("POST", "stop", OWN_SCRIPT, {"request_id": "{request}"}),
    Row("GET", "changes", (401, 200, 200, 200), query="?since=0"),
    Row("GET", "search", SIGNED_IN, query="?q=animal"),
    Row("GET", "archived", SIGNED_IN),
    Row("GET", "title", OWN),
    Row("POST", "rename", OWN_FORM, {"title": "Foxes"}),
    Row("POST", "pin", OWN_FORM, {"pinned": "1"}),
    Row("POST", "archive", OWN_FORM, {"archived": "1"}),
    Row("POST", "delete", OWN_FORM),
    Row("POST", "restore", OWN_FORM, before="deleted"),
    Row("GET", "message", OWN),
    Row("GET", "message_text", OWN),
    Row("POST", "show_message", OWN_KEPT),
    Row("GET", "delete_message", OWN, about="question"),
    Row("POST", "delete_message", OWN_KEPT, about="question"),
    Row("POST", "restore_message", OWN_KEPT, before="deleted_pair", about="question"),
    Row("GET", "conversation_settings", OWN),
    Row("POST", "conversation_settings", OWN_FORM, {"instructions": "Be brief."}),
    Row("GET", "settings", SIGNED_IN),
    Row("POST", "settings", (302, 303, 303, 303), {"theme": "dark", "language": "", "timezone": ""}),
    Row("GET", "new_preset", SIGNED_IN),
    Row("POST", "new_preset", (302, 303, 303, 303), {"name": "Brief"}),
    Row("GET", "preset", OWN),
    Row("POST", "preset", OWN_FORM, {"name": "Briefer"}),
    Row("POST", "delete_preset", OWN_FORM),
    Row("GET", "signup", (403, 302, 302, 302)),
    Row("GET", "login", EVERYBODY),
    Row("POST", "logout", (302, 302, 302, 302)),
    Row("GET", "password_change", SIGNED_IN),
    Row("GET", "password_change_done", SIGNED_IN),
    # --- Administration ---------------------------------------------------------------------------------------------
    Row("GET", "admin:index", STAFF),
    Row("GET", "admin:app_list", STAFF),
    Row("GET", "admin:login", (302, 403, 403, 302)),
    Row("POST", "admin:logout", (302, 302, 302, 302)),
    Row("GET", "admin:password_change", STAFF),
    Row("GET", "admin:password_change_done", STAFF),
    Row("GET", "admin:jsi18n", STAFF),
    Row("GET", "admin:autocomplete", STAFF_MAY_NOT),
    Row("GET", "admin:view_on_site", STAFF_NEVER),
    Row("GET", "admin:chat_conversation_transcript", STAFF),
    Row("GET", "admin:auth_user_password_change", STAFF),
    *(
        Row("GET", f"admin:{model}_{page}", STAFF_MAY_NOT if page in forbidden else STAFF)
        for model, forbidden in {
            "chat_auditentry": {"add", "delete"},
            "chat_generation": {"add", "delete"},
            "chat_conversation": {"add", "delete"},
            "chat_user": {"delete"},
            "auth_group": set(),
        }.items()
        for page in ("changelist", "add", "history", "delete", "change")
    ),
]
READ_BY_ADMINISTRATORS = {"admin:chat_conversation_transcript"}
# Django's own: an address without its slash, and anything else that begins with /admin/.
NAMELESS = "admin:None"


@pytest.fixture
def people(site: Site) -> dict[str, httpx.Client]:
    User.objects.update_or_create(username="root", defaults={"is_staff": True, "is_superuser": True})
    clients = {"stranger": site.sign_in("boris").http, "owner": site.sign_in("anna").http}
    nobody = site.sign_in("anna").http
    nobody.cookies.delete("sessionid")
    return clients | {"administrator": site.sign_in("root").http, "nobody": nobody}


class World:
    """What Anna has, created anew for each request, under the names that the rows use."""

    def __init__(self, before: str) -> None:
        self.anna = User.objects.get(username="anna")
        self.conversation = make_conversation(self.anna, status="truncated" if before == "cut" else "complete")
        self.reply = self.conversation.messages.get(role=Message.Role.ASSISTANT)
        self.preset = Preset.objects.create(owner=self.anna, name=uuid.uuid4().hex)
        if before == "deleted":
            Conversation.objects.filter(pk=self.conversation.pk).update(deleted_at=timezone.now())
        if before == "deleted_pair":
            self.question.delete_pair()

    @property
    def question(self) -> Message:
        return self.conversation.messages.select_related("conversation__owner").get(role=Message.Role.USER)

    def names(self) -> dict[str, Any]:
        return {
            "conversation": self.conversation.pk,
            "message": self.reply.pk,
            "question": self.reply.parent_id,
            "request": self.reply.idempotency_key,
            "preset": self.preset.pk,
            "new": uuid.uuid4(),
        }

    def state(self) -> list[Any]:
        """Return all that only she may change."""
        conversations = Conversation.objects.filter(pk=self.conversation.pk)
        messages = Message.objects.filter(conversation=self.conversation).order_by("number")
        presets = Preset.objects.filter(pk=self.preset.pk)
        return [list(rows.values()) for rows in (conversations, messages, presets)]


def urls(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from urls(entry, f"{entry.namespace}:" if entry.namespace else namespace)
        else:
            yield f"{namespace}{entry.name}", entry


PATTERNS = dict(urls(get_resolver()))


def path_of(row: Row, world: World) -> str:
    names = world.names() | admin_names(row.name, world)
    names["message"] = names[row.about]
    wanted = PATTERNS[row.name].pattern.regex.groupindex
    args = {name: names[name] for name in wanted}
    return reverse(row.name, kwargs=args) + row.query.format(**names)


def admin_names(name: str, world: World) -> dict[str, Any]:
    model = name.removeprefix("admin:").rpartition("_")[0]
    objects: dict[str, Any] = {
        "chat_conversation": world.conversation.pk,
        "chat_generation": world.reply.pk,
        "chat_user": world.anna.pk,
    }
    if model == "auth_group":
        objects[model] = Group.objects.get_or_create(name="reviewers")[0].pk
    if model == "chat_auditentry":
        objects[model] = AuditEntry.objects.create(actor=world.anna.pk, action=AuditEntry.Action.SEARCH_TEXT).pk
    return {
        "object_id": objects.get(model, world.anna.pk),
        "id": world.anna.pk,
        "app_label": "chat",
        "content_type_id": 1,
    }


def test_every_url_has_a_row() -> None:
    assert {name for name in PATTERNS if name != NAMELESS} == {row.name for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.method} {row.name} {' '.join(row.body)}".strip() for row in ROWS])
def test_everybody_gets_what_is_theirs(row: Row, people: dict[str, httpx.Client]) -> None:
    make_user("somebody else, so that nobody is the first")
    got = []
    for who in WHO:
        world = World(row.before)
        path, before = path_of(row, world), world.state()
        fields = {name: value.format(**world.names()) for name, value in row.body.items()}
        if row.name in {"stream", "stop"}:
            response = people[who].request(row.method, path, json=fields if row.method == "POST" else None)
        else:
            # A form from a browser is never empty.
            form = fields | {"csrfmiddlewaretoken": "t" * 32} if row.method == "POST" else None
            response = people[who].request(row.method, path, data=form)
        got.append(response.status_code)
        if who != "owner":
            assert "An animal." not in response.text or row.name in READ_BY_ADMINISTRATORS
            assert world.state() == before or row.statuses[WHO.index(who)] < 302, who
    assert dict(zip(WHO, got, strict=True)) == dict(zip(WHO, row.statuses, strict=True))
