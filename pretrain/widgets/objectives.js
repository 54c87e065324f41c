// The objective explorer: see objectives.py, whose batches these are.
const { h, s } = kit;
const MOST = 12;
const TRAITS = ["text", "rate", "seed", "shown", "_words", "_question"];
const NAMES = {
  causal: "Causal", prefix: "Prefix", masked: "Masked", span: "Span corruption",
  denoising: "Denoising", replaced: "Replaced tokens", middle: "Fill in the middle", chat: "Chat",
};

// Indices in the order of their draws; the first of equals comes first.
const order = (draw) => [...draw.keys()].sort((a, b) => draw[a] - draw[b] || a - b);
const causal = (q, k) => k <= q;
const full = () => true;
const fill = (tokens, place) => tokens.map(place);

// The batches: what is read, what is scored, who sees whom (a rule), and k or an order.
function causalBatch(row) {
  return { inputs: row.slice(0, -1), targets: row.slice(1), sees: causal };
}

function prefixBatch(tokens, seed) {
  const batch = causalBatch(["<doc>", ...tokens, "<doc>"]);
  const k = Math.max(0, Math.min(tokens.length - 1, Math.floor(kit.counter(seed)() * tokens.length)));
  return { ...batch, targets: fill(batch.targets, (token, i) => (i < k ? null : token)), sees: (q, key) => key <= q || (k > 0 && key <= k), k };
}

function chooseTokens(n, rate, next) {
  const draw = kit.draws(next, n + 1).slice(1); // the first is <doc>'s
  const chosen = Array.from(draw, (x) => x < rate);
  if (chosen.includes(true)) return chosen;
  const least = draw.reduce((a, b) => Math.min(a, b));
  return Array.from(draw, (x) => x === least);
}

function maskedBatch(tokens, rate, seed, vocabulary) {
  const n = tokens.length, next = kit.counter(seed), chosen = chooseTokens(n, rate, next);
  const lot = kit.draws(next, n + 1).slice(1), picks = kit.draws(next, n + 1).slice(1);
  const inputs = fill(tokens, (token, i) => (!chosen[i] || lot[i] >= 0.8 + 0.1 ? token : lot[i] < 0.8 ? "<mask>" : vocabulary[Math.floor(picks[i] * vocabulary.length)]));
  return { inputs: ["<doc>", ...inputs], targets: [null, ...fill(tokens, (token, i) => (chosen[i] ? token : null))], sees: full };
}

// One row of input, <doc>, answer: the input is seen from both sides.
function oneStack(source, answer) {
  const open = source.length + 1;
  return {
    inputs: ["<doc>", ...source, "<doc>", ...answer.slice(0, -1)],
    targets: [...Array(open).fill(null), ...answer], sees: (q, k) => k <= q || k <= open,
  };
}

function segments(items, parts, lots) {
  const opens = order(lots.slice(1, items)).slice(0, parts - 1).map((i) => i + 1).sort((a, b) => a - b);
  const edges = [0, ...opens, items];
  return edges.slice(1).map((edge, i) => edge - edges[i]);
}

function spanBatch(tokens, rate, seed) {
  const n = tokens.length, lots = kit.draws(kit.counter(seed), n + 1).slice(1);
  const noise = Math.min(Math.max(kit.round(n * rate), 1), n - 1);
  const spans = Math.min(Math.max(kit.round(noise / 3), 1), n - noise);
  const shown = segments(n - noise, spans, lots.slice(noise)), hidden = segments(noise, spans, lots.slice(0, noise));
  const source = [], answer = [];
  let at = 0;
  for (let i = 0; i < spans; i++) {
    source.push(...tokens.slice(at, at + shown[i]), `<extra_${i}>`);
    at += shown[i];
    answer.push(`<extra_${i}>`, ...tokens.slice(at, at + hidden[i]));
    at += hidden[i];
  }
  return oneStack(source, [...answer, `<extra_${spans}>`]);
}

function poisson(u, mean) {
  let k = 0, p = Math.exp(-mean), reached = p;
  while (reached <= u && p > 0) { k += 1; p *= mean / k; reached += p; }
  return k;
}

function denoisingBatch(tokens, rate, seed) {
  const n = tokens.length, draws = kit.draws(kit.counter(seed), 7 * (n + 1));
  const lots = (j) => tokens.map((_, i) => draws[7 * (i + 1) + j]);
  const sentences = [[]];
  for (const token of tokens) { sentences.at(-1).push(token); if (/^[.!?]$/.test(token)) sentences.push([]); }
  const full = sentences.filter((sentence) => sentence.length);
  const permuted = order(lots(0).slice(0, full.length)).flatMap((i) => full[i]);
  const budget = Math.max(1, kit.round(rate * n)), spans = [], sum = () => spans.reduce((a, b) => a + b, 0);
  for (const u of lots(3)) { if (sum() >= budget) break; spans.push(Math.min(poisson(u, 3), budget - sum())); }
  const slots = n - sum() + spans.length;
  const places = new Set(order([...lots(4), ...lots(5)].slice(0, slots)).slice(0, spans.length));
  const source = [];
  for (let slot = 0, at = 0, span = 0; slot < slots; slot++) {
    if (places.has(slot)) { source.push("<mask>"); at += spans[span++]; } else source.push(permuted[at++]);
  }
  return oneStack(source, [...tokens, "<doc>"]);
}

// The generator draws each word as often as it stands in the vocabulary.
function replacedBatch(tokens, rate, seed, vocabulary, counts) {
  const n = tokens.length, next = kit.counter(seed), chosen = chooseTokens(n, rate, next);
  kit.draws(next, n + 1); // for the split, all of which becomes <mask>
  const lot = kit.draws(next, n + 1).slice(1), total = counts.reduce((a, b) => a + b, 0);
  const sample = (u) => { let sum = 0; return vocabulary.find((_, i) => { sum += counts[i]; return sum / total > u; }); };
  const inputs = ["<doc>", ...fill(tokens, (token, i) => (chosen[i] ? sample(lot[i]) : token))];
  return { inputs, targets: fill(inputs, (token, i) => (i && token !== tokens[i - 1] ? "replaced" : "original")), sees: full, filled: chosen.filter(Boolean).length };
}

function middleBatch(tokens, seed) {
  const lots = kit.draws(kit.counter(seed), 8).slice(4), n = tokens.length; // the first four are <doc>'s
  const [first, second] = [lots[2], lots[3]].map((lot) => Math.floor(lot * (n + 1))).sort((a, b) => a - b);
  const before = tokens.slice(0, first), middle = tokens.slice(first, second), after = tokens.slice(second), spm = lots[1] < 0.5;
  const row = spm ? ["<prefix>", "<suffix>", ...after, "<middle>", ...before, ...middle] : ["<prefix>", ...before, "<suffix>", ...after, "<middle>", ...middle];
  return { ...causalBatch(["<doc>", ...row, "<doc>"]), spm };
}

function chatBatch(tokens, question) {
  const asked = ["<user>", ...question, "<end>", "<assistant>"];
  const batch = causalBatch(["<doc>", ...asked, ...tokens, "<end>", "<doc>"]), start = asked.length;
  return { ...batch, targets: fill(batch.targets, (token, i) => (i >= start && token !== "<doc>" ? token : null)) };
}

function compute({ text, rate, seed, _words, _question }) {
  const all = kit.words(text), tokens = all.slice(0, MOST), question = kit.words(_question);
  if (tokens.length < 2) return { tokens, all: all.length, objectives: null };
  const tally = new Map();
  for (const word of [..._words, ...tokens, ...question]) tally.set(word, (tally.get(word) ?? 0) + 1);
  const ranked = [...tally].sort((a, b) => b[1] - a[1]); // stable: the first of equals stays first
  const vocabulary = ranked.map(([word]) => word), counts = ranked.map(([, count]) => count);
  const objectives = {
    causal: causalBatch(["<doc>", ...tokens, "<doc>"]),
    prefix: prefixBatch(tokens, seed),
    masked: maskedBatch(tokens, rate, seed, vocabulary),
    span: spanBatch(tokens, rate, seed),
    denoising: denoisingBatch(tokens, rate, seed),
    replaced: replacedBatch(tokens, rate, seed, vocabulary, counts),
    middle: middleBatch(tokens, seed),
    chat: chatBatch(tokens, question),
  };
  for (const batch of Object.values(objectives)) batch.seen = batch.inputs.map((_, q) => batch.inputs.map((_, k) => (batch.sees(q, k) ? 1 : 0)).join(""));
  return { tokens, all: all.length, objectives };
}

// What is corrupted, scored and seen, in words.
const TOLD = {
  causal: () => "Nothing is changed. Each position predicts the next token and sees only what came before.",
  prefix: ({ k }) => (k ? `<doc> and the first ${kit.count(k, "token")} are seen by all and not asked for. The rest is predicted, token by token.` : "This seed draws a prefix of no token, which is the causal objective."),
  masked: () => "Chosen tokens are hidden (80 % <mask>, 10 % random, 10 % kept). They alone are predicted, from both sides.",
  span: () => "Spans of 3 on average become sentinels. The input is seen by all; the spans are written after it.",
  denoising: () => "Sentences change places and spans become one <mask> each. The whole sentence is written after it.",
  replaced: ({ filled }) => `${kit.count(filled, "token")} ${filled === 1 ? "is" : "are"} masked and filled in by a generator (here it draws words by their frequency). Every position is judged.`,
  middle: ({ spm }) => `Cut at two places, the middle comes last (${spm ? "suffix, prefix, middle" : "prefix, suffix, middle"}). All of it is predicted, causally.`,
  chat: () => "The sentence is an assistant's answer. Only what the assistant says is scored, and its <end> too.",
};
const LOOKS = {
  causal: "each position sees itself and what is before it", prefix: "the prefix is seen by all, the rest is causal", masked: "each position sees every position",
  span: "the input is seen by all, the answer is causal", denoising: "the input is seen by all, the answer is causal", replaced: "each position sees every position",
  middle: "each position sees itself and what is before it", chat: "each position sees itself and what is before it",
};
const H = 18; // height of a row, as in the style sheet

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Objective explorer",
    "One sentence under several objectives: what is read, what is scored, who sees whom.");
  const act = (values) => state.change(values);
  const text = kit.text({ label: "Sentence", value: "", rows: 1, onchange: (x) => act({ text: x }) });
  const rate = kit.slider({ label: "Corruption rate", min: 0.05, max: 0.9, step: 0.05, value: 0.3, show: (x) => kit.percent(x), onchange: (x) => act({ rate: x }) });
  const seed = kit.number({ label: "Seed", min: 0, max: 4294967295, value: 1, onchange: (x) => act({ seed: x }) });
  const again = kit.button("Resample", () => act({ seed: (model.get("seed") + 1) % 4294967296 }));
  const boxes = Object.entries(NAMES).map(([name, label]) => [name, kit.checkbox({
    label, value: false,
    onchange: (on) => { const now = new Set(model.get("shown")); if (on) now.add(name); else now.delete(name); act({ shown: Object.keys(NAMES).filter((each) => now.has(each)) }); },
  })]);
  const chosen = h("fieldset", { class: "pw-control pw-wide" }, h("legend", { class: "pw-label" }, "Objectives"), h("div", { class: "pw-choices" }, boxes.map(([, each]) => each.node)));
  const message = h("p", { class: "pw-note" });
  const panels = h("div", { class: "pw-objectives" });
  const legend = h("ul", { class: "pw-legend", "aria-label": "Signs" },
    [["●", "scored, on this token"], ["○", "not scored (−100)"], ["•", "this row's position sees that column's"]]
      .map(([glyph, meaning]) => h("li", {}, h("span", { "aria-hidden": "true" }, `${glyph} `), meaning)));
  root.append(h("div", { class: "pw-controls" }, text.node, rate.node, h("div", { class: "pw-pair" }, seed.node, h("div", { class: "pw-buttons" }, again)), chosen), message, legend, panels);

  const made = new Map();
  function panel(name) {
    const told = h("p", { class: "pw-note" }), body = h("tbody"), sums = h("p", { class: "pw-note" });
    const svg = s("svg", { role: "img" });
    const node = h("div", { class: "pw-objective", role: "group", "data-name": name, "aria-label": NAMES[name] }, h("p", { class: "pw-label" }, NAMES[name]), told,
      h("div", { class: "pw-objective-body" }, h("table", {}, h("caption", { class: "pw-hidden" }, NAMES[name]),
        h("thead", {}, h("tr", {}, ["reads", "scored on"].map((head) => h("th", { scope: "col" }, head)))), body), svg), sums);
    return { node, told, body, sums, svg };
  }

  const special = (token) => /^<\w+>$/.test(token);
  function show(name, batch, tokens) {
    if (!made.has(name)) made.set(name, panel(name));
    const { node, told, body, sums, svg } = made.get(name), n = batch.inputs.length;
    told.textContent = TOLD[name](batch);
    const changed = (token, i) => (name === "masked" || name === "replaced") && i > 0 && token !== tokens[i - 1];
    body.replaceChildren(...batch.inputs.map((token, i) => {
      const target = batch.targets[i];
      const kind = changed(token, i) || token === "<mask>" || /^<extra/.test(token) ? "changed" : special(token) ? "special" : "token";
      return h("tr", {}, h("td", { "data-kind": kind, title: token }, kit.visible(token)),
        h("td", { "data-scored": String(target !== null), title: target }, h("span", { "aria-hidden": "true" }, target === null ? "○" : "● "), target === null ? h("span", { class: "pw-hidden" }, "not scored") : kit.visible(target)));
    }));
    const cells = [], dots = [], W = Math.max(7, Math.min(12, Math.floor(112 / n)));
    let pairs = 0;
    batch.seen.forEach((line, q) => [...line].forEach((x, k) => {
      if (x !== "1") return;
      pairs += 1;
      cells.push(`M${k * W} ${q * H}h${W - 1}v${H - 1}h${1 - W}z`);
      dots.push(`M${k * W + W / 2 - 2.5} ${q * H + H / 2}a2 2 0 1 0 4 0a2 2 0 1 0 -4 0`);
    }));
    for (const [key, value] of Object.entries({ viewBox: `0 0 ${n * W} ${n * H}`, width: n * W, height: n * H, "aria-label": `Attention grid: ${LOOKS[name]}; ${pairs} of ${n * n} pairs.` })) svg.setAttribute(key, value);
    svg.replaceChildren(s("path", { class: "pw-objective-cells", d: cells.join("") }), s("path", { class: "pw-objective-dots", d: dots.join("") }));
    const scored = batch.targets.filter((target) => target !== null).length;
    sums.textContent = `${kit.count(n, "position")}, ${scored} scored, ${pairs} of ${n * n} pairs seen.`;
    return { node, words: `${NAMES[name]}: ${scored} of ${n} scored` };
  }

  function draw(now) {
    text.set(now.text);
    rate.set(now.rate);
    seed.set(now.seed);
    for (const [name, each] of boxes) each.set(now.shown.includes(name));
    const { tokens, all, objectives } = compute(now);
    const notes = [];
    if (!objectives) notes.push("There is nothing to hide and show: type a sentence of two tokens or more.");
    else if (all > MOST) notes.push(`The first ${MOST} of ${kit.count(all, "token")} are used.`);
    if (!now.shown.length) notes.push("Choose an objective.");
    message.textContent = notes.join(" ");
    const found = objectives ? Object.keys(NAMES).filter((name) => now.shown.includes(name)).map((name) => show(name, objectives[name], tokens)) : [];
    const nodes = found.map(({ node }) => node);
    if (nodes.length !== panels.childElementCount || nodes.some((node, i) => panels.children[i] !== node)) panels.replaceChildren(...nodes);
    say(`${message.textContent} ${found.map((each) => each.words).join("; ")}`);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute };
