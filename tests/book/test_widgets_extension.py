"""What the extension makes of a widget's module and of its saved state."""

import pytest
from book_extension import load

widgets = load("widgets")


def test_a_module_becomes_a_classic_script():
    made = widgets.classic("const a = 1;\nexport default { a };\n", "x")
    body = "const a = 1;\nreturn { a };\n"
    assert made == f'pretrainWidgets.add("x", () => {{\n{body}}});\n'


@pytest.mark.parametrize(
    "source",
    [
        "const a = 1;\n",
        "export default { };\nexport default { };\n",
        'import { b } from "./b.js";\nexport default { };\n',
        "export const a = 1;\nexport default { a };\n",
    ],
)
def test_a_module_that_is_not_self_contained_is_refused(source):
    with pytest.raises(ValueError, match="x.js must have one"):
        widgets.classic(source, "x")


def test_every_module_of_the_package_can_be_served(root):
    for path in (root / "pretrain" / "widgets").glob("*.js"):
        if path.stem != "kit":
            widgets.classic(path.read_text("utf8"), path.stem)


def test_state_is_the_widget_s_own():
    state = {"_esm": "code", "_css": "x", "_dom_classes": [], "_view_name": "AnyView"}
    state |= {"_model_name": "x", "_anywidget_id": "x", "layout": "IPY_MODEL_1"}
    assert widgets.own_traits(state | {"rate": 0.3, "_words": []}) == {
        "rate": 0.3,
        "_words": [],
    }


def test_only_widgets_of_the_package_have_a_name():
    name = "pretrain.widgets.masking.MaskingExplorer"
    assert widgets.name_of({"_anywidget_id": name}) == "masking"
    assert widgets.name_of({"_anywidget_id": "other.Widget"}) is None
    assert widgets.name_of({}) is None
