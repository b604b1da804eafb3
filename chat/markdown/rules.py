"""Where our HTML differs from markdown-it's: headings, links, images, tables, code, tasks."""

from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from chat.markdown import links
from chat.markdown.highlight import code_box

# The page itself uses h1 and h2, so a message starts at h3.
HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5"}
DEEPEST_HEADING = "h6"


def install(parser: MarkdownIt) -> None:
    parser.core.ruler.push("page_markup", apply_rules)
    parser.add_render_rule("fence", render_code)
    parser.add_render_rule("code_block", render_code)
    # A wide table scrolls on its own, with the keyboard too.
    parser.add_render_rule("table_open", render_table)
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    parser.add_render_rule("footnote_block_open", render_footnotes)


def apply_rules(state: StateCore) -> None:
    for index, token in enumerate(state.tokens):
        if token.type in {"heading_open", "heading_close"}:
            token.tag = HEADINGS.get(token.tag, DEEPEST_HEADING)
        elif token.type in {"th_open", "td_open"} and "style" in token.attrs:
            token.attrs = {"class": str(token.attrs["style"]).replace("text-align:", "align-")}
        elif token.type == "list_item_open" and "checked" in token.meta:
            label_task(token, state.tokens[index + 1 : index + 3])
        elif token.type == "inline":
            rewrite_links(token.children or [])


def label_task(item: Token, paragraph: list[Token]) -> None:
    """Make a task's text the label of its checkbox, for screen readers."""
    if [token.type for token in paragraph] != ["paragraph_open", "inline"]:
        return
    checked = " checked" if item.meta.pop("checked") else ""
    box = f'<label><input type="checkbox" class="task-list-item-checkbox" disabled{checked}> '
    paragraph[1].children = [raw(box), *(paragraph[1].children or []), raw("</label>")]


def rewrite_links(children: list[Token]) -> None:
    """Adapt links, and show an address in a link's text as it would be shown on its own."""
    href = ""
    for position, token in enumerate(children):
        if token.type == "link_open":
            href = str(token.attrs["href"])
            token.attrSet("target", "_blank")
        elif token.type == "text" and href:
            token.content = links.shown(token.content)
        elif token.type == "image":
            children[position] = image_link(token, bool(href))
        if token.type in {"link_open", "link_close"} and not href:
            children[position] = raw("")
        href = "" if token.type == "link_close" else href


def image_link(image: Token, inside: bool) -> Token:
    """Replace an image with a link: loading it unasked could tell its server that the answer was read."""
    alt = escape("".join(part.content or " " * part.type.endswith("break") for part in image.children or []))
    address = str(image.attrs["src"])
    host = host_of(address)
    if inside or not host:
        return raw(alt)
    link = f'<a class="image-link" href="{escape(address)}" target="_blank">'
    return raw(f'{link}{alt} <span class="image-host">{escape(host)}</span></a>')


def host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # brackets without an IPv6 address in them
        return ""


def render_code(_self: object, tokens: list[Token], index: int, _options: object, env: dict[str, Any]) -> str:
    return code_box(tokens[index].content, tokens[index].info, env)


def render_table(_self: object, tokens: list[Token], index: int, _options: object, _env: object) -> str:
    return f'<div class="table-scroll"{direction_of(tokens[index])} tabindex="0"><table>\n'


def render_footnotes(_self: object, tokens: list[Token], index: int, _options: object, _env: object) -> str:
    section = f'<section class="footnotes"{direction_of(tokens[index])}>'
    return f'<hr class="footnotes-sep">\n{section}\n<ol class="footnotes-list">\n'


def direction_of(token: Token) -> str:
    return f' dir="{token.attrs["dir"]}"' if "dir" in token.attrs else ""


def raw(html: str) -> Token:
    return Token("html_inline", "", 0, content=html)
