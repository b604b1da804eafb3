"""A model's text as safe HTML: whole, or block by block while it is still growing. Pure functions of the text."""

from chat.markdown.blocks import Block, Span, Splitter, blocks, rendered
from chat.markdown.rendering import render

__all__ = ["Block", "Span", "Splitter", "blocks", "render", "rendered"]
