"""The palette can be read on both themes, and a figure is drawn with it."""

import re

import matplotlib
import pytest

from pretrain import style

matplotlib.use("svg")

TEXT = [m for m in style.PALETTE if m not in ("ignored", "blocked", "grid", "paper")]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colors, as WCAG 2 defines it."""

    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("meaning", TEXT)
@pytest.mark.parametrize("colors", [style.PALETTE, style.DARK], ids=["light", "dark"])
def test_colored_text_can_be_read(colors, meaning):
    # 4.5 is what WCAG 2 asks of text (level AA)
    assert contrast(colors[meaning], colors["paper"]) >= 4.5


def test_colors_are_told_apart_by_their_value():
    """`follow_theme` replaces by value, so two meanings may not share one."""
    assert len(set(style.PALETTE.values())) == len(style.PALETTE)
    assert set(style.DARK) == set(style.PALETTE)
    for color in (*style.PALETTE.values(), *style.DARK.values()):
        assert re.fullmatch("#[0-9a-f]{6}", color)


def test_a_figure_follows_the_theme(tmp_path):
    import matplotlib.pyplot as plt

    with matplotlib.rc_context():
        style.use_style()
        plt.figure()
        plt.plot([1, 2], color=style.PALETTE["masked"])
        plt.title("a title")
        for name in ("one.svg", "two.svg"):
            plt.savefig(tmp_path / name, metadata={"Date": None})
        plt.close()
    svg = (tmp_path / "one.svg").read_text()
    assert svg == (tmp_path / "two.svg").read_text()
    themed = style.follow_theme(svg)
    for meaning in ("masked", "ink", "muted", "grid", "paper"):
        assert f"var(--color-{meaning})" in themed
    # all of the drawing follows: no color of its own is left
    assert not re.findall("#[0-9a-f]{6}", re.sub(r'(href="|url\()#\w+', "", themed))


def test_css_defines_every_meaning_for_both_themes():
    light, dark = style.css().split('html[data-theme="dark"]')
    for meaning in style.PALETTE:
        assert f"--color-{meaning}: {style.PALETTE[meaning]};" in light
        assert f"--color-{meaning}: {style.DARK[meaning]};" in dark
