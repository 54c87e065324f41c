// One loss in all its units: see units.py.
const { h } = kit;
const TRAITS = ["text", "tokens", "losses"];
const PIECE = 4, MOST = 12;
const NAMES = [["bytes", "bytes"], ["characters", "characters"], ["pieces", "pieces of up to 4 letters"], ["words", "words"]];

function countPieces(text) { // as masking.pieces cuts them
  let n = 0;
  for (const word of kit.words(text)) {
    const letters = Array.from(word).length;
    n += letters <= PIECE + 1 ? 1 : Math.ceil(letters / PIECE);
  }
  return n;
}

// Everything that is shown, or null for a text without a word.
function compute({ text, tokens, losses }) {
  const bytes = new TextEncoder().encode(text).length, characters = Array.from(text).length, words = kit.words(text).length;
  if (!words) return null;
  const sizes = { bytes, characters, pieces: countPieces(text), words };
  const models = tokens.map((name, i) => {
    const n = sizes[name], nats = losses[i] * n;
    return {
      tokens: n,
      tokens_per_byte: n / bytes,
      nats_per_token: losses[i],
      bits_per_token: losses[i] / Math.LN2,
      perplexity: Math.exp(losses[i]),
      bits_per_character: nats / characters / Math.LN2,
      bits_per_byte: nats / bytes / Math.LN2,
      word_perplexity: nats / words < 709 ? Math.exp(nats / words) : Infinity,
    };
  });
  return { bytes, characters, words, models, equal: (losses[0] * models[0].tokens) / models[1].tokens };
}

// A number of any size, short: 20.1, 4,915, 1.6 · 10^12.
function short(x) {
  if (!Number.isFinite(x)) return "∞";
  if (x < 1000) return kit.fixed(x, x < 100 ? 2 : 1);
  if (x < 1e6) return Math.round(x).toLocaleString("en-US");
  const power = Math.floor(Math.log10(x));
  return `${kit.fixed(x / 10 ** power, 1)} · 10^${power}`;
}

const ROWS = [
  ["tokens", (m) => m.tokens.toLocaleString("en-US")],
  ["tokens per byte", (m) => kit.fixed(m.tokens_per_byte, 3)],
  ["nats per token", (m) => kit.fixed(m.nats_per_token, 2)],
  ["bits per token", (m) => kit.fixed(m.bits_per_token, 2)],
  ["perplexity (per token)", (m) => short(m.perplexity)],
  ["bits per character", (m) => kit.fixed(m.bits_per_character, 3)],
  ["bits per byte", (m) => kit.fixed(m.bits_per_byte, 3)],
  ["perplexity per word", (m) => short(m.word_perplexity)],
];
const COMPARED = new Set(["bits per character", "bits per byte", "perplexity per word"]);

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Perplexity, bits per byte, tokens per byte",
    "Two models read the same text and cut it differently. Which of them is better?");
  const act = (values) => state.change(values);
  const at = (name, i, x) => model.get(name).map((old, j) => (j === i ? x : old));
  const text = kit.text({ label: "Text that both read", value: "", onchange: (x) => act({ text: x }) });
  const sides = ["A", "B"].map((letter, i) => {
    const cut = kit.select({ label: `Tokens of ${letter}`, options: NAMES, value: "words", onchange: (x) => act({ tokens: at("tokens", i, x) }) });
    const loss = kit.slider({ label: `Loss of ${letter}`, min: 0, max: MOST, step: 0.01, value: 0, show: (x) => `${kit.fixed(x)} nats per token`, onchange: (x) => act({ losses: at("losses", i, x) }) });
    return { cut, loss, node: h("div", {}, cut.node, loss.node) };
  });
  const equal = kit.button("Give B the bits per byte of A", () => {
    const result = compute(state.read());
    if (result && result.equal <= MOST) act({ losses: [model.get("losses")[0], result.equal] });
  });
  const cells = ROWS.map(() => [h("td"), h("td")]);
  const table = h("table", {}, h("caption", {}, "The same two losses in all units"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "unit"), h("th", { scope: "col" }, "A"), h("th", { scope: "col" }, "B"), h("th", { scope: "col" }, "may be compared"))),
    h("tbody", {}, ROWS.map(([name], i) => h("tr", {}, h("th", { scope: "row" }, name), cells[i],
      h("td", {}, COMPARED.has(name) ? "● yes" : "○ no")))));
  const told = h("p", { class: "pw-units-told" }), more = h("p", { class: "pw-note" });
  root.append(h("div", { class: "pw-controls" }, text.node), h("div", { class: "pw-pair" }, sides.map((side) => side.node)),
    h("div", { class: "pw-buttons" }, equal), told, h("div", { class: "pw-scroll", tabindex: 0, role: "group", "aria-label": "Table of units" }, table), more);

  function verdict([a, b], tokens) {
    const gap = a.bits_per_byte - b.bits_per_byte;
    if (Math.abs(gap) < 5e-4) return `Both pay ${kit.fixed(a.bits_per_byte, 3)} bits per byte, at perplexities of ${short(a.perplexity)} and ${short(b.perplexity)}.`;
    const [better, other, name] = gap < 0 ? [a, b, "A"] : [b, a, "B"];
    const although = tokens[0] === tokens[1] ? "" : better.perplexity > other.perplexity ? ", although its perplexity is the higher one" : ", and its perplexity is the lower one";
    return `${name} is better, by ${kit.fixed(Math.abs(gap), 3)} bits per byte${although}.`;
  }

  function draw(now) {
    text.set(now.text);
    sides.forEach(({ cut, loss }, i) => { cut.set(now.tokens[i]); loss.set(now.losses[i]); });
    const result = compute(now);
    equal.disabled = !result || result.equal > MOST;
    ROWS.forEach(([, show], i) => cells[i].forEach((cell, j) => { cell.textContent = result ? show(result.models[j]) : "–"; }));
    if (!result) {
      told.textContent = "There is no word in this text, so there is nothing to divide by: type a text.";
      more.textContent = "";
    } else {
      told.textContent = verdict(result.models, now.tokens);
      const [a, b] = result.models;
      more.textContent = `The text has ${kit.count(result.bytes, "byte")} in UTF-8, ${kit.count(result.characters, "character")} and ${kit.count(result.words, "word")}; the end of the text is not scored. `
        + `B: log2(${short(b.perplexity)}) × ${kit.fixed(b.tokens_per_byte, 3)} tokens per byte = ${kit.fixed(b.bits_per_byte, 3)}. `
        + (result.equal > MOST ? `To pay the ${kit.fixed(a.bits_per_byte, 3)} bits per byte of A, B would have a loss above ${MOST} nats per token.`
          : `B would equal A at ${kit.fixed(result.equal, 2)} nats per token, a perplexity of ${short(Math.exp(result.equal))}.`);
    }
    say(told.textContent);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute };
