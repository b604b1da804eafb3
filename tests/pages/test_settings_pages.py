"""Settings with plain forms: of one conversation, of the user, and presets."""

import re
from typing import Any

import pytest
from django.test import Client

from chat.models import Conversation, Preset, User
from chat.replies.engine import engine
from chat.replies.writer import Job
from chat.upstream import ModelInfo
from tests.pages.page import body, html, path_of
from tests.support.factories import make_conversation, make_user

pytestmark = pytest.mark.django_db

EMPTY = {"instructions": "", "temperature": "", "top_p": "", "max_tokens": ""}
OURS = {"instructions": "Be brief.", "temperature": "0.5", "top_p": "0.9", "max_tokens": "300"}
PARAMETERS = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 300}
PERSONAL = {"language": "", "theme": "system", "timezone": "", "model": "", "preset": "", "instructions": ""}


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "offered", lambda: (ModelInfo("fox-1"), ModelInfo("hen-2")))


def settings_of(conversation: Conversation) -> str:
    return f"{path_of(conversation)}settings/"


def preset_of(owner: User, **fields: Any) -> Preset:
    return Preset.objects.create(owner=owner, **{"name": "Pirate", "instructions": "Say arr.", **fields})


def chosen(page: Any) -> str:
    picker = page.context["picker"]
    return str(picker.chosen) + (" gone" if picker.is_gone else "")


# --- One conversation -------------------------------------------------------------------------------------------


def test_settings_hold_from_the_next_answer_on(client: Client, anna: User, begun: list[Job]) -> None:
    conversation = make_conversation(anna)
    response = client.post(settings_of(conversation), OURS)
    assert (response.status_code, response["Location"]) == (303, path_of(conversation))
    client.post(path_of(conversation), body("And a wolf?"))
    assert begun[0].turns[0] == {"role": "system", "content": "Be brief."}
    assert begun[0].parameters == PARAMETERS
    assert 'value="0.5"' in html(client.get(settings_of(conversation)))

    client.post(settings_of(conversation), EMPTY)
    conversation.refresh_from_db()
    assert (conversation.instructions, conversation.parameters) == ("", {})


def test_settings_of_a_new_chat_come_with_its_first_question(client: Client, anna: User, begun: list[Job]) -> None:
    client.post("/chat/", body("What is a fox?", model="hen-2", **OURS))
    conversation = anna.conversations.get()
    assert (conversation.model, conversation.instructions) == ("hen-2", "Be brief.")
    assert conversation.parameters == PARAMETERS == begun[0].parameters
    assert begun[0].start.model == "hen-2"


WRONG = [
    ("temperature", "2.1"),
    ("temperature", "-0.1"),
    ("temperature", "nan"),
    ("temperature", "hot"),
    ("top_p", "1.5"),
    ("top_p", "-1"),
    ("max_tokens", "0"),
    ("max_tokens", "1.5"),
    ("max_tokens", "1000001"),
    ("instructions", "x" * 20_001),
    ("instructions", "a\0b"),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda text: text[:9])
def test_what_is_out_of_bounds_is_refused_and_kept_in_its_field(
    client: Client, anna: User, begun: list[Job], name: str, value: str
) -> None:
    conversation = make_conversation(anna)
    wrong = OURS | {name: value}
    for path in (settings_of(conversation), "/chat/"):
        response = client.post(path, body("kept?") | wrong)
        assert response.status_code == 400
        assert response.context["settings_form"][name].value() == value
        assert response.context["settings_form"].errors[name]
    assert "kept?</textarea>" in html(response)
    assert not begun
    conversation.refresh_from_db()
    assert (conversation.instructions, conversation.parameters) == ("", {})


@pytest.mark.parametrize("value", ["0", "2", "1.25"])
def test_the_bounds_themselves_are_inside(client: Client, anna: User, value: str) -> None:
    conversation = make_conversation(anna)
    assert client.post(settings_of(conversation), EMPTY | {"temperature": value}).status_code == 303
    conversation.refresh_from_db()
    assert conversation.parameters == {"temperature": float(value)}


# --- The model ---------------------------------------------------------------------------------------------------


def test_a_conversation_keeps_its_model_and_a_new_one_begins_with_the_last(client: Client, anna: User) -> None:
    assert chosen(client.get("/")) == "fox-1"
    client.post("/chat/", body(model="hen-2"))
    conversation = anna.conversations.get()
    assert chosen(client.get(path_of(conversation))) == "hen-2"
    assert chosen(client.get("/")) == "hen-2"


def test_a_model_that_is_gone_is_shown_and_refused_with_what_to_do(
    client: Client, anna: User, begun: list[Job]
) -> None:
    conversation = make_conversation(anna)
    Conversation.objects.update(model="of-yesterday")
    assert chosen(client.get(path_of(conversation))) == "of-yesterday gone"
    assert chosen(client.get("/")) == "fox-1"
    response = client.post(path_of(conversation), body("Again?", model="of-yesterday"))
    assert response.status_code == 400
    assert "Choose another" in html(response)
    assert not begun
    # A script that names no model gets one that is available.
    client.post(path_of(conversation), body("Again?"))
    assert begun[0].start.model == "fox-1"


def test_while_the_list_is_unknown_nothing_is_said_to_be_gone(
    client: Client, anna: User, begun: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "offered", lambda: ())
    conversation = make_conversation(anna)
    assert chosen(client.get(path_of(conversation))) == "fox-1"
    assert chosen(client.get("/")) == ""
    assert client.post(path_of(conversation), body("Again?", model="fox-1")).status_code == 303
    assert client.post("/chat/", body("Again?", model="")).status_code == 303
    assert [job.start.model for job in begun] == ["fox-1", ""]


def test_the_configured_default_is_always_there(client: Client, anna: User, settings: Any) -> None:
    settings.LLM_MODEL = "owl-3"
    page = client.get("/")
    assert (page.context["picker"].models, chosen(page)) == (("owl-3", "fox-1", "hen-2"), "owl-3")


# --- The user -------------------------------------------------------------------------------------------------------


def test_personal_settings_are_kept(client: Client, anna: User) -> None:
    wanted = PERSONAL | {"language": "ru", "theme": "dark", "timezone": "Asia/Tokyo", "model": "hen-2"}
    assert client.post("/settings/", wanted | {"instructions": "Be kind."}).status_code == 303
    anna.refresh_from_db()
    assert (anna.language, anna.theme, anna.timezone, anna.model) == ("ru", "dark", "Asia/Tokyo", "hen-2")
    page = client.get("/")
    assert page["Content-Language"] == "ru"
    assert 'lang="ru" data-theme="dark" data-time-zone="Asia/Tokyo"' in html(page)
    assert chosen(page) == "hen-2"
    assert "Be kind." in html(page)


@pytest.mark.parametrize(
    "wrong",
    [{"language": "xx"}, {"theme": "pink"}, {"timezone": "Mars/Base"}, {"model": "nobody's"}, {"instructions": "a\0b"}],
)
def test_what_there_is_not_is_refused(client: Client, anna: User, wrong: dict[str, str]) -> None:
    assert client.post("/settings/", PERSONAL | wrong).status_code == 400
    before = anna.language, anna.theme, anna.timezone, anna.model, anna.instructions
    anna.refresh_from_db()
    assert before == (anna.language, anna.theme, anna.timezone, anna.model, anna.instructions)


def test_each_language_is_called_by_its_own_name(client: Client, anna: User) -> None:
    assert re.findall(r'<option value="(?:en|ru)">(\w+)</option>', html(client.get("/settings/"))) == [
        "English",
        "Русский",
    ]


def test_the_browsers_language_holds_unless_one_was_chosen(client: Client, anna: User) -> None:
    assert client.get("/", headers={"Accept-Language": "ru"})["Content-Language"] == "ru"
    User.objects.update(language="en")
    assert client.get("/", headers={"Accept-Language": "ru"})["Content-Language"] == "en"
    assert Client().get("/accounts/login/", headers={"Accept-Language": "ru"})["Content-Language"] == "ru"


def test_personal_instructions_begin_every_new_conversation(client: Client, anna: User, begun: list[Job]) -> None:
    User.objects.update(instructions="Be kind.", model="hen-2")
    client.post("/chat/", body())
    client.post("/chat/", body(**EMPTY))
    assert [job.turns[0]["content"] for job in begun] == ["Be kind.", "What is a fox?"]
    assert begun[0].start.model == "hen-2"


# --- Presets --------------------------------------------------------------------------------------------------------


def test_a_preset_is_made_changed_and_deleted(client: Client, anna: User) -> None:
    made = client.post("/settings/presets/new/", {"name": "Pirate", "model": "hen-2", **OURS})
    assert made.status_code == 303
    preset = anna.presets.get()
    assert (preset.model, preset.instructions, preset.parameters) == ("hen-2", "Be brief.", PARAMETERS)
    assert "Pirate" in html(client.get("/settings/"))
    client.post(f"/settings/presets/{preset.pk}/", {"name": "Sailor", "model": "", **EMPTY})
    preset.refresh_from_db()
    assert (preset.name, preset.model, preset.instructions, preset.parameters) == ("Sailor", "", "", {})
    assert client.get(f"/settings/presets/{preset.pk}/delete/").status_code == 405
    assert client.post(f"/settings/presets/{preset.pk}/delete/").status_code == 303
    assert not anna.presets.exists()


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "pirate"}, {"name": "x" * 81}, {"model": "nobody's"}])
def test_a_preset_that_can_not_be_is_refused(client: Client, anna: User, wrong: dict[str, str]) -> None:
    preset_of(anna)
    response = client.post("/settings/presets/new/", {"name": "Other", "model": "", **OURS} | wrong)
    assert response.status_code == 400
    assert response.context["form"].errors
    assert anna.presets.count() == 1


def test_two_people_may_have_a_preset_of_the_same_name(client: Client, anna: User) -> None:
    preset_of(make_user("boris"))
    assert client.post("/settings/presets/new/", {"name": "Pirate", "model": "", **OURS}).status_code == 303


def test_a_new_chat_begins_with_the_preset_that_is_chosen(client: Client, anna: User) -> None:
    User.objects.update(instructions="Be kind.")
    pirate = preset_of(anna, model="hen-2", parameters={"temperature": 1.5})
    plain = preset_of(anna, name="Plain", instructions="")
    page = client.get(f"/?preset={pirate.pk}")
    assert (chosen(page), page.context["preset"]) == ("hen-2", pirate)
    assert page.context["settings_form"].initial == {"instructions": "Say arr.", "temperature": 1.5}
    assert client.get(f"/?preset={plain.pk}").context["settings_form"].initial == {"instructions": "Be kind."}
    assert client.get("/?preset=nonsense").context["preset"] is None


def test_ones_own_preset_is_chosen_by_itself_and_for_scripts(client: Client, anna: User, begun: list[Job]) -> None:
    User.objects.update(preset=preset_of(anna, model="hen-2", parameters={"temperature": 1.5}))
    assert client.get("/").context["settings_form"].initial["instructions"] == "Say arr."
    assert client.get("/?preset=").context["settings_form"].initial["instructions"] == ""
    client.post("/chat/", body())
    assert (begun[0].start.model, begun[0].parameters) == ("hen-2", {"temperature": 1.5})
    assert begun[0].turns[0]["content"] == "Say arr."
    Preset.objects.all().delete()
    assert client.get("/").status_code == 200


def test_settings_become_a_preset_and_what_was_typed_comes_back(client: Client, anna: User) -> None:
    form = client.post("/settings/presets/new/", {"next": "/", "text": "Ahoy?", "model": "hen-2", **OURS})
    assert form.status_code == 200
    assert not anna.presets.exists()
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html(form)))
    assert (sent["next"], sent["text"]) == ("/", "Ahoy?")
    assert form.context["form"]["model"].value() == "hen-2"
    saved = client.post("/settings/presets/new/", {"name": "Pirate", "model": "hen-2", **OURS, **sent})
    assert saved["Location"] == f"/?preset={anna.presets.get().pk}"
    assert client.get(saved["Location"]).context["typed"] == "Ahoy?"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_back_leads_nowhere_else(client: Client, anna: User, elsewhere: str) -> None:
    saved = client.post("/settings/presets/new/", {"name": "Pirate", "model": "", "next": elsewhere, **OURS})
    assert saved["Location"].startswith("/settings/")
    assert elsewhere not in html(client.post("/settings/presets/new/", {"next": elsewhere}))


def test_a_stranger_finds_none_of_it(client: Client, anna: User) -> None:
    preset, conversation = preset_of(anna), make_conversation(anna)
    addresses = [settings_of(conversation), f"/settings/presets/{preset.pk}/"]
    for stranger in (make_user("boris"), make_user("root", is_staff=True, is_superuser=True)):
        client.force_login(stranger)
        for address in addresses:
            assert client.get(address).status_code == 404
            assert client.post(address, {"name": "Mine", "model": "", **OURS}).status_code == 404
        assert client.post(f"{addresses[1]}delete/").status_code == 404
        assert client.post("/settings/", PERSONAL | {"preset": str(preset.pk)}).status_code == 400
        assert "Pirate" not in html(client.get(f"/?preset={preset.pk}"))
    client.logout()
    for address in (*addresses, "/settings/", "/settings/presets/new/", f"{addresses[1]}delete/"):
        response = client.post(address)
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/")
    preset.refresh_from_db()
    conversation.refresh_from_db()
    assert (preset.name, conversation.instructions) == ("Pirate", "")


def test_what_people_write_stays_text(client: Client, anna: User) -> None:
    evil = '"><script>alert(1)</script>'
    preset = preset_of(anna, name=evil, model=evil, instructions=f"</textarea>{evil}")
    conversation = make_conversation(anna)
    Conversation.objects.update(model=evil, instructions=f"</textarea>{evil}")
    for address in ("/", f"/?preset={preset.pk}", "/settings/", f"/settings/presets/{preset.pk}/"):
        assert "<script>alert" not in html(client.get(address))
    for address in (path_of(conversation), settings_of(conversation)):
        assert "<script>alert" not in html(client.get(address))
