"""Markdown in templates."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from chat.markdown import render

register = template.Library()


@register.filter
def markdown(text: str, prefix: object) -> SafeString:
    """`prefix` keeps the footnotes of a page's messages apart."""
    return mark_safe(render(text, prefix=f"m{prefix}").strip())  # noqa: S308 - the sanitiser's own output
