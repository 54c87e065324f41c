"""The chat loss mask in a page, edited by keyboard and mouse, against Python."""

import re

from widget_site import golden, settle

from pretrain.widgets.chat_mask import MOST, TURNS, ChatLossMask

SHOWN = """() => [...document.querySelector('.pw').querySelectorAll('.pw-chat-token')]
  .map(cell => [cell.children[1].textContent, cell.dataset.scored === 'true',
                cell.textContent.startsWith('●')])"""


def demo():
    return [ChatLossMask(), ChatLossMask(turns=[]), ChatLossMask(end_of_turn=False)]


def check(page, **settings):
    """What the first widget shows is what Python computes; return the widget."""
    settle(page)
    first, want = page.locator(".pw").first, ChatLossMask(**settings).result()
    shown = page.evaluate(SHOWN)
    assert [cell[0] for cell in shown] == want["tokens"]
    assert [cell[1] for cell in shown] == want["scored"] == [cell[2] for cell in shown]
    if want["tokens"]:
        told = f"{sum(want['scored'])} of {len(want['tokens'])} tokens are scored"
        assert told in first.inner_text()
    return first


def test_golden_cases(open_page):
    page, cases = open_page("chat_mask"), golden("chat_mask")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('chat_mask').compute)",
        [case["state"] for case in cases],
    )
    assert len(cases) > 30
    for case, got in zip(cases, answers, strict=True):
        # 1/V is one division of the same two integers in either language
        assert {key: got[key] for key in case["answer"]} == case["answer"]


def test_what_is_scored_and_whether_it_stops(open_page):
    page = open_page("chat_mask")
    first = check(page)
    end = first.locator(".pw-chat-end")
    assert end.inner_text().endswith("it writes “It is near . <end>” and stops.")
    first.get_by_role("checkbox", name="<end> is scored too").press("Space")
    check(page, end_of_turn=False)
    assert "a chance of 1/26 = 3.8 %, and writes 25 tokens too many" in end.inner_text()
    first.get_by_role("radio", name="everything").check()
    check(page, end_of_turn=False, score="all")
    assert end.inner_text().endswith("<end>” and stops.")
    assert not first.get_by_role("checkbox").is_enabled()


def test_turns_are_edited_added_and_removed(open_page):
    page = open_page("chat_mask")
    first = check(page)
    first.get_by_label("Turn 4: what is said").fill("Near <end> 👩‍🚀")
    turns = [*TURNS[:3], {"role": "assistant", "content": "Near <end> 👩‍🚀"}]
    settle(page)
    scored = [cell[1] for cell in page.evaluate(SHOWN)]
    assert scored == ChatLossMask(turns=turns).result()["scored"]
    first.get_by_label("Turn 4: what is said").fill(TURNS[3]["content"])
    first.get_by_label("Turn 4: who speaks").select_option("user")
    check(page, turns=[*TURNS[:3], TURNS[3] | {"role": "user"}])
    first.get_by_label("Turn 4: who speaks").select_option("assistant")
    first.get_by_role("button", name="Add a turn").press("Enter")
    check(page, turns=[*TURNS, {"role": "user", "content": ""}])
    page.keyboard.type("Thank you")  # the new turn has the focus
    check(page, turns=[*TURNS, {"role": "user", "content": "Thank you"}])
    first.get_by_role("button", name="Remove turn 5").click()
    check(page)
    first.get_by_role("button", name="Remove turn 1").click()
    check(page, turns=TURNS[1:])
    for left in (2, 1, 0):
        first.get_by_role("button", name="Remove turn 1").click()
        check(page, turns=TURNS[4 - left :])
    assert "There is no turn: add one." in first.inner_text()
    page.keyboard.press("Enter")  # the button that adds one has the focus
    check(page, turns=[{"role": "user", "content": ""}])
    assert "Nothing is scored: the loss would have no mean." in first.inner_text()
    for _ in range(MOST - 1):
        first.get_by_role("button", name="Add a turn").click()
        settle(page)
    assert not first.get_by_role("button", name="Add a turn").is_enabled()


def test_a_token_is_explained(open_page):
    page = open_page("chat_mask")
    first = check(page)
    told, tokens = first.locator(".pw-chat-told"), first.locator(".pw-chat-token")
    assert "“<end>” follows “.”. ● Scored" in told.inner_text()
    assert "the only place where the model learns" in told.inner_text()
    tokens.nth(0).click()
    settle(page)
    assert "“<user>” follows “<doc>”" in told.inner_text()
    assert "whoever runs the model writes the marker" in told.inner_text()
    for key, reason in (("ArrowRight", "the user says it"), ("End", "closes the doc")):
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        settle(page)
        assert reason in told.inner_text()
    assert tokens.last.get_attribute("aria-pressed") == "true"
    assert first.locator(".pw-chat-token[aria-pressed=true]").count() == 1
    assert first.locator(".pw-chat-token[tabindex='0']").count() == 1


def test_a_very_long_turn_is_told(open_page):
    page = open_page("chat_mask")
    first = page.locator(".pw").first
    long = [*TURNS[:3], {"role": "assistant", "content": "word " * 10_000}]
    first.get_by_label("Turn 4: what is said").fill(long[3]["content"])
    settle(page)
    want = ChatLossMask(turns=long).result()
    text = first.inner_text()
    assert re.search(r"The first 400 of 10,0\d\d tokens are shown", text)
    assert f"{sum(want['scored'])} of {len(want['tokens']):,} tokens are" in text


def test_python_sets_the_turns(open_page):
    page = open_page("chat_mask")
    page.evaluate("turns => pretrainWidgets.model('w0').set('turns', turns)", TURNS[:2])
    first = check(page, turns=TURNS[:2])
    assert first.get_by_label("what is said").count() == 2
