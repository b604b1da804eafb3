import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from chat.models import Generation, User
from tests.admin.site import client_of, permit, text_of, url
from tests.support.factories import ask, make_conversation, make_user

pytestmark = pytest.mark.django_db


def act(client: Client, action: str, *people: User):
    chosen = {"action": action, "_selected_action": [str(user.pk) for user in people]}
    return client.post(url("chat_user_changelist"), chosen)


def test_a_person_is_deactivated_and_their_running_reply_stopped(anna):
    reply = ask(make_conversation(anna), "And a hen?")
    other = ask(make_conversation(make_user("bert")), "And a cow?")
    act(client_of("helpdesk"), "deactivate", anna)
    anna.refresh_from_db()
    assert not anna.is_active
    assert Generation.objects.get(pk=reply.pk).stop_requested_at
    assert not Generation.objects.get(pk=other.pk).stop_requested_at


def test_a_person_is_activated_again():
    bert = make_user("bert", is_active=False)
    act(client_of("helpdesk"), "activate", bert)
    bert.refresh_from_db()
    assert bert.is_active


def test_nobody_deactivates_themselves():
    client = client_of("superuser")
    me = User.objects.get(username="superuser")
    act(client, "deactivate", me)
    me.refresh_from_db()
    assert me.is_active


def test_staff_who_may_only_look_has_no_actions(anna):
    act(client_of("staff"), "deactivate", anna)
    anna.refresh_from_db()
    assert anna.is_active


def test_nobody_deletes_a_person(anna):
    client = client_of("superuser")
    assert client.post(url("chat_user_delete", anna.pk), {"post": "yes"}).status_code == 403
    act(client, "delete_selected", anna)
    assert User.objects.filter(pk=anna.pk).exists()


def as_form(user: User, **changes) -> dict[str, str]:
    return {"username": user.username, "email": user.email, "theme": user.theme, **changes}


def test_a_superuser_makes_and_changes_a_person():
    client = client_of("superuser")
    new = {"username": "clara", "password1": "a rather long one", "password2": "a rather long one"}
    assert client.post(url("chat_user_add"), new).status_code == 302
    clara = User.objects.get(username="clara")
    changed = as_form(clara, email="clara@example.org", language="ru", timezone="Europe/Berlin", is_staff="on")
    assert client.post(url("chat_user_change", clara.pk), changed).status_code == 302
    clara.refresh_from_db()
    assert (clara.email, clara.language, clara.timezone, clara.is_staff, clara.is_active) == (
        "clara@example.org",
        "ru",
        "Europe/Berlin",
        True,
        True,
    )


@pytest.mark.parametrize("wrong", [{"email": "ANNA@example.org"}, {"username": "Anna"}, {"timezone": "Mars/Base"}])
def test_what_another_has_or_nobody_knows_is_refused(anna, wrong):
    bert = make_user("bert")
    response = client_of("superuser").post(url("chat_user_change", bert.pk), as_form(bert, **wrong))
    assert response.status_code == 200
    assert "errornote" in response.content.decode()


def test_helpdesk_changes_a_person_but_gives_no_rights(anna):
    read = Permission.objects.get(codename="read_transcript")
    form = as_form(anna, first_name="Anna", is_staff="on", is_superuser="on", user_permissions=[str(read.pk)])
    assert client_of("helpdesk").post(url("chat_user_change", anna.pk), form).status_code == 302
    anna.refresh_from_db()
    assert anna.first_name == "Anna"
    assert not (anna.is_staff)
    assert not (anna.is_superuser)
    assert not (anna.user_permissions.exists())


def test_helpdesk_does_not_touch_staff_nor_passwords(anna):
    client = client_of("helpdesk")
    me = User.objects.get(username="helpdesk")
    boss = make_user("boss", is_staff=True, is_superuser=True)
    for user in (me, boss):
        assert client.post(url("chat_user_change", user.pk), as_form(user, email="x@y.org")).status_code == 403
    act(client, "deactivate", boss)
    boss.refresh_from_db()
    assert boss.is_active
    assert client.get(url("auth_user_password_change", anna.pk)).status_code == 403
    assert "pbkdf2" not in text_of(client.get(url("chat_user_change", anna.pk)))


def test_only_superusers_change_groups():
    group = Group.objects.create(name="readers")
    client = Client()
    client.force_login(permit(make_user("staff", is_staff=True), "view_group", "change_group", "add_group"))
    assert client.post(url("auth_group_change", group.pk), {"name": "others"}).status_code == 403
    assert client_of("superuser").post(url("auth_group_change", group.pk), {"name": "others"}).status_code == 302


@pytest.mark.parametrize("term", ["ANN", "example.org", "id", "nobody"])
def test_a_person_is_found_by_name_address_and_id(anna, term):
    make_user("bert")
    response = client_of("staff").get(url("chat_user_changelist"), {"q": str(anna.pk) if term == "id" else term})
    found = [user.username for user in response.context["cl"].result_list]
    assert found == ([] if term == "nobody" else ["anna"])


def test_a_superuser_sets_a_new_password(anna):
    new = {"password1": "a rather long one", "password2": "a rather long one", "usable_password": "true"}
    address = url("auth_user_password_change", anna.pk)
    assert client_of("superuser").post(address, new).status_code == 302
    anna.refresh_from_db()
    assert anna.check_password("a rather long one")
