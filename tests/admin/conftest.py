import pytest

from chat.models import Conversation, User
from tests.support.factories import make_conversation, make_user


@pytest.fixture
def anna(db: None) -> User:
    return make_user("anna", email="anna@example.org")


@pytest.fixture
def talk(anna: User) -> Conversation:
    return make_conversation(anna, [("What is a fox?", "An animal."), ("And a hen?", "A bird.")])
