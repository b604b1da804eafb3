"""One name is one person's, whatever its case and Unicode form, on every database."""

import re
import unicodedata
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from chat.accounts.throttle import Attempt
from chat.models import Preset, User
from chat.models.names import KEY_CHARS, key_of, key_of_duplicate
from tests.accounts.forms import is_logged_in, log_in, sign_up
from tests.support.factories import make_conversation, make_user

NAMES = [
    ("Alice", "alice", "ALICE", "ａｌｉｃｅ", "Ａｌice"),
    ("Зоя", "зоя", "ЗОЯ"),
    ("Müller", "MÜLLER", "mu\u0308ller"),
    ("Straße", "STRASSE", "strasse"),
    ("u3", "Ｕ３", "ｕ3"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
]
SPELLINGS = [(name, other) for name, *others in NAMES for other in others]
# Its capital is I, which is the capital of i.
DOTLESS = "ı"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=DOTLESS)))
def test_all_spellings_of_a_name_have_one_key(name: str) -> None:
    key = key_of(name)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert key_of(unicodedata.normalize(form, name)) == key
    for other in (key, name.upper(), name.lower(), name.casefold(), f" {name}\t"):
        assert key_of(other) == key
    assert len(key) <= KEY_CHARS


@given(st.text(), st.text())
def test_the_key_of_a_duplicate_is_the_key_of_no_name(name: str, other: str) -> None:
    assert key_of_duplicate(key_of(name), "id") != key_of(other)


@given(st.text())
def test_the_migration_makes_the_keys_that_the_models_make(name: str) -> None:
    assert import_module("chat.migrations.0009_fill_keys_of_names").key_of(name) == key_of(name)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_people_log_in_by_any_spelling(client: Client, name: str, typed: str) -> None:
    make_user(name)
    assert log_in(client, name=typed).status_code == 302
    assert is_logged_in(client)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_nobody_can_take_a_name_in_another_spelling(client: Client, settings: Any, name: str, typed: str) -> None:
    make_user(name, email=f"{name}@example.com")
    settings.SIGNUP = "open"
    assert "already exists" in sign_up(client, typed).content.decode()
    call_with_name = {"interactive": False, "username": typed, "email": "somebody@example.com"}
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", **call_with_name)
    assert User.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["anna@BÜCHER.example", "ANNA@bu\u0308cher.example", "Anna@bücher.example"])
def test_nobody_can_take_an_address_in_another_spelling(client: Client, settings: Any, email: str) -> None:
    make_user(email="anna@bücher.example")
    settings.SIGNUP = "open"
    response = sign_up(client, "boris", email=email)
    assert response.status_code == 200
    assert response.content.count(b"Another account uses this email address.") == 1
    assert sign_up(client, "boris", email="boris@example.com").status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_an_administrator_can_neither_add_nor_rename_to_it(admin_client: Client, name: str, typed: str) -> None:
    make_user(name)
    boris = make_user("boris")
    added = admin_client.post("/admin/chat/user/add/", {"username": typed, "usable_password": "false"})
    renamed = admin_client.post(f"/admin/chat/user/{boris.pk}/change/", {"username": typed, "theme": "system"})
    for response in (added, renamed):
        assert "already exists" in response.content.decode()
    boris.refresh_from_db()
    assert boris.username == "boris"


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
@pytest.mark.parametrize("model", ["user", "conversation", "generation"])
def test_an_administrator_finds_people_by_any_spelling(admin_client: Client, model: str, name: str, typed: str) -> None:
    make_conversation(make_user(name))
    make_conversation(make_user("boris"))
    page = admin_client.get(f"/admin/chat/{model}/", {"q": typed}).content.decode()
    assert name in page
    assert "boris" not in page


@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_failures_are_counted_for_one_name(rf: RequestFactory, name: str, typed: str) -> None:
    one, other = (Attempt.to_log_in(rf.post("/", {"username": spelling})) for spelling in (name, typed))
    assert (one.own, one.shared) == (other.own, other.shared)


@pytest.mark.django_db
def test_a_preset_has_a_name_of_its_own_whatever_its_spelling(client: Client) -> None:
    anna = make_user()
    client.force_login(anna)
    for name, *others in NAMES:
        assert client.post("/settings/presets/new/", {"name": name}).status_code == 303
        for other in others:
            page = client.post("/settings/presets/new/", {"name": other})
            assert "You already have a preset with this name." in page.content.decode()
    assert anna.presets.count() == len(NAMES)


# --- What an older version has written --------------------------------------------------------------------------------


def as_before(*names: str) -> list[User]:
    """People as an older version saved them: without keys, and on some databases with one name in two spellings."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS user_username_unique_whatever_its_case")
    people = [make_user(f"person-{number}") for number, _ in enumerate(names)]
    for person, name in zip(people, names, strict=True):
        User.objects.filter(pk=person.pk).update(username=name, username_key=None, email=f"{name}@a.example")
    return people


def checked_names() -> str:
    output = StringIO()
    call_command("check_names", stdout=output)
    return output.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["migration", "sweep", "command"])
def test_who_has_one_name_in_two_spellings_still_logs_in_by_it(client: Client, way: str) -> None:
    first, second = as_before("Зоя", "зоя")
    if way == "migration":
        import_module("chat.migrations.0009_fill_keys_of_names").fill(apps, connection.schema_editor())
    elif way == "sweep":
        User.objects.give_missing_keys()
    else:
        checked_names()
    assert log_in(client, name="зоя").status_code == 302
    assert client.session["_auth_user_id"] == str(second.pk)
    client.logout()
    for typed in ("Зоя", "ЗОЯ"):
        assert log_in(client, name=typed).status_code == 302
        assert client.session["_auth_user_id"] == str(first.pk)
        client.logout()


@pytest.mark.django_db
def test_who_has_one_name_in_two_spellings_can_save_settings_and_be_renamed(client: Client) -> None:
    _first, second = as_before("Зоя", "зоя")
    assert 'Another account has "зоя" in another spelling.' in checked_names()
    client.force_login(second)
    settings = {"language": "", "timezone": "", "theme": "dark", "model": "", "preset": "", "instructions": ""}
    assert client.post("/settings/", settings).status_code == 303
    second.refresh_from_db()
    assert second.theme == "dark"
    second.username = second.email = "zoe@example.com"
    second.save()
    assert second.username_key == "zoe@example.com"
    assert "Duplicate names and addresses: 0" in checked_names()


@pytest.mark.django_db
def test_a_duplicate_gets_the_name_when_it_is_free() -> None:
    first, second = as_before("Зоя", "зоя")
    checked_names()
    first.username, first.email = "Anna", ""
    first.save()
    output = checked_names()
    assert "Keys repaired: 2" in output
    assert "Duplicate names and addresses: 0" in output
    assert User.objects.get_by_natural_key("ЗОЯ") == second


@pytest.mark.django_db
def test_a_name_changed_by_an_older_version_is_found_again() -> None:
    anna = make_user()
    User.objects.filter(pk=anna.pk).update(username="Boris")
    assert User.objects.get_by_natural_key("Boris") == anna
    checked_names()
    assert User.objects.get_by_natural_key("BORIS") == anna


@pytest.mark.django_db
def test_every_name_has_its_key_however_it_is_saved() -> None:
    anna = make_user(email="Anna@Example.com")
    Preset.objects.bulk_create([Preset(owner=anna, name="Ａ")])
    assert [anna.username_key, anna.email_key, anna.presets.get().name_key] == ["anna", "anna@example.com", "a"]
    boris, zoe = make_user("boris"), make_user("zoe")
    assert [boris.email_key, zoe.email_key] == [None, None]
    assert not re.search(r"[1-9]", checked_names())
