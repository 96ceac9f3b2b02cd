"""Checks of HTML that is shown in notebooks."""

import re
from html.parser import HTMLParser

# the only elements and attributes that are used; nothing that runs or loads anything
ELEMENTS = {"div", "span", "table", "thead", "tbody", "tr", "th", "td", "a", "small", "details", "summary"}
ATTRIBUTES = {"style", "href", "target", "rel", "open"}


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        assert tag in ELEMENTS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        self.links += [value for name, value in attrs if name == "href"]
        style = dict(attrs).get("style") or ""
        colors = re.findall(r"(?:color|background)[a-z-]*\s*:|#[0-9a-f]{3,6}\b|rgb\(", style)
        assert not colors, f"the HTML must inherit its colors, got {style!r}"
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        raise AssertionError(f"<{tag}/> is not closed in HTML")

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"unexpected comment {data!r}")


def shown(html):
    """The texts and the links of HTML, which must be balanced, harmless, and without colors of its own."""
    page = _Page()
    page.feed(html)
    page.close()
    assert not page.open, f"not closed: {page.open}"
    return page.texts, page.links
