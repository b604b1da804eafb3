"""Addresses that are typed as they are, in any language, and addresses that pretend to be others."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.markdown import render
from chat.markdown.links import LONGEST, is_mixed

ADDRESS = "https://example.com/a"


def links(text: str) -> list[tuple[str, str]]:
    """The addresses of a text's links, and what they show."""
    return re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', render(text))


@pytest.mark.parametrize(
    "address", ["https://example.com", "http://example.com:8000", ADDRESS, f"{ADDRESS}?b=c#d", f"{ADDRESS}_(b)"]
)
@pytest.mark.parametrize(
    "behind",
    [
        *list('。，、；：？！）】》」』”’．…—।॥،؛؟ \n\t<>"`|.,;:!?)]}*~_'),
        "。然后继续",
        "），谢谢",
        "**",
        "), and",
        "](",
        "\u202e",
    ],
)
def test_an_address_ends_before_punctuation(address: str, behind: str) -> None:
    assert links(f"See {address}{behind}") == [(address, address)]


@pytest.mark.parametrize(
    "before", ["请看", "（", "「", "ดู", "(", "[", "*", "**", "_", "~~", '"', ":", "ראו ", "|", ">", "1) "]
)
def test_an_address_begins_after_anything_but_a_latin_letter(before: str) -> None:
    assert links(f"a {before}{ADDRESS}") == [(ADDRESS, ADDRESS)]


def test_the_host_ends_before_a_script_without_spaces() -> None:
    assert links("请访问https://example.com获取更多") == [("https://example.com", "https://example.com")]
    assert links("https://ja.wikipedia.org/wiki/猫")[0][1] == "https://ja.wikipedia.org/wiki/猫"


@pytest.mark.parametrize(
    "text", ["xhttps://b.example", "https://", "https:///a", "https://?a", "http:/b.example", "ftp://b.example"]
)
def test_no_address(text: str) -> None:
    assert links(text) == []


@pytest.mark.parametrize("size", [LONGEST, LONGEST + 1, 50_000])
def test_a_longer_address_is_text(size: int) -> None:
    address = "https://b.example/".ljust(size, "a")

    assert len(links(f"{address} b")) == (size <= LONGEST)
    assert address in render(f"{address} b")


# --- Addresses that pretend ------------------------------------------------------------------------------------------

PUNYCODE = {
    "https://раypal.com": "https://xn--ypal-43d9g.com",
    "https://аррӏе.com/x": "https://xn--80ak6aa92e.com/x",
    "http://xn--80ak6aa92e.com": "http://xn--80ak6aa92e.com",
    "https://gοοgle.com": None,
}


@pytest.mark.parametrize(("address", "plain"), PUNYCODE.items())
def test_a_host_of_mixed_scripts_is_shown_as_the_browser_asks_it(address: str, plain: str | None) -> None:
    for text in (address, f"<{address}>", f"[{address}](https://other.example)"):
        shown = links(text)[0][1]
        assert shown.isascii()
        assert plain in {None, shown}


@pytest.mark.parametrize(
    "host", ["пример.рф", "münchen.de", "例え.jp", "ドメイン.例え", "한국.kr", "b.example", "δοκιμή.ελ"]
)
def test_a_host_of_one_writing_is_shown_as_it_is(host: str) -> None:
    address = f"https://{host}/a"

    assert not is_mixed(host)
    assert links(address)[0][1] == address


@pytest.mark.parametrize("user", ["bank.example", "bank.example:pass", "a%40b", "@", "bank.example\u202e"])
def test_no_address_with_a_user_is_a_link(user: str) -> None:
    address = f"https://{user}@evil.example/"
    for text in (address, f"<{address}>", f"[a]({address})", f"![a]({address})", f"[a]\n\n[a]: {address}"):
        assert all("@" not in href and "%40" not in href for href, _ in links(text)), text
        assert "evil" not in "".join(href for href, _ in links(text))


@pytest.mark.parametrize(
    "address", [r"https://bank.example\@evil.example", "https://bank.example%2f@evil.example", "https://a b@c"]
)
def test_no_address_that_two_parsers_read_differently_is_a_link(address: str) -> None:
    assert "evil" not in "".join(href for href, _ in links(f"[a](<{address}>) {address}"))


CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
AROUND = [
    "{}",
    "**{}**",
    "# {}",
    "|a|\n|-|\n|{}|",
    "[{}](https://b.example)",
    "[a](https://b.example '{}')",
    "![{}](https://b.example)",
    "a[^1]\n\n[^1]: {}",
    "https://b.example/{}",
    "<https://b.example/{}>",
    "$x{}y$",
    "> - {}",
    "<sub>{}</sub>",
]


@pytest.mark.parametrize("around", AROUND)
def test_nothing_outside_of_code_turns_the_direction_of_text_around(around: str) -> None:
    html = render(around.replace("{}", f"a{CONTROLS}b"))

    assert not set(CONTROLS) & set(html)


@pytest.mark.parametrize("around", ["`{}`", "```\n{}\n```", "```py\n{}\n```", "    {}"])
def test_code_keeps_what_was_written(around: str) -> None:
    code = f"a{CONTROLS}b"

    assert code in re.sub(r"</?span[^>]*>", "", render(around.replace("{}", code)))


@given(st.text(alphabet="https://@.:[](){}<>*_ab。а\u202e\\%?#", max_size=40).map(lambda text: f"https://b{text}"))
def test_every_link_of_any_text_goes_where_it_says(text: str) -> None:
    for href, _ in links(text):
        assert re.match(r"https?://[A-Za-z0-9_.-]+(?::\d*)?(?:[/?#]|$)", href), href
