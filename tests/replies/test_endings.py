"""How an answer that went wrong is told: to everybody what it was, to staff which setting to look at."""

from typing import Any

import pytest

from chat.models import User
from chat.models.endings import ERRORS, HINTS
from tests.support.fake_upstream.chunks import error, json_answer
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, stored

STATUSES = {"unauthorized": (401, "No."), "unknown_model": (404, "The model does not exist.")}


@pytest.mark.parametrize("code", STATUSES)
def test_staff_is_told_which_setting_to_look_at(code: str, anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    status, sentence = STATUSES[code]
    settings.LLM_MODEL = upstream.add(f"refuses-{code}", json_answer(error(sentence), status))
    conversation = stored(anna.ask().reply).conversation_id
    pages = []
    for is_staff in (False, True):
        User.objects.filter(pk=anna.user.pk).update(is_staff=is_staff)
        pages.append(anna.http.get(f"/chat/{conversation}/").text)

    assert all(str(ERRORS[code]) in page for page in pages)
    assert [str(HINTS[code]) in page for page in pages] == [False, True]
