"""What a finish_reason means, in the words of all the servers that were seen. Pure."""

from typing import Literal

Meaning = Literal["none", "complete", "truncated", "filtered", "failed", "tool", "unknown"]

# As `_plain` writes them: without case and without what stands between the letters.
WORDS: dict[Meaning, str] = {
    "none": "null none nil undefined unspecified finishreasonunspecified notfinished unfinished inprogress",
    "complete": (
        "stop stopped stopsequence stopsequences stoptoken stopword stopstring eos eostoken eosfound eot endoftext "
        "endofsequence endturn endofturn endofmessage end ended complete completed completion finish finished done "
        "success normal finishreasonstop"
    ),
    "truncated": (
        "length lengthlimit maxlength maxlen maxtokens maxtoken maxoutputtokens maxnewtokens maxcompletiontokens "
        "tokenlimit modellength contextlength contextlengthexceeded contextwindowexceeded modelcontextwindowexceeded "
        "errorlimit limit truncated incomplete pauseturn repetitiontruncation repetition timelimit "
        "finishreasonlength finishreasonmaxtokens"
    ),
    "filtered": (
        "contentfilter contentfiltered contentfiltering filtered filter safety imagesafety sensitive recitation "
        "blocklist blocked prohibitedcontent imageprohibitedcontent spii language guardrail guardrails "
        "guardrailintervened refusal refused moderation moderated censored errortoxic datainspectionfailed"
    ),
    "failed": (
        "error errors failed failure fail abort aborted cancel canceled cancelled usercancel timeout timedout "
        "networkerror internalerror servererror insufficientsystemresource malformedfunctioncall malformedresponse "
        "unexpectedtoolcall toomanytoolcalls engineoverloaded overloaded interrupted exception other"
    ),
    "tool": "toolcalls toolcall tooluse functioncall functioncalls tool",
}
_MEANINGS: dict[str, Meaning] = {word: meaning for meaning, words in WORDS.items() for word in words.split()}


def meaning_of(reason: str) -> Meaning:
    """Return what a reason means; "none" for one that is empty or says that there is none."""
    plain = _plain(reason)
    if not plain:
        return "unknown" if reason.strip() else "none"
    if known := _MEANINGS.get(plain):
        return known
    # Gateways put words around one that is known: "function_call_filter: MALFORMED_FUNCTION_CALL".
    inner = {_MEANINGS.get(_plain(word)) for word in reason.replace(":", " ").split()}
    return next((meaning for meaning in _GRAVEST if meaning in inner), "unknown")


_GRAVEST: tuple[Meaning, ...] = ("failed", "filtered", "truncated")


def _plain(reason: str) -> str:
    return "".join(filter(str.isalnum, reason)).lower()
