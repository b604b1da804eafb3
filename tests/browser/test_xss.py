"""What a model or a user writes runs no script and sends no request: in Chromium, with the production CSP."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from chat.models import Conversation, Preset, User
from tests.browser.conftest import NewContext, sign_in
from tests.browser.watch import Watch
from tests.support.factories import make_conversation
from tests.support.fake_upstream.chunks import DONE, ROLE, each, ended, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Step
from tests.support.site import Person, Site
from tests.support.xss_payloads import PAYLOADS

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

# Normalised as the product stores them.
TEXTS = [payload.translate({0: "\ufffd", 0xD800: "\ufffd", 0xDFFF: "\ufffd"}) for payload in PAYLOADS]
MANY = 20
GROUPS = [TEXTS[start : start + MANY] for start in range(0, len(TEXTS), MANY)]

# Runs before everything else on each page, and detects what a payload would do or add to the page.
SENTINEL = """
window.__seen = [];
window.alert = window.confirm = window.prompt = window.msgbox = (what) => __seen.push(`ran: ${what}`);
document.addEventListener("securitypolicyviolation", (event) => __seen.push(`blocked: ${event.blockedURI}`));
const BAD = "script:not([src]), style, iframe, object, embed, img:not([src^='/']), video, audio, base,"
  + "meta[http-equiv=refresh i], foreignObject, animate, use, annotation-xml, maction, [style], [srcdoc]";
const inspect = (element) => {
  // The icons of admin's own header.
  if (element.closest("#header, body > svg")) return;
  if (element.matches(BAD) && !element.closest("noscript")) __seen.push(element.outerHTML);
  for (const { name } of element.attributes) if (/^on|^xlink/.test(name)) __seen.push(element.outerHTML);
  if (element.hasAttribute("href") && !/^(https?|mailto):$/.test(element.protocol ?? new URL(element.href).protocol))
    __seen.push(element.outerHTML);
  if (element.localName === "a" && element.host && element.host !== location.host && element.protocol !== "mailto:"
      && !/noopener.*noreferrer/.test(element.rel)) __seen.push(element.outerHTML);
};
const inspectAll = (node) => {
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  inspect(node);
  node.querySelectorAll("*").forEach(inspect);
};
new MutationObserver((changes) => changes.forEach((change) => {
  change.addedNodes.forEach(inspectAll);
  if (change.type === "attributes") inspect(change.target);
})).observe(document, { childList: true, subtree: true, attributes: true });
"""


@pytest.fixture
def context(new_context: NewContext, site: Site, anna: Person) -> "BrowserContext":
    context = new_context(site.base_url)
    context.add_init_script(SENTINEL)
    sign_in(context, anna)
    return context


def assert_harmless(page: "Page") -> None:
    # Trigger every event that a handler may be waiting for.
    page.evaluate("""for (const element of document.querySelectorAll("main *, #content *"))
        for (const type of ["mouseover", "focus", "load", "error", "toggle", "animationend", "begin"])
            element.dispatchEvent(new Event(type))""")
    page.wait_for_timeout(100)
    assert page.evaluate("__seen") == []


def open_page(context: "BrowserContext", path: str) -> "Page":
    page = context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    response = page.goto(path)
    assert response
    assert response.status == 200
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    return page


def test_the_sentinel_sees_what_should_not_be(context: "BrowserContext", watch: Watch) -> None:
    watch.expect("Content Security Policy")
    page = open_page(context, "/")
    for html in ("<p onclick=alert(1)>", "<a href='javascript:alert(1)'>", "<iframe>", "<p style='color: red'>"):
        page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", html)
    page.evaluate("alert(5)")
    page.wait_for_timeout(100)

    seen = page.evaluate("__seen")
    assert {one[:3] for one in seen} == {"ran", "blo", "<p ", "<a ", "<if"}


@pytest.mark.parametrize("texts", GROUPS, ids=range(len(GROUPS)))
def test_whole_in_answers_questions_reasoning_titles_and_names(
    context: "BrowserContext", anna: Person, texts: Sequence[str]
) -> None:
    anna.user.username = texts[-1]
    anna.user.save()
    for text in texts:
        conversation = make_conversation(anna.user, [(text, text)], reasoning=text, model=text)
        Conversation.objects.filter(pk=conversation.pk).update(title=text, instructions=text)
        Preset.objects.create(owner=anna.user, name=text[:80].lower(), instructions=text)
    talk = make_conversation(anna.user, [(text, text) for text in texts], model="fox")
    Conversation.objects.filter(pk=talk.pk).update(title=texts[0])

    page = open_page(context, f"/chat/{talk.pk}/")
    assert page.locator(".answer").count() == len(texts)
    assert page.locator("#conversations li").count() > len(texts)
    assert_harmless(page)
    for path in (f"/chat/{conversation.pk}/", f"/chat/{conversation.pk}/settings/", "/settings/"):
        assert_harmless(open_page(context, path))


def test_whole_in_admin(context: "BrowserContext", anna: Person) -> None:
    User.objects.filter(pk=anna.user.pk).update(is_staff=True, is_superuser=True)
    users = (User(username=f"{number} {text}", email=f"{number} {text}") for number, text in enumerate(TEXTS))
    User.objects.bulk_create(users)
    talk = make_conversation(anna.user, [(text, text) for text in TEXTS], reasoning="<script>alert(1)</script>")
    for number, text in enumerate(TEXTS):
        failed = make_conversation(User.objects.get(username=f"{number} {text}"), [(text, "")], error_detail=text)
        Conversation.objects.filter(pk=failed.pk).update(title=text, instructions=text, deleted_at=timezone.now())

    transcript = open_page(context, f"/admin/chat/conversation/{talk.pk}/transcript/")
    assert transcript.locator(".turn .prose").count() == len(TEXTS)
    assert_harmless(transcript)
    for path in ("conversation/?all=", "user/?all=", "generation/?all=", f"conversation/{failed.pk}/transcript/"):
        assert_harmless(open_page(context, f"/admin/chat/{path}"))


def letter_by_letter(text: str) -> list[Step]:
    return [send(ROLE), *each(said(*text)), send(*ended(), DONE)]


@pytest.mark.parametrize("texts", GROUPS, ids=range(len(GROUPS)))
def test_byte_by_byte_over_the_stream(
    context: "BrowserContext", upstream: FakeUpstream, settings: Any, texts: Sequence[str]
) -> None:
    """One token per letter, one write per byte; each payload is an answer of its own."""
    upstream.scripts["payloads"] = lambda asked: letter_by_letter(texts[asked.number - 1])
    settings.LLM_MODEL = "payloads/bytes"
    page = open_page(context, "/")
    for number, text in enumerate(texts):
        page.locator("#question").fill(text)
        page.locator("#question").press("Enter")
        page.locator(".answer[data-status=complete]").nth(number).wait_for()
    assert_harmless(page)


def test_all_of_them_in_one_answer(context: "BrowserContext", upstream: FakeUpstream, settings: Any) -> None:
    """Payloads that open a code block come last, so that they don't swallow others."""
    parts = sorted(TEXTS, key=lambda text: text.startswith(("```", "~~~")) and text.count("\n") < 2)
    settings.LLM_MODEL = upstream.add("payloads", letter_by_letter("\n\n".join(parts) + "\n\n"))
    page = open_page(context, "/")
    page.locator("#question").fill(TEXTS[0])
    page.locator("#question").press("Enter")
    page.locator(".answer[data-status=complete]").wait_for(timeout=60_000)
    assert_harmless(page)
