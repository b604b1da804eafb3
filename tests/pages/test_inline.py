"""A page runs only scripts that we wrote, and requests nothing from other sites."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from chat.models import Conversation, Preset, User
from tests.pages.page import Inline, body, html, path_of, path_of_message
from tests.support.factories import ask, make_conversation, make_user

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]


EVIL = '<script>alert(1)</script><img src=x onerror="alert(1)">'


def test_what_people_and_models_write_stays_text(client: Client, anna: User) -> None:
    User.objects.update(username=EVIL[:150])
    conversation = make_conversation(
        anna, [(EVIL, EVIL)], reasoning=EVIL, status="failed", error_detail=EVIL, model=EVIL
    )
    Conversation.objects.update(title=EVIL)
    page = html(client.get(path_of(conversation)))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 6


def every_page(client: Client, settings: Any) -> Iterator[Any]:
    yield client.get("/accounts/signup/")
    anna = make_user()
    for path in ("/accounts/login/", "/accounts/signup/"):
        yield client.get(path)
    yield client.post("/accounts/login/", {"username": "anna", "password": "wrong"})
    yield client.post("/chat/", body())
    client.force_login(anna)
    settings.SIGNUP = "open"
    yield Client().get("/accounts/signup/")
    conversation = make_conversation(anna, [("q?", "a")], status="failed")
    yield client.get(path_of(conversation))
    yield client.post(path_of(conversation), body(" "))
    ask(conversation, "q?")
    yield client.get(path_of(conversation))
    yield client.get(path_of_message(conversation.messages.latest("number")))
    for demo, base_url in ((True, "http://127.0.0.1:1/v1"), (False, "")):
        settings.LLM_DEMO, settings.LLM_BASE_URL = demo, base_url
        yield client.get("/")
    preset = Preset.objects.create(owner=anna, name="Brief")
    for path in ("/settings/", "/settings/presets/new/", f"/settings/presets/{preset.pk}/", "/"):
        yield client.get(path)
    yield client.get(f"{path_of(conversation)}settings/")
    yield client.post(f"{path_of(conversation)}settings/", {"temperature": "hot"})
    for path in ("/accounts/password/", "/accounts/password/done/", f"/chat/{uuid.uuid4()}/"):
        yield client.get(path)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    yield strict.post("/chat/", body())


def test_no_page_has_inline_code_or_asks_another_site(client: Client, settings: Any) -> None:
    pages = list(every_page(client, settings))
    assert len(pages) > 15
    for page in pages:
        parser = Inline()
        parser.feed(html(page))
        assert parser.found == [], page.request["PATH_INFO"]
        assert "'unsafe" not in page["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["400", "403", "404", "500"])
def test_the_error_pages_need_nothing(name: str, django_assert_num_queries: Any) -> None:
    from django.template.loader import get_template

    with django_assert_num_queries(0):
        page = get_template(f"{name}.html").render()
    parser = Inline()
    parser.feed(page)
    assert parser.found == []
    assert "<h1>" in page


def test_the_page_of_an_error_knows_where_the_style_is() -> None:
    """500.html names the files itself, because their manifest may be what is broken."""
    page = (ROOT / "templates" / "500.html").read_text()
    for address in re.findall(r'href="/static/([^"]*)"', page):
        assert (ROOT / "static" / address).is_file()
