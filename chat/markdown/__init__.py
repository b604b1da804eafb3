"""A model's text as safe HTML: whole, or block by block while it is still growing. Pure functions of the text."""

from chat.markdown.blocks import Block, Span, Splitter, blocks, rendered
from chat.markdown.rendering import render
from chat.markdown.turns import person

__all__ = ["Block", "Span", "Splitter", "blocks", "person", "render", "rendered"]
