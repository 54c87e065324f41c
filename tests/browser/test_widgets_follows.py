"""Does B follow A, in a page: answers are counted as Python counts them."""

from widget_site import golden, settle

from pretrain.widgets.follows import ASKED, WRONG, DoesItFollow

CELLS = """() => [...document.querySelector('.pw').querySelectorAll('tbody tr')]
  .map(row => [...row.children].map(cell => cell.textContent))"""
ANSWERS = "pretrainWidgets.model('w0').get('answers')"
WHO = ("you", "shared", "sides")


def demo():
    full = {name: "y" * ASKED for name in WRONG}
    return [DoesItFollow(), DoesItFollow(wrong="order", answers=full)]


def check(page):
    settle(page)
    widget = DoesItFollow(answers=page.evaluate(ANSWERS))
    result, rows = widget.result(), page.evaluate(CELLS)
    for (name, shown), row in zip(WRONG.items(), rows, strict=True):
        assert row[0] == shown
        for who, cell in zip(WHO, row[1:], strict=True):
            found = result[name]
            told = f"{found[who]} of {found['asked']}" if found["asked"] else "–"
            if who != "you" and found["asked"]:  # not before the reader's own
                told += f"({100 * widget.scores[name][who]:.0f} %)"
            assert cell == told
    return widget


def test_golden_cases(open_page):
    page, cases = open_page("follows"), golden("follows")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('follows').compute)",
        [case["state"] for case in cases],
    )
    for case, got in zip(cases, answers, strict=True):
        assert got == case["answer"]


def test_a_round_by_keyboard_and_mouse(open_page):
    page = open_page("follows")
    first = page.locator(".pw").first
    yes = first.get_by_role("button", name="Yes, it follows")
    no = first.get_by_role("button", name="No", exact=True)
    widget = check(page)
    pairs = widget.pairs["any"]
    assert pairs[0]["a"].split()[0] in first.inner_text()
    for i in range(ASKED):  # always right
        assert f"Pair {i + 1} of {ASKED}" in first.inner_text()
        button = no if pairs[i]["label"] else yes
        if i % 2:
            button.click()
        else:
            button.press("Enter")
        check(page)
        assert "you are right" in first.inner_text()
    assert f"{ASKED} of {ASKED}" in page.evaluate(CELLS)[0][1]
    assert yes.is_disabled() and no.is_disabled()
    first.get_by_role("radio", name="A and B swapped").press("Space")
    settle(page)
    assert f"Pair 1 of {ASKED}" in first.inner_text()
    (yes if widget.pairs["order"][0]["label"] else no).press("Enter")
    check(page)
    assert "you are wrong" in first.inner_text()
    assert page.evaluate(ANSWERS)["any"], "the other task's answers are kept"
    first.get_by_role("button", name="Restart").press("Enter")
    check(page)
    assert not any(page.evaluate(ANSWERS).values())


def test_all_answered(open_page):
    page = open_page("follows")
    last = page.locator(".pw").nth(1)
    assert f"All {ASKED} pairs are answered." in last.inner_text()
    assert "12.0, give or take 4.8" in last.inner_text()
    assert last.get_by_role("button", name="No", exact=True).is_disabled()
