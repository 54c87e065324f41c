// What a run costs, and whether it fits: see scale.py and pretrain/scale.py.
const { h } = kit;
const TRAITS = ["parameters", "tokens", "chip", "chips", "price", "utilization", "precision", "rows", "length", "vocabulary", "recompute", "chunked", "cut"];
const CHIPS = { "TPU v4": [275e12, 32 * 2 ** 30], A100: [312e12, 80e9], H100: [989e12, 80e9] }; // peak, bytes
const PRECISIONS = { float32: [4, 4, 8, 4], mixed: [2, 2, 12, 2], "mixed, 8-bit Adam": [2, 2, 6, 2] };
const LENGTHS = [512, 1024, 2048, 4096, 8192, 32768, 131072], VOCABULARIES = [32000, 128000];
const CHUNK = 256, COPIES = 3, HEAD = 128, PER_LAYER = 128, BALANCED = 20;

function shape(parameters, vocabulary) {
  const depth = Math.max(1, kit.round((parameters / (12 * PER_LAYER ** 2)) ** (1 / 3)));
  return [depth, (Math.sqrt(vocabulary ** 2 + 48 * depth * parameters) - vocabulary) / (24 * depth)];
}

function compute(now) {
  const { parameters, tokens, chips, vocabulary } = now;
  const [peak, card] = CHIPS[now.chip], [weight, gradient, optimizer, kept] = PRECISIONS[now.precision];
  const [depth, width] = shape(parameters, vocabulary);
  const work = 6 * parameters * tokens;
  const mfu = now.utilization * (now.recompute ? 3 / 4 : 1);
  const hours = work / (peak * mfu) / 3600;
  const positions = now.rows * now.length, shards = now.cut ? chips : 1;
  const block = 18 * width + (3 * width) / HEAD + 2;
  const memory = {
    weights: (weight * parameters) / shards,
    gradients: (gradient * parameters) / shards,
    optimizer: (optimizer * parameters) / shards,
    blocks: kept * positions * (now.recompute ? depth * width + block : depth * block),
    loss: 4 * COPIES * (now.chunked ? Math.min(positions, CHUNK) : positions) * vocabulary,
  };
  const total = Object.values(memory).reduce((sum, x) => sum + x, 0);
  const best = Math.sqrt(work / (6 * BALANCED));
  return {
    depth, width, operations: work, attention: (12 * depth * width * now.length * tokens) / work, mfu, hours,
    days: hours / chips / 24, dollars: hours * now.price, step: positions * chips, steps: tokens / (positions * chips),
    memory, total, card, fits: total <= card, ratio: tokens / parameters, balanced: [best, BALANCED * best],
  };
}

// Three figures at most, and a word for the size: 7 billion, 1.4 trillion.
const NAMES = [[1e15, "quadrillion"], [1e12, "trillion"], [1e9, "billion"], [1e6, "million"]];
function figures(x, digits = 3) {
  const short = Number(x.toPrecision(digits));
  if (short >= 1e6) for (const [size, name] of NAMES) if (short >= size) return `${Number((short / size).toPrecision(digits)).toLocaleString("en-US")} ${name}`;
  return (short >= 1000 ? Math.round(x) : short).toLocaleString("en-US", { maximumSignificantDigits: short >= 1000 ? 15 : digits });
}
const UP = "⁰¹²³⁴⁵⁶⁷⁸⁹";
function power(x) {
  const [front, exponent] = x.toExponential(2).split("e+");
  return `${front} · 10${Array.from(exponent, (digit) => UP[digit]).join("")}`;
}
const gigabytes = (x) => `${figures(x / 1e9)} GB`;
function duration(days) {
  if (days < 1 / 24) return `${figures(days * 1440, 2)} minutes`;
  if (days < 2) return `${figures(days * 24, 2)} hours`;
  return days < 1000 ? `${figures(days)} days` : `${figures(days / 365.25)} years`;
}
const money = (x) => (x === 0 ? "0 dollars" : `${figures(x)} dollars`);
const names = (n, chip) => `${n.toLocaleString("en-US")} ${chip}${n === 1 || chip === "TPU v4" ? "" : "s"}`;

const PARTS = [ // key, letter, name, color, bytes
  ["weights", "W", "weights", "causal", ([w]) => `${w} N`],
  ["gradients", "G", "gradients", "prefix", ([, g]) => `${g} N`],
  ["optimizer", "O", "optimizer", "span", ([, , o]) => `${o} N`],
  ["blocks", "B", "activations", "corrupted", ([, , , k], now) => (now.recompute ? `${k} BT (LD + c)` : `${k} BTLc`)],
  ["loss", "L", "logits × 3", "scored", (_, now) => (now.chunked ? `12 · ${Math.min(CHUNK, now.rows * now.length)} V` : "12 BTV")],
];
const STARTS = [ // name, weights, tokens, chip, chips, used, rows, length, vocabulary
  ["7 billion, 20 tokens each", 7e9, 140e9, "H100", 64, 0.4, 4, 2048, 32000],
  ["LLaMA-65B", 65.2e9, 1.4e12, "A100", 2048, 0.48, 1, 2048, 32000],
  ["Llama 3 405B", 405e9, 15.6e12, "H100", 16384, 0.4, 1, 8192, 128000],
];
const LOW = -1, HIGH = 4; // the scale of tokens a weight, in powers of ten
const place = (ratio) => (100 * (Math.min(HIGH, Math.max(LOW, Math.log10(ratio))) - LOW)) / (HIGH - LOW);

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "What a run costs, and whether it fits",
    "Six operations for each weight and token. Every chip reads rows of its own (data parallelism).");
  const act = (values) => state.change(values);
  const large = (label, trait, min, max) => kit.slider({
    label, min, max, step: "any", value: min, show: (x) => figures(10 ** x),
    onchange: (x) => act({ [trait]: Number((10 ** x).toPrecision(2)) }),
  });
  const box = (label, trait) => kit.checkbox({ label, value: false, onchange: (x) => act({ [trait]: x }) });
  const list = (label, trait, all, shown) => kit.select({
    label, options: all.map((x) => [String(x), shown(x)]), value: String(all[0]),
    onchange: (x) => act({ [trait]: typeof all[0] === "number" ? Number(x) : x }),
  });
  const c = {
    parameters: large("Weights N", "parameters", 7, 12),
    tokens: large("Tokens", "tokens", 8, 14),
    chip: list("Chip", "chip", Object.keys(CHIPS), (name) => `${name}, ${figures(CHIPS[name][1] / 1e9, 2)} GB`),
    chips: kit.number({ label: "Number of chips", min: 1, max: 100000, value: 1, onchange: (x) => act({ chips: x }) }),
    utilization: kit.slider({ label: "Peak used", min: 0.01, max: 1, step: 0.01, value: 0.01, show: (x) => kit.percent(x), onchange: (x) => act({ utilization: x }) }),
    price: kit.number({ label: "Dollars a chip-hour", min: 0, max: 1000, step: "any", value: 0, onchange: (x) => act({ price: x }) }),
    rows: kit.slider({ label: "Rows B", min: 1, max: 64, step: 1, value: 1, show: (x) => `${x} a chip`, onchange: (x) => act({ rows: x }) }),
    length: list("Length T of a row", "length", LENGTHS, (x) => x.toLocaleString("en-US")),
    precision: list("Numbers, bytes", "precision", Object.keys(PRECISIONS), (name) => `${name}: ${PRECISIONS[name].slice(0, 3).reduce((a, b) => a + b)} N`),
    vocabulary: list("Vocabulary V", "vocabulary", VOCABULARIES, (x) => x.toLocaleString("en-US")),
    cut: box("states cut up over the chips (ZeRO, FSDP)", "cut"),
    recompute: box("blocks computed a second time", "recompute"),
    chunked: box("loss in chunks of 256", "chunked"),
  };
  const { cut, recompute, chunked, ...controls } = c;
  const starts = STARTS.map(([name, parameters, tokens, chip, chips, utilization, rows, length, vocabulary]) =>
    kit.button(name, () => act({ parameters, tokens, chip, chips, utilization, rows, length, vocabulary, precision: "mixed", recompute: false, chunked: false, cut: false })));
  const told = h("p", { class: "pw-scale-told" }), more = h("p", { class: "pw-note pw-scale-more" });
  const fits = h("p", { class: "pw-scale-told pw-scale-fits" });
  const segments = PARTS.map(([, , , color]) => h("span", { class: "pw-smooth" }, h("i", { style: `background: var(--color-${color})` }), h("b", {})));
  const edge = h("span", { class: "pw-scale-card pw-smooth" }), name = h("span", {});
  edge.append(name);
  const bar = h("div", { class: "pw-scale-bar", role: "img" }, segments, edge);
  const cells = PARTS.map(() => [h("td"), h("td"), h("td")]);
  const sum = h("td");
  const table = h("table", { class: "pw-scale-parts" }, h("caption", {}, "Memory of one chip at the peak"),
    h("thead", {}, h("tr", {}, ["part", "bytes", "GB", "share"].map((x) => h("th", { scope: "col" }, x)))),
    h("tbody", {}, PARTS.map(([, letter, shown, color], i) => h("tr", {},
      h("th", { scope: "row" }, h("i", { class: "pw-scale-key", style: `background: var(--color-${color})` }), `${letter} ${shown}`), cells[i])),
    h("tr", {}, h("th", { scope: "row" }, "all"), h("td"), sum, h("td"))));
  const here = h("span", { class: "pw-scale-here pw-smooth" }, "▲");
  const ruler = h("div", { class: "pw-scale-ruler", role: "img" },
    [0.1, 1, 20, 100, 1000, 10000].map((x) => h("span", { class: x === BALANCED ? "pw-scale-twenty" : "", style: `left: ${place(x)}%` }, x.toLocaleString("en-US"))), here);
  const ratio = h("p", { class: "pw-scale-ratio" });
  root.append(h("div", { class: "pw-buttons" }, h("span", {}, "Start from:"), starts),
    h("div", { class: "pw-controls pw-scale-knobs" }, Object.values(controls).map(({ node }) => node),
      h("div", { class: "pw-choices pw-wide" }, cut.node, recompute.node, chunked.node)),
    told, more, fits, bar,
    h("div", { class: "pw-scroll", tabindex: 0, role: "group", "aria-label": "Table of the memory's parts" }, table),
    h("p", { class: "pw-label" }, "Tokens a weight"), ruler, ratio);

  function draw(now) {
    for (const [trait, control] of Object.entries(c)) {
      const value = now[trait];
      control.set(trait === "parameters" || trait === "tokens" ? Math.log10(value) : control.input.tagName === "SELECT" ? String(value) : value);
    }
    const found = compute(now);
    told.textContent = `6 · ${figures(now.parameters)} · ${figures(now.tokens)} = ${power(found.operations)} operations: ${duration(found.days)} on ${names(now.chips, now.chip)}, ${money(found.dollars)} for ${figures(found.hours)} chip-hours.`;
    more.textContent = `The peak of one ${now.chip} is ${CHIPS[now.chip][0] / 1e12} · 10¹² operations a second. A step reads ${figures(found.step)} tokens, and there are ${figures(Math.max(1, found.steps))} steps. `
      + `Drawn as ${found.depth} layers of width ${figures(Math.round(found.width))}; attention's own products, which the 6 leaves out, add ${kit.percent(found.attention, found.attention < 0.1 ? 1 : 0)}. `
      + (now.recompute ? `A quarter of the work is the second forward pass: ${kit.percent(found.mfu)} of the peak are useful (MFU). ` : "")
      + (now.precision === "float32" ? "The peak is that of products in sixteen bits: in float32 the run would take much longer." : "");
    const states = found.memory.weights + found.memory.gradients + found.memory.optimizer;
    fits.textContent = found.fits ? `● It fits: ${gigabytes(found.total)} of the ${gigabytes(found.card)} of a chip.`
      : `○ It does not fit: ${gigabytes(found.total)}, and a chip has ${gigabytes(found.card)}. `
        + (states > found.card ? "The states alone are too large." : found.memory.blocks > found.memory.loss ? "The blocks keep most of the rest." : "The logits are most of the rest.");
    fits.classList.toggle("pw-warning", !found.fits);
    const most = Math.max(found.total, found.card);
    PARTS.forEach(([key, letter, , , formula], i) => {
      const size = found.memory[key], share = (100 * size) / most;
      segments[i].style.width = `${share}%`;
      segments[i].lastChild.textContent = share < 4 ? "" : letter;
      const shown = [formula(PRECISIONS[now.precision], now) + (i < 3 && now.cut ? " / chips" : ""), figures(size / 1e9), kit.percent(size / found.total)];
      shown.forEach((text, j) => { cells[i][j].textContent = text; });
    });
    sum.textContent = figures(found.total / 1e9);
    edge.style.left = `${(100 * found.card) / most}%`;
    edge.dataset.side = found.card < most / 2 ? "right" : "left";
    name.textContent = `${now.chip}: ${gigabytes(found.card)}`;
    bar.setAttribute("aria-label", `${PARTS.map(([key, , shown]) => `${shown} ${gigabytes(found.memory[key])}`).join(", ")}; the chip has ${gigabytes(found.card)}`);
    here.style.left = `${place(found.ratio)}%`;
    ruler.setAttribute("aria-label", `${figures(found.ratio)} tokens a weight on a scale from a tenth to ten thousand, with a mark at 20`);
    const [n, d] = found.balanced;
    const side = found.ratio < 15 ? "below" : found.ratio > 30 ? "above" : "near";
    ratio.textContent = `${figures(found.ratio)} tokens a weight: ${side} the 20 or so at which a fit puts the best use of a budget. `
      + `At 20, the same operations train ${figures(n)} weights on ${figures(d)} tokens.`;
    say(`${told.textContent} ${fits.textContent}`);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute };
