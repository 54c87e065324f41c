"""Scripts and styles as they are served: smaller, and the same."""

import pytest
from book_extension import load

compact, widgets = load("compact"), load("widgets")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("const a = 1; // one\nconst b = 2;\n", "const a=1;const b=2;"),
        ("let a\nlet b\n", "let a\nlet b"),
        ("a + +b - -c", "a+ +b- -c"),
        ("return x / 2 / y;", "return x/2/y;"),
        ("const p = /[/ ]  'a/g, q = 1;", "const p=/[/ ]  'a/g,q=1;"),
        ('f("a // b  c", \'d /* e */\');', 'f("a // b  c",\'d /* e */\');'),
        ("`a  ${ b ? `c //${d}` : '}' }  e` ;", "`a  ${ b ? `c //${d}` : '}' }  e`;"),
        ("f(x)\n(y)", "f(x)\n(y)"),
        ("a in  b; typeof  /x  y/", "a in b;typeof/x  y/"),
    ],
)
def test_a_script_keeps_what_has_a_meaning(source, wanted):
    assert compact.script(source).strip() == wanted


def test_a_style_keeps_the_blank_of_a_descendant():
    css = "/* x */\n.a  .b:hover,\n.c :focus {\n  color: red;\n  margin: 0 1px;\n}\n"
    wanted = ".a .b:hover,.c :focus{color: red;margin: 0 1px;}\n"
    assert compact.style(css) == wanted


def test_each_part_of_the_style_belongs_to_a_widget(root):
    folder = root / "pretrain" / "widgets"
    css = (folder / "widgets.css").read_text("utf8")
    scripts = {path.stem: path.read_text("utf8") for path in folder.glob("*.js")}
    parts = widgets.styles(css, scripts)
    assert all(part.strip() in "".join(parts.values()) for part in css.split("\n/* "))
    assert ".pw-curves-plot" in parts["curves"] and ".pw-token" in parts["masking"]
    assert ".pw-curves-plot" not in parts["widgets"] + parts["masking"]


def test_what_is_needed_later_is_a_script_of_its_own():
    source = "const a = 1;\nconst files = () => {\n  return { b: 2 };\n};\n"
    source += "const c = 3;\n"
    first, later = widgets.apart(source, "x")
    load = 'const files = () => pretrainWidgets.beside("x-files");\n'
    assert first == f"const a = 1;\n{load}const c = 3;\n"
    assert later.startswith('pretrainWidgets.add("x-files"') and "{ b: 2 }" in later
    assert widgets.apart("const a = 1;\n", "x") == ("const a = 1;\n", "")
