// The span-corruption workbench: see spans.py, whose draws these are.
const { h } = kit;
const SENTINELS = 100, INPUTS = 512, SHOWN = 300;
const TRAITS = ["text", "rate", "mean_span", "seed", "answer"];
const SENTINEL = /(<extra_(?:0|[1-9][0-9]?)>)/;
const isSentinel = (token) => /^<extra_(?:0|[1-9][0-9]?)>$/.test(token);
const sentinel = (i) => `<extra_${i}>`;
const read = (answer) => answer.split(SENTINEL).flatMap((part, i) => (i % 2 ? [part] : kit.words(part)));

function counts(n, rate, mean) {
  const noise = Math.min(Math.max(kit.round(n * rate), 1), n - 1);
  return [noise, Math.min(Math.max(kit.round(noise / mean), 1), n - noise)];
}

// The longest document whose input fits, and its target's length.
function lengths(inputs, rate, mean) {
  const sizes = (n) => { const [noise, spans] = counts(n, rate, mean); return [n - noise + spans + 1, noise + spans + 1]; };
  let n = 2;
  while (sizes(n + 1)[0] <= inputs) n += 1;
  return [n, sizes(n)[1]];
}

function segments(items, parts, lots) {
  const draws = lots.slice(1, items);
  const order = [...draws.keys()].sort((a, b) => draws[a] - draws[b] || a - b);
  const edges = [0, ...order.slice(0, parts - 1).map((i) => i + 1).sort((a, b) => a - b), items];
  return edges.slice(1).map((edge, i) => edge - edges[i]);
}

function restore(source, answer) {
  const asked = source.filter(isSentinel), given = answer.filter(isSentinel);
  const fits = given.length === asked.length + 1 && given.every((token, i) => token === sentinel(i));
  if (!fits || answer[0] !== sentinel(0) || answer.at(-1) !== given.at(-1)) return null;
  const starts = given.map((token) => answer.indexOf(token));
  return source.flatMap((token) => {
    const i = asked.indexOf(token);
    return i < 0 ? [token] : answer.slice(starts[i] + 1, starts[i + 1]);
  });
}

function compute({ text, rate, mean_span: mean, seed, answer }) {
  const tokens = kit.words(text), n = tokens.length;
  if (n < 2) return { tokens, error: "There is nothing to corrupt: one token has to be hidden and one shown, so type two or more." };
  const [hidden, spans] = counts(n, rate, mean);
  if (spans + 1 > SENTINELS) return { tokens, error: `${spans} spans need ${spans + 1} sentinels, and there are ${SENTINELS}: lower the rate, lengthen the spans or shorten the text.` };
  const lots = kit.draws(kit.counter(seed), n + 1).slice(1); // the first is <doc>'s
  const shown = segments(n - hidden, spans, lots.slice(hidden)), cut = segments(hidden, spans, lots.slice(0, hidden));
  const noise = shown.flatMap((size, i) => [...Array(size).fill(false), ...Array(cut[i]).fill(true)]);
  const source = [], target = [], of = [];
  let at = -1;
  tokens.forEach((token, i) => {
    if (noise[i] && !noise[i - 1]) { at += 1; source.push(sentinel(at)); target.push(sentinel(at)); }
    of.push(noise[i] ? at : null);
    (noise[i] ? target : source).push(token);
  });
  target.push(sentinel(at + 1));
  const restored = restore(source, answer === null ? target : read(answer));
  return { tokens, noise, of, spans, source, target, restored, fits: lengths(INPUTS, rate, mean) };
}

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Span-corruption workbench",
    "Turn the rate and the spans' length; edit the answer to see what it puts back.");
  const act = (values) => state.change(values);
  const text = kit.text({ label: "Document", value: "", rows: 3, onchange: (x) => act({ text: x, answer: null }) });
  const rate = kit.slider({ label: "Corruption rate", min: 0.01, max: 0.95, step: 0.01, value: 0.3, show: (x) => kit.percent(x), onchange: (x) => act({ rate: x, answer: null }) });
  const mean = kit.slider({ label: "Mean length of a span", min: 1, max: 10, step: 0.5, value: 3, show: (x) => kit.count(x, "token"), onchange: (x) => act({ mean_span: x, answer: null }) });
  const seed = kit.number({ label: "Seed", min: 0, max: 4294967295, value: 1, onchange: (x) => act({ seed: x, answer: null }) });
  const again = kit.button("Resample", () => act({ seed: (model.get("seed") + 1) % 4294967296, answer: null }));
  const message = h("p", { class: "pw-note" });
  const row = (name) => {
    const list = h("div", { class: "pw-spans-row" });
    return { list, node: h("div", { role: "group", "aria-label": name }, h("p", { class: "pw-label" }, name), list) };
  };
  const documents = row("Document: × is noise"), source = row("Input: what the model reads"), target = row("Target: what it writes; every token is scored");
  const restored = row("The way back: the answer put into the input");
  const answer = kit.text({ label: "Answer, with its sentinels", value: "", rows: 2, onchange: (x) => act({ answer: x }) });
  const undo = kit.button("Put the target back", () => act({ answer: null }));
  const verdict = h("p", { class: "pw-spans-verdict" });
  const body = h("tbody");
  const table = h("table", { class: "pw-spans-counts" }, h("caption", {}, "Counts"), body);
  const fits = h("p", {});
  const shown = h("div", {}, documents.node, source.node, target.node, answer.node, h("div", { class: "pw-buttons" }, undo), restored.node, verdict,
    h("div", { class: "pw-pair" }, table, h("div", {}, fits, h("p", { class: "pw-note" }, "As in T5's code, the numbers of noise tokens and of spans follow from the rate and are not random. The first token always stays and the last is always noise; only where the cuts fall is drawn."))));
  root.append(h("div", { class: "pw-controls" }, text.node, rate.node, mean.node, seed.node, h("div", { class: "pw-control pw-buttons" }, again)), message, shown);

  const chip = (token, kind, glyph, meaning) => h("span", { class: "pw-spans-token", "data-kind": kind },
    glyph ? h("span", { "aria-hidden": "true" }, `${glyph} `) : null, kit.visible(token), meaning ? h("span", { class: "pw-hidden" }, `, ${meaning}`) : null, " ");
  const fill = ({ list }, chips, n) => list.replaceChildren(...chips, n > SHOWN ? `… ${(n - SHOWN).toLocaleString("en-US")} more` : "");
  const first = (tokens, f) => tokens.slice(0, SHOWN).map(f);
  const plain = (token) => (isSentinel(token) ? chip(token, "sentinel") : chip(token, "token"));

  function draw(now) {
    text.set(now.text);
    rate.set(now.rate);
    mean.set(now.mean_span);
    seed.set(now.seed);
    const result = compute(now), { tokens } = result, n = tokens.length;
    message.textContent = result.error ?? (n > SHOWN ? `The first ${SHOWN} of ${kit.count(n, "token")} are shown; the counts are of all.` : "");
    shown.hidden = Boolean(result.error);
    if (result.error) { say(result.error); return; }
    const { noise, of } = result, hidden = noise.filter(Boolean).length;
    fill(documents, first(tokens, (token, i) => (noise[i] ? chip(token, "noise", "×", `noise, span ${of[i]}`) : chip(token, "token"))), n);
    fill(source, first(result.source, plain), result.source.length);
    fill(target, first(result.target, plain), result.target.length);
    const written = now.answer ?? result.target.join(" ");
    answer.set(written);
    answer.input.setAttribute("aria-invalid", String(!result.restored));
    undo.disabled = now.answer === null;
    const back = result.restored, same = back && back.length === n && back.every((token, i) => token === tokens[i]);
    // Which tokens the answer gave: between the input's sentinels.
    const given = back ? read(written) : [], put = [];
    for (const token of back ? result.source : []) {
      if (!isSentinel(token)) { put.push([token, false]); continue; }
      const start = given.indexOf(token) + 1, stop = given.findIndex((other, i) => i >= start && isSentinel(other));
      for (const word of given.slice(start, stop)) put.push([word, true]);
    }
    fill(restored, first(put, ([token, filled]) => (filled ? chip(token, "filled", "▸", "from the answer") : chip(token, "token"))), put.length);
    verdict.textContent = same ? `✓ The same ${n} tokens as the document: input and target hold it between them.`
      : back ? `≠ Another document, of ${kit.count(back.length, "token")}: the answer fits the input, but says something else.`
        : `✗ This answer does not belong to this input: it must hold ${Array.from({ length: Math.min(result.spans + 1, 4) }, (_, i) => sentinel(i)).join(", ")}${result.spans + 1 > 4 ? ` … ${sentinel(result.spans)}` : ""} in order, each before its span, and the last one at the end.`;
    verdict.dataset.fits = same ? "same" : back ? "other" : "no";
    const size = result.source.length + result.target.length;
    body.replaceChildren(...[
      ["tokens of the document", n], ["noise", `${hidden} (${kit.percent(hidden / n, 1)})`], ["spans", result.spans],
      ["tokens of a span on average", kit.fixed(hidden / result.spans, 2)], ["tokens of the input", result.source.length], ["tokens of the target, all scored", result.target.length],
      ["input and target, to the document", `${size} (${kit.percent(size / n)})`],
    ].map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "number" ? value.toLocaleString("en-US") : value))));
    fits.textContent = `With this rate and these spans, documents of up to ${kit.count(result.fits[0], "token")} fit T5's ${INPUTS} input positions; their targets are ${kit.count(result.fits[1], "token")} long.`;
    say(`${hidden} of ${kit.count(n, "token")} are noise in ${kit.count(result.spans, "span")}; the input has ${result.source.length} tokens, the target ${result.target.length}. ${verdict.textContent}`);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute, restore };
