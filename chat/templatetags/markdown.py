"""Markdown in templates."""

from dataclasses import dataclass

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from chat.markdown import blocks, render

register = template.Library()


@dataclass(frozen=True)
class Grown:
    """An answer that is being written: its finished blocks up to the code point `end`, and the text after it."""

    html: SafeString
    end: int
    tail: SafeString


@register.filter
def markdown(text: str, prefix: object) -> SafeString:
    """Render Markdown. `prefix` keeps the footnotes of different messages on a page apart."""
    return mark_safe(render(text, prefix=f"m{prefix}").strip())  # noqa: S308 - the sanitiser's own output


@register.filter
def grown(text: str, prefix: object) -> Grown:
    found = blocks(text, prefix=f"m{prefix}")
    end = found[-1].end if found else 0
    html = mark_safe("".join(block.html for block in found))  # noqa: S308 - the sanitiser's own output
    # The browser would drop a raw CR, but scripts count code points.
    tail = mark_safe(escape(text[end:]).replace("\r", "&#13;"))  # noqa: S308 - escaped right here
    return Grown(html, end, tail)
