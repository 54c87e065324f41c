// Guess the next letter: see guessing.py, whose ranks and bounds these are.
const { h } = kit;
const TRAITS = ["texts", "ranks", "text", "guesses"];
const ORDER = " etaoinshrdlcumwfgypbvkjxqz", REST = "?";
const ROWS = ["qwertyuiop", "asdfghjkl", "zxcvbnm "];

function play(text, keys) {
  const ranks = [];
  let tried = "";
  for (const key of keys) {
    if (ranks.length === text.length) break;
    const correct = text[ranks.length];
    for (const guess of key === REST ? ORDER : key) {
      if (tried.includes(guess)) continue;
      tried += guess;
      if (guess === correct) { ranks.push(tried.length); tried = ""; break; }
    }
  }
  return { ranks, tried };
}

// Shannon's two sums in bits, and by how much the upper one is too small.
function bounds(ranks) {
  if (!ranks.length) return null;
  const n = ranks.length, most = Math.max(...ranks), tally = Array(most + 2).fill(0);
  for (const rank of ranks) tally[rank] += 1;
  let lower = 0, upper = 0, occurring = 0;
  for (let i = 1; i <= most; i++) {
    const q = tally[i] / n;
    lower += i * (q - tally[i + 1] / n) * Math.log2(i);
    if (q) { upper -= q * Math.log2(q); occurring += 1; }
  }
  return { lower, upper, bias: (occurring - 1) / (2 * n * Math.LN2) };
}

// Everything that is shown, from the texts and the keys so far.
function compute({ texts, ranks: all, text, guesses }) {
  const { ranks, tried } = play(texts[text], guesses), model = all[text].slice(0, ranks.length);
  return { ranks, tried, reader: bounds(ranks), model: bounds(model) };
}

const spoken = (letter) => (letter === " " ? "the blank" : letter);
const shown = (letter) => (letter === " " ? "␣" : letter);

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Guess the next letter",
    "Guess until you are right. How many guesses will you need for most letters?");
  const act = (values) => state.change(values);
  const choice = kit.select({ label: "Text", value: "0", options: model.get("texts").map((text, i) => [String(i), `text ${i + 1}, ${kit.count(text.length, "letter")}`]), onchange: (x) => act({ text: Number(x), guesses: "" }) });
  const fold = (text) => text.normalize("NFKD").toLowerCase().replace(/[^a-z ]/g, "");
  function guess(letters) {
    let keys = model.get("guesses");
    const now = state.read();
    for (const letter of letters) {
      const { ranks, tried } = play(now.texts[now.text], keys);
      if (ranks.length < now.texts[now.text].length && !tried.includes(letter)) keys += letter;
    }
    if (keys !== now.guesses) act({ guesses: keys });
  }
  const typed = h("input", { type: "text", id: kit.id(), autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  typed.addEventListener("input", (event) => {
    if (event.isComposing) return;
    const letters = fold(typed.value);
    typed.value = "";
    guess(letters);
  });
  typed.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && !typed.value) { event.preventDefault(); undo(); }
  });
  const type = h("div", { class: "pw-control" }, h("label", { class: "pw-label", for: typed.id }, "Type a letter or a blank"), typed);
  const letters = new Map();
  const board = h("div", { class: "pw-guess-board", role: "group", "aria-label": "Letters; arrow keys move, Enter guesses" },
    ROWS.map((row) => h("div", {}, Array.from(row, (letter) => {
      const button = kit.button(letter === " " ? "␣ blank" : letter, () => guess(letter));
      letters.set(letter, button);
      return button;
    }))));
  const moving = kit.roving(board, () => [...letters.values()]);
  const undo = () => { if (model.get("guesses")) act({ guesses: model.get("guesses").slice(0, -1) }); };
  const back = kit.button("Undo", undo);
  const again = kit.button("Restart", () => act({ guesses: "" }));
  const reveal = kit.button("Reveal the letter", () => {
    const now = state.read();
    if (play(now.texts[now.text], now.guesses).ranks.length < now.texts[now.text].length) act({ guesses: now.guesses + REST });
  });
  const told = h("p", { class: "pw-guess-told" });
  const line = h("div", { class: "pw-guess", role: "group", "aria-label": "Guessed letters, below each your guesses and the model's" });
  const body = h("tbody");
  const table = h("table", {}, h("caption", {}, "What the guesses say of the entropy, in bits per letter"),
    h("thead", {}, h("tr", {}, ["", "right at once", "guesses", "lower", "upper"].map((name, i) => h(i ? "th" : "td", i ? { scope: "col" } : {}, name)))), body);
  const note = h("p", { class: "pw-note" });
  root.append(h("div", { class: "pw-controls" }, choice.node, type), line, told, board,
    h("div", { class: "pw-buttons" }, reveal, back, again), h("div", { class: "pw-scroll", tabindex: 0, role: "group", "aria-label": "Table of bounds" }, table), note);

  const cells = [];
  function cell(i) {
    while (cells.length <= i) {
      const parts = [h("span", { class: "pw-guess-letter" }), h("span"), h("span")];
      cells.push({ node: h("span", { class: "pw-guess-cell" }, parts), parts });
    }
    return cells[i];
  }
  const heads = h("span", { class: "pw-guess-cell pw-guess-head", "aria-hidden": "true" }, h("span", { class: "pw-guess-letter" }, "text"), h("span", {}, "you"), h("span", {}, "model"));
  const sum = (list) => list.reduce((a, b) => a + b, 0);

  function draw(now) {
    const text = now.texts[now.text], result = compute(now), { ranks, tried } = result, at = ranks.length;
    const model = now.ranks[now.text], done = at === text.length;
    choice.set(String(now.text));
    for (let i = 0; i <= at && i < text.length; i++) {
      const { node, parts } = cell(i), known = i < at;
      const content = known ? [shown(text[i]), String(ranks[i]), String(model[i])] : ["▢", "", ""];
      parts.forEach((part, j) => { if (part.textContent !== content[j]) part.textContent = content[j]; });
      node.dataset.state = known ? (ranks[i] < model[i] ? "ahead" : ranks[i] > model[i] ? "behind" : "even") : "next";
    }
    const count = Math.min(at + 1, text.length);
    if (line.childElementCount !== count + 1 || line.firstChild !== heads) line.replaceChildren(heads, ...cells.slice(0, count).map(({ node }) => node));
    for (const [letter, button] of letters) {
      const used = tried.includes(letter);
      button.setAttribute("aria-disabled", String(used || done));
      button.dataset.used = String(used);
    }
    moving.refresh();
    back.disabled = again.disabled = !now.guesses;
    reveal.disabled = typed.disabled = done;
    const last = now.guesses.at(-1);
    let text_ = `Letter 1 of ${text.length}: there is nothing before it.`;
    if (done) text_ = `All ${kit.count(text.length, "letter")} guessed.`;
    else if (tried) text_ = `Not ${Array.from(tried, spoken).join(", ")}.`;
    else if (at) {
      const rank = ranks[at - 1];
      text_ = `${last === REST ? "It was" : "Right:"} ${spoken(text[at - 1])}, at guess ${rank}; the model needed ${model[at - 1]}.`;
    }
    told.textContent = text_;
    const rows = [["you", ranks, result.reader], ["model", model.slice(0, at), result.model]].map(([name, each, found]) => [name, ...(found
      ? [kit.percent(each.filter((rank) => rank === 1).length / at), kit.fixed(sum(each) / at, 2), kit.fixed(found.lower, 2), `${kit.fixed(found.upper, 2)} + ${kit.fixed(found.bias, 2)}`]
      : ["–", "–", "–", "–"])]);
    rows.push(["chance", "4 %", "14.00", "", "4.75"]);
    body.replaceChildren(...rows.map(([name, ...values]) => h("tr", {}, h("th", { scope: "row" }, name), values.map((value) => h("td", {}, value)))));
    root.dataset.at = at;
    note.textContent = `After ${kit.count(at, "letter")}; by chance, 27 letters are as likely. “+” is what few letters make the upper sum miss, to first order. The lower one bounds the entropy only for one who guesses in the order of the true chances: for others it can lie above it. Revealing tries the rest in the order “${shown(ORDER[0])}${ORDER.slice(1, 8)}…”.`;
    say(told.textContent);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute };
