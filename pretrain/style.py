"""The one palette and the one matplotlib style of the book, its labs and its widgets.

Colors go by meaning: a causal model is blue in every figure, a masked one vermilion.
The hues are those of Okabe and Ito, which readers with color-vision deficiencies can
tell apart, darkened or lightened until colored text, too, has a contrast of at least
4.5 : 1 on the page. No single color does that on white and on black, so each meaning
has two: `PALETTE` for light pages and `DARK` for dark ones. Figures are drawn with
`PALETTE`; when the book is built, its SVG figures are set into the page and each of
these colors becomes a CSS custom property (`css`), which follows the reader's theme.
In a notebook a figure keeps its white paper. So draw with colors of the palette: any
other color stays as it is on both themes.
"""

import matplotlib
from cycler import cycler

_COLORS = {  # meaning: (on light pages, on dark pages)
    # objectives
    "causal": ("#0072b2", "#56b4e9"),
    "masked": ("#c04a00", "#ff8a3d"),
    "prefix": ("#007a5a", "#2fc79b"),
    "span": ("#a3477f", "#e597c4"),
    # the three things an objective decides
    "allowed": ("#2a6f97", "#7cc4e8"),  # what is seen: may attend
    "blocked": ("#eef1f4", "#252d38"),  # may not attend
    "corrupted": ("#8f6400", "#e6b422"),  # inputs that were changed
    "scored": ("#5b4bb0", "#b3a8f5"),  # targets in the loss
    "ignored": ("#c9d0d8", "#3a4452"),  # targets outside of it
    # what a curve is held against
    "floor": ("#5b6573", "#a9b4c2"),
    # the drawing itself
    "ink": ("#1f2933", "#dfe5ec"),
    "muted": ("#55606e", "#a3adba"),
    "grid": ("#dfe4ea", "#2b3440"),
    "paper": ("#ffffff", "#121212"),
}
PALETTE = {meaning: light for meaning, (light, _) in _COLORS.items()}
DARK = {meaning: dark for meaning, (_, dark) in _COLORS.items()}

_CYCLE = ("causal", "masked", "prefix", "span", "corrupted", "scored")

_RC = {
    # 5.6 inches are 403 pt: on a phone 360 pixels wide, 11 pt text is still 9 pixels
    "figure.figsize": (5.6, 3.4),
    "figure.facecolor": PALETTE["paper"],
    "figure.constrained_layout.use": True,
    "axes.facecolor": PALETTE["paper"],
    "savefig.facecolor": PALETTE["paper"],
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same everywhere
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "text.color": PALETTE["ink"],
    "axes.labelcolor": PALETTE["ink"],
    "axes.titlecolor": PALETTE["ink"],
    "axes.edgecolor": PALETTE["muted"],
    "xtick.color": PALETTE["muted"],
    "ytick.color": PALETTE["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALETTE["grid"],
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "axes.prop_cycle": cycler(color=[PALETTE[meaning] for meaning in _CYCLE]),
    "image.cmap": "cividis",  # made for color-vision deficiencies
    "svg.fonttype": "path",  # text keeps its place whatever fonts the reader has
    "svg.hashsalt": "pretrain",  # the same figure is the same file in every build
}


def use_style() -> None:
    """Set matplotlib to the book's style and, in a notebook, to SVG figures."""
    matplotlib.rcParams.update(_RC)
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import InlineBackend
    except ImportError:
        return
    if (shell := get_ipython()) is not None:
        inline = InlineBackend.instance(parent=shell)
        inline.shell = shell
        inline.figure_formats = {"svg"}
        inline.print_figure_kwargs = {
            "bbox_inches": "tight",
            "metadata": {"Date": None},
        }


def css() -> str:
    """Return a style sheet that defines `--color-MEANING` for both of the themes."""

    def block(selector, colors):
        lines = (f"  --color-{meaning}: {color};" for meaning, color in colors.items())
        return "\n".join([f"{selector} {{", *lines, "}", ""])

    return block(":root", PALETTE) + block('html[data-theme="dark"]', DARK)


def follow_theme(svg: str) -> str:
    """Replace the palette's colors in an SVG by the custom properties of `css`."""
    for meaning, color in PALETTE.items():
        svg = svg.replace(color, f"var(--color-{meaning})")
    return svg
