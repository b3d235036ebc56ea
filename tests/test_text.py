"""Text from outside: bounded, on one line, and escaped for Markdown; numbers."""

import pytest

from fmnist.text import number, one_line, plain, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\n\tc  d ", "a b c d"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("a\u202eb\u2066c\u200bd\ufeff", "a b c d"),
        ("a\ud800b", "a b"),
        ("\u2060\u2028", ""),
        ("Ärmel → 袖 👩‍👧", "Ärmel → 袖 👩‍👧"),
    ],
)
def test_what_cannot_be_seen_is_a_space(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_length_is_bounded() -> None:
    assert one_line("x" * 80, 80) == "x" * 80
    assert one_line("x" * 81, 80) == "x" * 79 + "…"
    assert one_line("x " * 50, 4) == "x x…"
    assert len(plain("a" * 100_000)) == 500
    assert len(plain("*" * 100_000)) == 2 * 499 + 1
    assert quoted("a" * 100_000) == f"'{'a' * 39}…'"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("FashionCNN, 20 epochs (best): 92.73%!", "FashionCNN, 20 epochs (best): 92.73%!"),
        ("swift-0 - a + b = c", "swift-0 - a + b = c"),
        ("![i](x)", r"!\[i\](x)"),
        ("$5 and $6", r"\$5 and \$6"),
        ("# big", r"\# big"),
        ("<b>&amp;", r"\<b\>\&amp;"),
        ("*a* _b_ `c` ~d~ |", r"\*a\* \_b\_ \`c\` \~d\~ \|"),
        ("FMNIST_DATA, a__b, _a_b_", r"FMNIST_DATA, a\_\_b, \_a_b\_"),
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("===", r"\==="),
        ("1. a", "1\u2060. a"),
        ("12) a", "12\u2060) a"),
        ("1.5", "1.5"),
        (":red[a] ::b", r"\:red\[a\] \:\:b"),
        (":material/x:", ":\u2060material/x:"),
        (":material_x:", ":\u2060material_x:"),
        (":+1: 12:30:45", ":\u2060+1: 12:\u206030:45"),
        ("https://x.org", "https\u2060://x.org"),
        ("WWW.x.org", "WWW\u2060.x.org"),
        ("me@x.org @ home", "me\u2060@x.org @ home"),
        ("a -> b <-> c", "a -\u2060\\> b \\<\u2060-\\> c"),
        ("a -- b <= c", "a -\u2060- b \\<\u2060= c"),
    ],
)
def test_markup_is_escaped(text: str, markdown: str) -> None:
    assert plain(text) == markdown


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.0, 3, "0"),
        (-0.01234, 3, "−0.0123"),
        (99.96, 3, "100"),
        (999.6, 3, "1,000"),
        (12345.6, 4, "12,346"),
        (-2.46e-5, 2, "−2.5 × 10⁻⁵"),
        (1.5e12, 3, "1.5 × 10¹²"),
    ],
)
def test_numbers_have_no_e(value: float, digits: int, shown: str) -> None:
    assert number(value, digits) == shown
