"""What all widgets share on the Python side.

    masking.py + masking.js ──┐
    kit.js, widgets.css ──────┼─> a class with `_esm` and `_css`, complete in itself
    style.py (the colors) ────┘

A widget's module and the shared `kit.js` become one ES module when the class is made,
so a notebook loads nothing else. In the built page the same files are served as classic
scripts, the kit once (`extensions/widgets.py`). All computing is done in JavaScript:
what a widget shows must not need a kernel. Where Python computes the same, golden files
in `tests/golden` hold the two together.

Every widget also draws itself as an SVG picture of its first state, with a sentence of
alt text. It stands in where no JavaScript runs: in print, on GitHub, in a reader's
browser that blocks scripts.
"""

from html import escape
from pathlib import Path

import anywidget
import tokenizers
import traitlets

from pretrain import tokens
from pretrain.errors import PretrainError
from pretrain.style import DARK, PALETTE

_WORD = tokenizers.Regex(tokens._WORD)

FOLDER = Path(__file__).parent
KIT = (FOLDER / "kit.js").read_text("utf8")
# How a notebook says that its theme is dark: JupyterLab, VS Code, Colab.
_DARK_HOSTS = ('[data-jp-theme-light="false"]', ".vscode-dark", "html[theme=dark]")


def module(name: str) -> str:
    """Return the widget `name`'s whole ES module: the kit, then its own file."""
    return KIT + (FOLDER / f"{name}.js").read_text("utf8")


def style_sheet() -> str:
    """Return the widgets' style sheet with the palette for notebooks of any theme."""

    def block(selector, colors):
        lines = (f"  --color-{meaning}: {color};" for meaning, color in colors.items())
        return "\n".join([f"{selector} {{", *lines, "}", ""])

    dark = ", ".join(f"{host} .pw" for host in _DARK_HOSTS)
    css = (FOLDER / "widgets.css").read_text("utf8")
    return block(".pw", PALETTE) + block(dark, DARK) + css


class Widget(anywidget.AnyWidget):
    """A widget of the book; a subclass gives `_esm`, `alt` and `picture`.

    heights: pixels to keep free in the built page before the widget is there, on wide
        screens and on phones, so that nothing below it jumps. One that shows more or
        less than usual is given its own.
    """

    heights = (480, 800)
    _css = style_sheet()
    _heights = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, *values, heights: tuple[int, int] | None = None, **traits):
        super().__init__(*values, **traits)
        if heights is not None:
            self._heights = list(heights)

    @traitlets.default("_heights")
    def _from_the_class(self):
        return list(self.heights)

    def alt(self) -> str:
        """Return one sentence that says what the picture shows."""
        raise NotImplementedError

    def picture(self) -> str:
        """Return an SVG drawing of the first state, made with `svg`."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        picture = self.picture()
        data = {"text/plain": self.alt(), "image/svg+xml": picture} | {
            mime: content for mime, content in data.items() if mime != "text/plain"
        }
        return data, metadata


def svg(width: int, height: int, parts: list[str], alt: str) -> str:
    """Return a drawing of `parts` as a whole SVG file, one image to a screen reader."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(alt)}" '
        f'font-family="sans-serif" font-size="13">{"".join(parts)}</svg>'
    )


def box(x: float, y: float, width: float, height: float, color: str, **more) -> str:
    """Return a rectangle in a color of the palette, such as "masked"."""
    extra = "".join(f' {key.replace("_", "-")}="{more[key]}"' for key in more)
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
        f'fill="{PALETTE[color]}"{extra}/>'
    )


def label(x: float, y: float, text: str, color: str = "ink", **more) -> str:
    """Return a text in a color of the palette; `anchor="middle"` centers it."""
    more = {"text_anchor" if key == "anchor" else key: more[key] for key in more}
    extra = "".join(f' {key.replace("_", "-")}="{more[key]}"' for key in more)
    color = PALETTE[color]
    return f'<text x="{x:g}" y="{y:g}" fill="{color}"{extra}>{escape(text)}</text>'


def words(text: str) -> list[str]:
    """Cut a text into words and marks, as `tokens.words` and the kit's `words` do."""
    cut = tokenizers.pre_tokenizers.Split(_WORD, "removed", invert=True)
    return [word for word, _ in cut.pre_tokenize_str(text)]


class Number(traitlets.Float):
    """A trait for a number between two bounds; anything else is a `PretrainError`."""

    def __init__(self, default: float, least: float, most: float, **kwargs):
        super().__init__(default, **kwargs)
        self.least, self.most = least, most

    def validate(self, obj, value):
        value = super().validate(obj, value)
        if not self.least <= value <= self.most:  # NaN is never between
            raise PretrainError(
                f"{self.name} is {value}: give a number from {self.least:g} "
                f"to {self.most:g}"
            )
        return value


def one_of(name: str, value: str, allowed) -> str:
    """Return `value` if it is allowed. Raises PretrainError naming what is."""
    if value not in allowed:
        raise PretrainError(f"{name} is {value!r}: give one of {', '.join(allowed)}")
    return value
