"""The last step: nothing that is not listed here gets into a page, whatever the steps before produced."""

import re

from nh3 import Cleaner

from chat.markdown import formulas, highlight

TAGS = (
    "a b blockquote br code del div em h3 h4 h5 h6 hr i input kbd label li ol p pre s section span strong sub"
    " sup table tbody td th thead tr ul"
)
# No elements that contain other markup as text (annotation, semantics) or a URL.
MATH_TAGS = (
    "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow mspace msqrt"
    " msub msubsup msup mtable mtd mtext mtr munder munderover"
)
MATH_ATTRIBUTES = (
    "accent accentunder columnspan depth display displaystyle fence form height largeop linethickness lspace"
    " mathvariant maxsize minsize movablelimits notation rspace scriptlevel separator stretchy symmetric"
    " voffset width"
)
ATTRIBUTES = {
    "a": {"href", "id", "title"},
    "li": {"id"},
    "ol": {"start"},
} | {tag: set(MATH_ATTRIBUTES.split()) for tag in MATH_TAGS.split()}
DIRECTIONS = {"dir": {"ltr", "rtl"}}
VALUES = {
    "a": {"target": {"_blank"}},
    "blockquote": DIRECTIONS,
    "div": {"tabindex": {"0"}, **DIRECTIONS},
    "input": {"checked": {""}, "type": {"checkbox"}},
    "ol": DIRECTIONS,
    "pre": {"tabindex": {"0"}},
    "section": DIRECTIONS,
    "span": {"tabindex": {"0"}},
    "ul": DIRECTIONS,
}
ALIGNED = {"align-left", "align-center", "align-right"}
MATH_CLASSES = set(formulas.CLASSES.values())
ALLOWED_CLASSES = {
    "a": {"footnote-backref", "image-link"},
    "code": {"formula-source"},
    "div": {"code", "code-head", "formula", "table-scroll"},
    "hr": {"footnotes-sep"},
    "input": {"task-list-item-checkbox"},
    "li": {"footnote-item", "task-list-item"},
    "mtable": MATH_CLASSES,
    "mtd": MATH_CLASSES,
    "ol": {"contains-task-list", "footnotes-list"},
    "p": {"plain"},
    "section": {"footnotes"},
    "span": {"code-language", "formula", "image-host", *highlight.CLASSES},
    "sup": {"footnote-ref"},
    "td": ALIGNED,
    "th": ALIGNED,
    "ul": {"contains-task-list"},
}
# The only URLs without a scheme are those of footnotes.
NOTE = re.compile(r"#fn[\w:-]*")

clean = Cleaner(
    tags={*TAGS.split(), *MATH_TAGS.split()},
    attributes=ATTRIBUTES,
    allowed_classes=ALLOWED_CLASSES,
    tag_attribute_values=VALUES,
    set_tag_attribute_values={"input": {"disabled": ""}},
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto"},
    url_relative=lambda url: url if NOTE.fullmatch(url) else None,
).clean
