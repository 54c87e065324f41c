// The masking explorer: see masking.py, whose draws these are.
const { h } = kit;
const SHOWN = 400; // tokens that are drawn; counts are always of all
const SPECIALS = ["<pad>", "<doc>", "<mask>", "<unk>"];
const PIECE = 4;
const TRAITS = ["text", "rate", "split", "how", "in_pieces", "whole_words", "length", "seed", "by_hand", "_words"];

function pieces(text, inPieces) {
  const found = kit.words(text);
  if (!inPieces) return found;
  return found.flatMap((word) => {
    const letters = Array.from(word);
    if (letters.length <= PIECE + 1) return [word];
    const parts = [];
    for (let i = 0; i < letters.length; i += PIECE) parts.push(letters.slice(i, i + PIECE).join(""));
    return parts.map((part, i) => (i ? "##" : "") + part);
  });
}

// Indices in the order of their draws; the first of equals comes first.
const order = (draw) => Array.from(draw.keys()).sort((a, b) => draw[a] - draw[b] || a - b);

function composition(total, parts, next) {
  const cuts = order(kit.draws(next, total - 1)).slice(0, parts - 1).sort((a, b) => a - b).map((i) => i + 1);
  return [...cuts, total].map((cut, i) => cut - (i ? cuts[i - 1] : 0));
}

function choose(n, starts, state, next) {
  const { rate, how } = state;
  const wanted = Math.min(Math.max(kit.round(rate * n), 1), n);
  if (how === "spans") {
    const spans = Math.min(Math.max(kit.round(wanted / state.length), 1), wanted, n - wanted + 1);
    const lengths = composition(wanted, spans, next);
    const gaps = composition(n - wanted + 2, spans + 1, next);
    gaps[0] -= 1;
    gaps[spans] -= 1;
    return gaps.flatMap((gap, i) => [...Array(gap).fill(false), ...Array(lengths[i] ?? 0).fill(true)]);
  }
  const draw = kit.draws(next, n + 1).slice(1); // the first is <doc>'s
  if (state.whole_words) for (let i = 1; i < n; i++) if (!starts[i]) draw[i] = draw[i - 1];
  if (how === "exact") {
    const ranked = order(draw);
    if (state.whole_words) { const last = draw[ranked[wanted - 1]]; return Array.from(draw, (x) => x <= last); }
    const among = new Set(ranked.slice(0, wanted));
    return Array.from(draw, (_, i) => among.has(i));
  }
  const chosen = Array.from(draw, (x) => x < rate);
  if (chosen.includes(true)) return chosen;
  const least = draw.reduce((a, b) => Math.min(a, b));
  return Array.from(draw, (x) => x === least);
}

// Everything that the widget shows, from the state of its controls.
function compute(state) {
  const tokens = pieces(state.text, state.in_pieces), n = tokens.length;
  if (!n) return { tokens, inputs: [], chosen: [], kinds: [], sizes: [], expected: 0, spread: null, empty: null };
  const vocabulary = [...SPECIALS, ...new Set([...state._words, ...tokens])];
  const starts = tokens.map((token, i) => i === 0 || !token.startsWith("##"));
  const sizes = [];
  for (const start of starts) if (start) sizes.push(1); else sizes[sizes.length - 1] += 1;
  const next = kit.counter(state.seed);
  const chosen = choose(n, starts, state, next);
  for (const i of state.by_hand) if (i < n) chosen[i] = !chosen[i];
  const [mask, random] = state.split;
  const lot = kit.draws(next, n + 1).slice(1);
  const picks = random ? kit.draws(next, n + 1).slice(1) : [];
  const kinds = tokens.map((_, i) => (!chosen[i] ? "none" : lot[i] < mask ? "mask" : lot[i] < mask + random ? "random" : "kept"));
  const inputs = tokens.map((token, i) => {
    if (kinds[i] === "mask") return "<mask>";
    if (kinds[i] !== "random") return token;
    return vocabulary[Math.floor(picks[i] * (vocabulary.length - SPECIALS.length)) + SPECIALS.length];
  });
  const independent = state.how === "independent", { rate } = state;
  const units = state.whole_words ? sizes : tokens.map(() => 1);
  const empty = independent ? (1 - rate) ** units.length : null;
  const expected = independent ? rate * n + (empty * n) / units.length : Math.min(Math.max(kit.round(rate * n), 1), n);
  const spread = independent ? Math.sqrt(rate * (1 - rate) * units.reduce((sum, size) => sum + size * size, 0)) : null;
  return { tokens, inputs, chosen, kinds, sizes, expected, spread, empty };
}

function python(state) {
  const bool = (x) => (x ? "True" : "False");
  const text = JSON.stringify(state.text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  // pairs of surrogates are one character in Python
  const source = text.replace(/\\u(d[89ab]..)\\u(d[c-f]..)/g, (_, a, b) =>
    `\\U${(0x10000 + ((parseInt(a, 16) - 0xd800) << 10) + (parseInt(b, 16) - 0xdc00)).toString(16).padStart(8, "0")}`);
  const split = `split=(${state.split.join(", ")})`;
  const objective = state.how === "spans"
    ? `SpanMasked(rate=${state.rate}, ${split}, length=${state.length})`
    : `Masked(rate=${state.rate}, ${split}, exact=${bool(state.how === "exact")}, whole_words=${bool(state.whole_words)})`;
  return [
    "import torch",
    ...(state.how === "spans" ? [] : ["from pretrain.objectives.masked import Masked"]),
    "from pretrain.random import Counter",
    `from pretrain.widgets.masking import ${state.how === "spans" ? "SpanMasked, " : ""}one_row`,
    "",
    `rows, tokenizer = one_row(${source}, in_pieces=${bool(state.in_pieces)})`,
    `objective = ${objective}`,
    `tokens, draws = rows.tokens[:, :-1], Counter(${state.seed})`,
    "chosen = objective.choose(tokens, tokenizer, draws)",
    ...(state.by_hand.length ? [`chosen[0, torch.tensor([${state.by_hand.map((i) => i + 1).join(", ")}])] ^= True  # by hand; <doc> is at 0`] : []),
    "inputs = objective.corrupt(tokens, chosen, tokenizer, draws)",
    "targets = tokens.masked_fill(~chosen, -100)",
    "print([tokenizer.token(i) for i in inputs[0]])",
    "print(targets[0].tolist())",
    "",
  ].join("\n");
}

const LOOKS = { mask: ["▨", "<mask>"], random: ["⇄", "a random token"], kept: ["=", "unchanged"], none: ["", ""] };

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Masking explorer",
    "Type a text, turn the rate, and select tokens to mask them by hand.");
  const act = (values) => state.change(values);
  const text = kit.text({ label: "Text", value: "", onchange: (x) => act({ text: x, by_hand: [] }) });
  const rate = kit.slider({ label: "Masking rate", min: 0.01, max: 1, step: 0.01, value: 0.15, show: (x) => kit.percent(x), onchange: (x) => act({ rate: x }) });
  const hundredths = (mask, random) => [mask / 100, random / 100, (100 - mask - random) / 100];
  const shares = () => [Number(mask.input.value), Number(random.input.value)];
  const mask = kit.slider({
    label: "of these become <mask>", min: 0, max: 100, step: 1, value: 80, show: (x) => `${x} %`,
    onchange: (x) => act({ split: hundredths(x, Math.min(shares()[1], 100 - x)) }),
  });
  const random = kit.slider({
    label: "become a random token", min: 0, max: 100, step: 1, value: 10, show: (x) => `${x} %`,
    onchange: (x) => act({ split: hundredths(Math.min(shares()[0], 100 - x), x) }),
  });
  const how = kit.choice({
    label: "How tokens are chosen", value: "independent", onchange: (x) => act({ how: x, by_hand: [] }),
    options: [["independent", "independent draws"], ["exact", "exact count"], ["spans", "spans"]],
  });
  const length = kit.slider({ label: "Mean length of a span", min: 1, max: 10, step: 0.5, value: 3, show: (x) => kit.count(x, "token"), onchange: (x) => act({ length: x, by_hand: [] }) });
  const inPieces = kit.checkbox({ label: "cut long words in pieces", value: false, onchange: (x) => act({ in_pieces: x, by_hand: [] }) });
  const whole = kit.checkbox({ label: "mask whole words", value: false, onchange: (x) => act({ whole_words: x, by_hand: [] }) });
  const seed = kit.number({ label: "Seed", min: 0, max: 4294967295, value: 1, onchange: (x) => act({ seed: x, by_hand: [] }) });
  const again = kit.button("Resample", () => act({ seed: (model.get("seed") + 1) % 4294967296, by_hand: [] }));
  const clear = kit.button("Undo marks by hand", () => act({ by_hand: [] }));
  const message = h("p", { class: "pw-note" });
  const list = h("div", { class: "pw-tokens pw-masking", role: "group", "aria-label": "Tokens; arrow keys move, Enter masks or unmasks" });
  const moving = kit.roving(list, () => [...list.querySelectorAll("button")]);
  const legend = h("ul", { class: "pw-legend", "aria-label": "Signs" },
    [["▨", "becomes <mask>"], ["⇄", "becomes a random token"], ["=", "stays as it is"], ["●", "scored"], ["○", "ignored (−100)"]]
      .map(([glyph, meaning]) => h("li", {}, h("span", { "aria-hidden": "true" }, `${glyph} `), meaning)));
  const body = h("tbody");
  const table = h("table", {}, h("caption", {}, "Counts"),
    h("thead", {}, h("tr", {}, ["Tokens", "here", "expected"].map((name) => h("th", { scope: "col" }, name)))), body);
  const chance = h("p", {});
  const copy = kit.copyable({ label: "Copy as Python", say });
  root.append(
    h("div", { class: "pw-controls" }, text.node, rate.node, how.node, length.node, mask.node, random.node,
      h("div", { class: "pw-control pw-choices" }, inPieces.node, whole.node),
      h("div", { class: "pw-control pw-buttons" }, again, clear)),
    message, list, legend, h("div", { class: "pw-pair" }, table, h("div", {}, chance, seed.node)), copy.node);

  list.addEventListener("click", (event) => {
    const at = event.target.closest("button")?.dataset.at;
    if (at === undefined) return;
    const marked = new Set(model.get("by_hand")), i = Number(at);
    if (!marked.delete(i)) marked.add(i);
    act({ by_hand: [...marked].sort((a, b) => a - b) });
  });

  const heading = h("span", { class: "pw-token pw-token-head", "aria-hidden": "true" },
    h("span", {}, "text"), h("span", {}, "sees"), h("span", {}, "scored"));
  const cells = [];
  function cell(i) {
    const parts = { token: h("span"), sees: h("span", { class: "pw-sees" }), scored: h("span", { class: "pw-scored" }) };
    const button = h("button", { type: "button", class: "pw-token", "data-at": i, tabindex: -1 }, parts.token, parts.sees, parts.scored);
    return { button, parts };
  }
  const aside = (text) => h("span", { class: "pw-hidden" }, text);
  const glyph = (text) => h("span", { "aria-hidden": "true" }, text ? `${text} ` : "");

  function draw(now) {
    text.set(now.text);
    rate.set(now.rate);
    mask.set(Math.round(100 * now.split[0]));
    random.set(Math.round(100 * now.split[1]));
    how.set(now.how);
    length.set(now.length);
    length.node.hidden = now.how !== "spans";
    inPieces.set(now.in_pieces);
    whole.set(now.whole_words);
    whole.enable(now.how !== "spans");
    seed.set(now.seed);
    clear.disabled = !now.by_hand.length;
    copy.set(python(now));
    const result = compute(now), n = result.tokens.length;
    const notes = [];
    if (!n) notes.push("There is no token to mask: type a text.");
    if (n > SHOWN) notes.push(`The first ${SHOWN} of ${kit.count(n, "token")} are shown; the counts are of all.`);
    if (now.whole_words && !now.in_pieces && now.how !== "spans") notes.push("Every token is a whole word here: cut long words in pieces to see a difference.");
    if (n && !result.chosen.includes(true)) notes.push("Nothing is scored: the loss would have no mean.");
    message.textContent = notes.join(" ");

    while (cells.length < Math.min(n, SHOWN)) cells.push(cell(cells.length));
    const shown = cells.slice(0, Math.min(n, SHOWN));
    shown.forEach(({ button, parts }, i) => {
      const kind = result.kinds[i], on = result.chosen[i], token = kit.visible(result.tokens[i]);
      const key = [kind, on, token, result.inputs[i]].join("\u0000");
      if (button.key === key) return;
      button.key = key;
      button.dataset.kind = kind;
      button.dataset.input = result.inputs[i];
      button.setAttribute("aria-pressed", String(on));
      parts.token.textContent = token;
      parts.sees.replaceChildren(glyph(LOOKS[kind][0]), aside(", the model sees "), kit.visible(result.inputs[i]));
      parts.scored.replaceChildren(glyph(on ? "●" : "○"), aside(on ? ", scored against " : ", ignored "), on ? token : "−100");
    });
    if (list.childElementCount !== (n ? shown.length + 1 : 0)) list.replaceChildren(...(n ? [heading, ...shown.map((c) => c.button)] : []));
    moving.refresh();

    const tally = { mask: 0, random: 0, kept: 0, none: 0 };
    for (const kind of result.kinds) tally[kind] += 1;
    const scored = n - tally.none, e = result.expected;
    const about = result.spread === null ? "" : ` ± ${kit.fixed(result.spread, 1)}`;
    const rows = [
      ["scored", scored, kit.fixed(e, 1) + about],
      ["▨ <mask>", tally.mask, kit.fixed(e * now.split[0], 1)],
      ["⇄ random", tally.random, kit.fixed(e * now.split[1], 1)],
      ["= unchanged", tally.kept, kit.fixed(e * now.split[2], 1)],
      ["ignored", tally.none, kit.fixed(n - e, 1)],
    ];
    if (now.by_hand.length) rows.push(["turned by hand", now.by_hand.length, ""]);
    body.replaceChildren(...rows.map(([name, here, mean]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, here.toLocaleString("en-US")), h("td", {}, mean))));
    const p = result.empty;
    chance.textContent = !n ? "" : p === null
      ? "Here a count is given, so the mask is never empty."
      : `Chance that ${kit.count(now.whole_words ? result.sizes.length : n, now.whole_words ? "word" : "token")} draw an empty mask: `
        + `${p >= 0.001 || p === 0 ? kit.percent(p, 1) : `${kit.fixed(p * 10 ** Math.ceil(-Math.log10(p)), 1)} · 10^−${Math.ceil(-Math.log10(p))}`}. Then the token that drew lowest is taken.`;
    if (n) say(`${scored} of ${kit.count(n, "token")} scored: ${tally.mask} mask, ${tally.random} random, ${tally.kept} unchanged.`);
    else say(message.textContent);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute, python };
