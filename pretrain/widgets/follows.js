// Does B come right after A? See follows.py.
const { h } = kit;
const TRAITS = ["wrong", "answers", "pairs", "scores"];
const WRONG = [["any", "B of another document"], ["kind", "B of another, of the same kind"], ["order", "A and B swapped"]];
const WHO = ["you", "shared", "sides"];

function compute({ answers, pairs }) {
  return Object.fromEntries(WRONG.map(([name]) => {
    const said = answers[name] ?? "", asked = pairs[name].slice(0, said.length);
    const right = (says) => asked.filter((pair, i) => says(pair, i) === pair.label).length;
    return [name, {
      asked: asked.length,
      you: right((_, i) => (said[i] === "n" ? 1 : 0)),
      shared: right((pair) => pair.shared),
      sides: right((pair) => pair.sides),
      coin: asked.length / 2,
      give_or_take: 0.98 * Math.sqrt(asked.length),
    }];
  }));
}

const says = (label) => (label ? "no" : "yes");

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Does B come right after A?",
    "In half of the pairs it does. Two judges who know words and no word order answer, too.");
  const act = (values) => state.change(values);
  const wrong = kit.choice({ label: "How the wrong pairs are made", options: WRONG, value: "any", onchange: (x) => act({ wrong: x }) });
  function answer(letter) {
    const now = state.read(), said = now.answers[now.wrong];
    if (said.length < now.pairs[now.wrong].length) act({ answers: { ...now.answers, [now.wrong]: said + letter } });
  }
  const yes = kit.button("Yes, it follows", () => answer("y")), no = kit.button("No", () => answer("n"));
  const again = kit.button("Restart", () => act({ answers: Object.fromEntries(WRONG.map(([name]) => [name, ""])) }));
  const place = h("p", { class: "pw-note" }), a = h("p"), b = h("p"), told = h("p", { class: "pw-follows-told" }), note = h("p", { class: "pw-note" });
  const rows = WRONG.map(([name, shown]) => ({ name, head: h("th", { scope: "row" }, shown), cells: WHO.map(() => h("td")) }));
  const table = h("table", { class: "pw-follows-table" }, h("caption", {}, "Right answers to the pairs that you answered"),
    h("thead", {}, h("tr", {}, h("td", {}, "wrong pairs"), ["you", "shared words", "each side's words"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map(({ head, cells }) => h("tr", {}, head, cells))));
  root.append(wrong.node, place, h("div", { class: "pw-follows", role: "group", "aria-label": "The pair" }, a, b),
    h("div", { class: "pw-buttons" }, yes, no, again), told,
    h("div", { class: "pw-scroll", tabindex: 0, role: "group", "aria-label": "Table of right answers" }, table), note);

  function draw(now) {
    const result = compute(now), said = now.answers[now.wrong], deck = now.pairs[now.wrong], at = said.length, done = at >= deck.length;
    wrong.set(now.wrong);
    place.textContent = done ? `All ${deck.length} pairs are answered.` : `Pair ${at + 1} of ${deck.length}`;
    for (const [node, key, name] of [[a, "a", "A"], [b, "b", "B"]]) node.replaceChildren(h("strong", {}, `${name} `), done ? "–" : deck[at][key]);
    for (const button of [yes, no]) button.disabled = done;
    again.disabled = !Object.values(now.answers).some((each) => each.length);
    if (at) {
      const last = deck[at - 1], own = said[at - 1] === "n" ? 1 : 0;
      told.textContent = `Pair ${at}: you ${own === last.label ? "are right" : "are wrong"}. B ${last.label ? (now.wrong === "order" ? "comes before A" : "is of another document") : "follows"}. `
        + `Shared words said ${says(last.shared)}, each side's words ${says(last.sides)}.`;
    } else told.textContent = "Answer by reading. Then see what the judges said.";
    for (const { name, cells } of rows) {
      const found = result[name];
      WHO.forEach((who, i) => {
        const score = now.scores[name][who];
        cells[i].replaceChildren(found.asked ? `${found[who]} of ${found.asked}` : "–", score === undefined || !found.asked ? "" : h("span", { class: "pw-note" }, `(${kit.percent(score)})`));
      });
    }
    const here = result[now.wrong];
    note.textContent = (here.asked ? "In brackets: the judge on many more pairs. " : "") + "A coin is right half of the time"
      + (here.asked ? `: of ${kit.count(here.asked, "answer")} on ${kit.fixed(here.coin, 1)}, give or take ${kit.fixed(here.give_or_take, 1)}.` : ".");
    say(at ? told.textContent : place.textContent);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute };
