"""The parts that everything shown is made of: HTML is escaped and balanced, text stays on its line."""

from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju import display
from tests.pages import shown

TEXTS = st.text() | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;", "\x1b[2J", "'"]
)


@given(TEXTS, st.lists(st.tuples(TEXTS, TEXTS)), st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=15))
def test_html_is_balanced_and_shows_what_it_was_given(title, facts, rows):
    html = display.card(title, facts, display.table(["one", "two"], rows), display.note(title))
    texts, links = shown(html)
    together = "".join(texts)
    assert not links
    assert display.printable(title) in together
    for name, value in facts:
        assert not value or (display.printable(name) in together and display.printable(value) in together)
    for cell in [cell for row in rows[: display.ROWS] for cell in row]:
        assert display.printable(cell) in together
    assert (f"and {len(rows) - 10} more" in together) >= (len(rows) > display.ROWS)


@given(TEXTS)
def test_links_are_those_of_the_web_only(label):
    for url in ("javascript:alert(1)", "data:text/html,x", "local:/tmp/a", "", " https://x"):
        assert shown(display.link(url, label))[1] == []
    hostile = "https://acme.shooju.com/#jobs/1\" onclick='alert(1)"
    texts, links = shown(display.link(hostile, label))
    assert links == [hostile]
    assert "".join(texts) == display.printable(label)


@given(st.lists(st.tuples(TEXTS, TEXTS)))
def test_text_has_a_line_for_each_fact(facts):
    text = display.text("title", [(display.printable(name), value) for name, value in facts])
    assert len(text.split("\n")) == 1 + sum(value != "" for _, value in facts)
    assert "\x1b" not in text


def test_direction_overrides_and_control_characters_are_replaced():
    assert display.printable("a\u202eb\x00c\td") == "a\ufffdb\ufffdc\ufffdd"


def test_numbers_are_aligned_to_the_right():
    html = display.table(["series", "points"], [["a", 1234]])
    assert "text-align: right" in html
    assert "1,234" in shown(html)[0]
