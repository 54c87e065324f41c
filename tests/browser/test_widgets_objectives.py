"""The objective explorer in a page, by keyboard and mouse, against the package."""

import re

import pytest
from widget_site import golden, settle

from pretrain.widgets.objectives import MOST, OBJECTIVES, TEXT, ObjectiveExplorer

SHOWN = """() => [...document.querySelector('.pw').querySelectorAll('.pw-objective')]
  .map(panel => {
    const rows = [...panel.querySelectorAll('tbody tr')];
    const cells = panel.querySelector('.pw-objective-cells').getAttribute('d');
    const width = panel.querySelector('svg').getAttribute('width') / rows.length;
    return {
      name: panel.dataset.name,
      inputs: rows.map(row => row.cells[0].title),
      targets: rows.map(row => row.cells[1].dataset.scored === 'true'
                        ? row.cells[1].title : null),
      marks: rows.map(row => row.cells[1].textContent[0]),
      pairs: [...cells.matchAll(/M(\\d+) (\\d+)h/g)]
        .map(([, x, y]) => [+y / 18, +x / width]),
      told: panel.lastChild.textContent,
      label: panel.querySelector('svg').getAttribute('aria-label'),
    };
  })"""
START = ["causal", "prefix", "masked", "span"]


def demo():
    return [
        ObjectiveExplorer(),
        ObjectiveExplorer(text="one"),
        ObjectiveExplorer(shown=list(OBJECTIVES)),
    ]


def check(page, shown=START, **settings):
    """Each panel shows the inputs, targets and pairs that Python computes."""
    settle(page)
    want, panels = ObjectiveExplorer(**settings).result(), page.evaluate(SHOWN)
    assert [panel["name"] for panel in panels] == list(shown)
    for panel in panels:
        batch = want[panel["name"]]
        assert panel["inputs"] == batch["inputs"]
        assert panel["targets"] == batch["targets"]
        scored = [target is not None for target in batch["targets"]]
        assert panel["marks"] == ["●" if on else "○" for on in scored]
        pairs = [
            [q, k]
            for q, line in enumerate(batch["seen"])
            for k, sees in enumerate(line)
            if sees == "1"
        ]
        assert panel["pairs"] == pairs
        n = len(scored)
        told = f"{sum(scored)} scored, {len(pairs)} of {n * n} pairs seen."
        assert told in panel["told"]
        assert f"{len(pairs)} of {n * n} pairs" in panel["label"]
    return page.locator(".pw").first


def test_golden_cases(open_page):
    page, cases = open_page("objectives"), golden("objectives")
    answers = page.evaluate(
        """(states) => states.map(state => pretrainWidgets.widget("objectives")
          .compute({...state, _words: pretrainWidgets.model("w0").get("_words"),
          _question: pretrainWidgets.model("w0").get("_question")}).objectives)""",
        [case["state"] for case in cases],
    )
    assert len(cases) == 25
    for case, got in zip(cases, answers, strict=True):
        assert set(got) == set(case["answer"])
        for name, want in case["answer"].items():
            seen = [int(line, 2) for line in got[name]["seen"]]
            found = {key: got[name][key] for key in ("inputs", "targets")}
            assert found | {"seen": seen} == want, (name, case["state"])


def test_objectives_are_chosen(open_page):
    page = open_page("objectives")
    first, shown = check(page), list(START)
    for name in ("chat", "replaced", "denoising", "middle"):
        first.get_by_role("checkbox", name=OBJECTIVES[name]).press("Space")
        shown = [each for each in OBJECTIVES if each in {*shown, name}]
        check(page, shown)
    assert shown == list(OBJECTIVES)
    for name in OBJECTIVES:
        first.get_by_role("checkbox", name=OBJECTIVES[name], exact=True).click()
    check(page, [])
    assert "Choose an objective." in first.inner_text()


@pytest.mark.parametrize(("key", "rate"), [("Home", 0.05), ("End", 0.9)])
def test_rates_and_seeds(open_page, key, rate):
    page = open_page("objectives")
    first = page.locator(".pw").first
    page.evaluate(
        "shown => pretrainWidgets.model('w0').set('shown', shown)", list(OBJECTIVES)
    )
    every = {"shown": list(OBJECTIVES)}
    first.get_by_role("slider", name="Corruption rate").press(key)
    check(page, **every, rate=rate)
    first.get_by_role("button", name="Resample").click()
    check(page, **every, rate=rate, seed=2)
    first.get_by_role("spinbutton", name="Seed").fill("4294967295")
    check(page, **every, rate=rate, seed=4294967295)
    first.get_by_role("button", name="Resample").press("Enter")
    check(page, **every, rate=rate, seed=0)


def test_the_panels_say_what_is_done(open_page):
    page = open_page("objectives")
    panels = page.locator(".pw").nth(2).locator(".pw-objective")
    batches = ObjectiveExplorer().result()
    k = batches["prefix"]["targets"].index(
        next(target for target in batches["prefix"]["targets"] if target)
    )
    first = "1 token" if k == 1 else f"{k} tokens"
    assert f"<doc> and the first {first} are seen" in panels.nth(1).inner_text()
    row = batches["middle"]["inputs"]
    order = "prefix, suffix" if row[2] != "<suffix>" else "suffix, prefix"
    assert f"({order}, middle)" in panels.nth(6).inner_text()
    found = re.search(r"(\d+) tokens? (is|are) masked", panels.nth(5).inner_text())
    replaced = batches["replaced"]["targets"].count("replaced")
    assert int(found[1]) >= replaced  # a draw may be the right word


def test_bad_text_is_told(open_page):
    page = open_page("objectives")
    first, short = page.locator(".pw").first, page.locator(".pw").nth(1)
    assert "type a sentence of two tokens or more" in short.inner_text()
    text = first.get_by_label("Sentence")
    text.fill(" \n")
    settle(page)
    assert "There is nothing to hide" in first.inner_text()
    assert first.locator(".pw-objective").count() == 0
    text.fill("👩‍🚀 🎉 <mask> .")
    check(page, text="👩‍🚀 🎉 <mask> .")
    text.fill("word " * 10_000)
    check(page, text="word " * 10_000)
    assert f"The first {MOST} of 10,000 tokens are used." in first.inner_text()
    text.fill(TEXT)
    check(page)
