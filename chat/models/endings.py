"""How an answer may end: for each ending a sentence in plain words, and what the user can do then."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.models.status import Status

RETRY, CONTINUE, EDIT = "retry", "continue", "edit"


@dataclass(frozen=True)
class Ending:
    """`hint`: what whoever runs the server can do about it."""

    sentence: str | Promise
    actions: tuple[str, ...] = ()
    hint: str | Promise = ""


ENDINGS: dict[str, Ending] = {
    Status.STREAMING: Ending(_("The answer is being written.")),
    Status.COMPLETE: Ending(""),
    Status.STOPPED: Ending(_("You stopped this answer."), (CONTINUE, RETRY)),
    Status.TIMED_OUT: Ending(_("The model took too long."), (RETRY, CONTINUE)),
    Status.FAILED: Ending(_("The answer failed."), (RETRY, CONTINUE)),
    Status.TRUNCATED: Ending(_("The answer was cut off at the length limit."), (CONTINUE,)),
    Status.FILTERED: Ending(_("The model declined, or a content filter stopped the answer."), (EDIT,)),
    Status.INTERRUPTED: Ending(_("The server stopped while this answer was being written."), (CONTINUE, RETRY)),
}
TIMERS = {
    "connect": _("The model server could not be reached in time."),
    "first_token": _("The model did not start answering in time."),
    "idle": _("The model stopped sending in the middle of the answer."),
    "total": _("The answer took longer than allowed."),
}
ERRORS = {
    "unreachable": _("The model server can't be reached."),
    "not_configured": _("No model server is configured: set LLM_BASE_URL."),
    "rate_limited": _("The model server is receiving too many requests. Try again in a while."),
    "overloaded": _("The model server is overloaded or restarting. Try again in a while."),
    "refused": _("The model server refused the request."),
    "unauthorized": _("The model server rejected the API key. Tell the administrator."),
    "busy": _("The model server is busy. Try again in a while."),
    "server_error": _("The model server had an internal error. Try again in a while."),
    "context_too_long": _(
        "The conversation is too long for this model. Start a new chat, choose another model, or edit an earlier "
        "question, which leaves out what follows it."
    ),
    "unknown_model": _("The model server does not have this model. Choose another one."),
    "no_models": _("The model server does not list its models, and no model is configured. Tell the administrator."),
    "upstream_error": _("The model server reported an error."),
    "cut": _("The connection to the model server broke before the answer was finished."),
    "unreadable": _("The model server sent something that is not an answer."),
    "html": _("The model server sent a web page instead of an answer."),
    "empty_reply": _("The model returned an empty answer."),
    "tool_only": _("The model tried to use a tool instead of answering. There are no tools here."),
    "unknown_end": _("The model ended this answer for an unknown reason. It may be incomplete."),
    "not_stored": _("This answer could not be stored. Copy it now."),
    "storage_full": _("The server’s disk is full: this answer could not be stored. Copy it now."),
    "internal": _("Something went wrong on our side. The administrator can find it in the log."),
}


# While it is asked again: without the advice to do so.
RETRIES = {
    "rate_limited": _("The model server is receiving too many requests."),
    "overloaded": _("The model server is overloaded or restarting."),
    "busy": _("The model server is busy."),
    "server_error": _("The model server had an internal error."),
    "context_too_long": _("The conversation is too long for this model; older messages are left out."),
}

# The settings to look at, by error.
HINTS = {
    "unauthorized": _("Look at LLM_API_KEY."),
    "no_models": _("Set LLM_MODEL to the name of a model."),
    "unknown_model": _("Look at LLM_MODEL and LLM_MODELS."),
    "unreachable": _("Look at LLM_BASE_URL."),
    "html": _("Look at LLM_BASE_URL."),
}


def sentence_of_retry(error_code: str) -> str | Promise:
    """Return why the model server is asked again."""
    return RETRIES.get(error_code) or ERRORS.get(error_code) or ""


def ending_of(status: str, *, error_code: str = "", detail: str = "", timer: str = "") -> Ending:
    """Return the ending of a status, with a sentence that names the error or the timer if there is one."""
    ending = ENDINGS[status]
    sentence = TIMERS.get(timer) or ERRORS.get(error_code) or ending.sentence
    if (status == Status.FAILED or error_code == "unknown_end") and detail:
        sentence = gettext("%(sentence)s “%(detail)s”") % {"sentence": sentence, "detail": detail}
    return Ending(sentence, ending.actions, HINTS.get(error_code, ""))
