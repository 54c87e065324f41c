// Logits to loss: see logits.py, whose loss and gradient these are.
const { h } = kit;
const TRAITS = ["tokens", "logits", "target", "temperature", "smoothing"];

function compute({ logits, target, temperature, smoothing }) {
  const scaled = logits.map((z) => z / temperature), most = Math.max(...scaled);
  const total = most + Math.log(scaled.reduce((sum, z) => sum + Math.exp(z - most), 0));
  const logs = scaled.map((z) => z - total), probabilities = logs.map(Math.exp), V = logits.length;
  const wanted = logits.map((_, i) => (i === target ? 1 - smoothing : 0) + smoothing / V);
  const loss = -wanted.reduce((sum, q, i) => (q ? sum + q * logs[i] : sum), 0);
  const least = -wanted.reduce((sum, q) => (q ? sum + q * Math.log(q) : sum), 0);
  const gradient = probabilities.map((p, i) => (p - wanted[i]) / temperature);
  return { probabilities, gradient, wanted, loss, least };
}

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Logits to loss",
    "Drag the logits; a step of training would move each of them against its gradient.");
  const act = (values) => state.change(values);
  const start = { logits: [...model.get("logits")], temperature: model.get("temperature"), smoothing: model.get("smoothing") };
  const target = h("div");
  const temperature = kit.slider({ label: "Temperature τ", min: 0.05, max: 5, step: 0.05, value: 1, show: (x) => kit.fixed(x), onchange: (x) => act({ temperature: x }) });
  const smoothing = kit.slider({ label: "Label smoothing ε", min: 0, max: 0.9, step: 0.01, value: 0, show: (x) => kit.fixed(x), onchange: (x) => act({ smoothing: x }) });
  const equal = kit.button("All equal", () => act({ logits: model.get("logits").map(() => 0) }));
  const reset = kit.button("Start again", () => act({ ...start, logits: [...start.logits] }));
  const list = h("div", { class: "pw-logits" });
  const told = h("p", { class: "pw-logits-loss" }), more = h("p", { class: "pw-note" });
  root.append(target, list, h("div", { class: "pw-controls" }, temperature.node, smoothing.node),
    h("div", { class: "pw-buttons" }, equal, reset), told, more);

  let rows = [], choice, built = "";
  function build(tokens) {
    built = tokens.join("\u0000");
    choice = kit.choice({ label: "Correct token", value: "0", options: tokens.map((token, i) => [String(i), token]), onchange: (x) => act({ target: Number(x) }) });
    target.replaceChildren(choice.node);
    rows = tokens.map((token, i) => {
      const slider = kit.slider({
        label: token, min: -10, max: 10, step: 0.1, value: 0, show: (x) => `logit ${kit.fixed(x, 1)}`,
        onchange: (x) => act({ logits: model.get("logits").map((z, j) => (j === i ? x : z)) }),
      });
      const mark = h("span", { class: "pw-logits-mark" });
      slider.node.querySelector("label").after(mark);
      const bar = (name) => {
        const fill = h("span", { class: "pw-smooth" }), number = h("span", { class: "pw-logits-number" });
        const node = h("div", { class: `pw-logits-bar pw-${name}` },
          h("span", { class: "pw-logits-name" }, name), h("span", { class: "pw-logits-track", "aria-hidden": "true" }, fill), number);
        return { node, fill, number };
      };
      const p = bar("probability"), g = bar("gradient");
      const node = h("div", { class: "pw-logits-row", role: "group", "aria-label": token }, slider.node, p.node, g.node);
      return { node, slider, mark, p, g };
    });
    list.replaceChildren(...rows.map((row) => row.node));
  }

  function draw(now) {
    if (built !== now.tokens.join("\u0000")) build(now.tokens);
    choice.set(String(now.target));
    temperature.set(now.temperature);
    smoothing.set(now.smoothing);
    const { probabilities, gradient, loss, least } = compute(now);
    const most = 1 / now.temperature; // no gradient is larger
    rows.forEach(({ slider, mark, p, g, node }, i) => {
      slider.set(now.logits[i]);
      node.dataset.probability = probabilities[i];
      node.dataset.gradient = gradient[i];
      mark.textContent = i === now.target ? "● correct" : "";
      p.fill.style.width = `${100 * probabilities[i]}%`;
      p.number.textContent = kit.fixed(probabilities[i], 3);
      const share = 50 * Math.min(1, Math.abs(gradient[i]) / most);
      g.fill.style.left = `${gradient[i] < 0 ? 50 - share : 50}%`;
      g.fill.style.width = `${share}%`;
      g.number.textContent = `${gradient[i] > 0 ? "+" : ""}${kit.fixed(gradient[i], 3)}`;
    });
    root.dataset.loss = loss;
    const right = kit.visible(now.tokens[now.target]), bits = loss / Math.LN2;
    told.textContent = `loss ${now.smoothing ? "= −Σ q ln p" : `= −ln p(${right})`} = ${kit.fixed(loss, 3)} nats = ${kit.fixed(bits, 3)} bits; perplexity ${kit.fixed(Math.exp(loss), loss > 7 ? 0 : 2)}`;
    const difference = `p − ${now.smoothing ? "q" : "y"}`;
    const rule = `gradient = ${now.temperature === 1 ? difference : `(${difference}) / τ`}`;
    more.textContent = now.smoothing
      ? `${rule}. With smoothing the loss cannot fall below the entropy of q, ${kit.fixed(least, 3)} nats.`
      : `${rule}. Equal logits cost ln ${now.tokens.length} = ${kit.fixed(Math.log(now.tokens.length), 3)} nats.`;
    say(`Loss ${kit.fixed(loss, 3)} nats; probability of ${right} ${kit.fixed(probabilities[now.target], 3)}.`);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute };
