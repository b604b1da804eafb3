"""What the forms of the account pages send."""

from typing import Any

from django.test import Client

PASSWORD = "a password of anna"
NEW_PASSWORD = "quiet-foxes-sleep-late"


def sign_up(client: Client, name: str = "anna", **fields: str) -> Any:
    body = {"username": name, "email": "", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, **fields}
    return client.post("/accounts/signup/", body)


def log_in(client: Client, password: str = PASSWORD, name: str = "anna", **extra: Any) -> Any:
    return client.post("/accounts/login/", {"username": name, "password": password, "next": "/"}, **extra)


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session
