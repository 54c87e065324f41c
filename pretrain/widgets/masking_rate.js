// Masking-rate results: see masking_rate.py, which reads them.
const { h, s } = kit;
const TRAITS = ["data", "measure", "shown", "rate", "view"];
const MEASURES = {
  excess: ["loss above the exact floor", "nats per scored token; less is better"],
  loss: ["loss at the scored tokens", "nats per scored token; less is better"],
  accuracy: ["accuracy at the scored tokens", "share right; more is better"],
  probe: ["accuracy of the probe", "share right; more is better"],
  scored: ["tokens scored in a pass", "share of the tokens read"],
};
const FEWER = ["excess", "loss"];
const SPLITS = { mask: "all <mask>", bert: "80/10/10" };
const COLORS = { mask: "causal", bert: "masked" };

// Split → points, the best rate and the point that is told.
function compute({ data, measure, shown, rate }) {
  const found = {};
  for (const split of shown === "both" ? Object.keys(SPLITS) : [shown]) {
    const points = data[split]?.[measure] ?? [];
    const better = (a, b) => (FEWER.includes(measure) ? a.mean < b.mean : a.mean > b.mean);
    const best = points.reduce((a, b) => (a && !better(b, a) ? a : b), null);
    found[split] = { points, best: best?.rate ?? null, told: points.find((point) => point.rate === rate) ?? null };
  }
  return found;
}

const number = (x) => kit.fixed(x, 3);
const signed = (x) => `${x > 0 ? "+" : ""}${number(x)}`;
const interval = (low, high, show = number) => (low === null ? "" : ` [${show(low)}, ${show(high)}]`);

function ticks(low, high) {
  const rough = (high - low || 1) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((m) => m * power >= rough) * power;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + 1e-12; i++) found.push(i * step);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Masking-rate results",
    "Measured here, on a small model. Which rate will be the best, and does it depend on the measure?");
  const act = (values) => state.change(values);
  const all = model.get("data"), splits = Object.keys(SPLITS).filter((split) => split in all);
  const any = Object.values(all).flatMap((of) => Object.values(of)).flat();
  const rates = [...new Set(any.map((point) => point.rate))].sort((a, b) => a - b);
  const there = Object.keys(MEASURES).filter((name) => splits.some((split) => name in all[split]));
  const measure = kit.select({ label: "Measure", options: there.map((name) => [name, MEASURES[name][0]]), value: there[0], onchange: (x) => act({ measure: x }) });
  const shown = kit.choice({
    label: "Hidden tokens become", value: "both", onchange: (x) => act({ shown: x }),
    options: [...splits.map((split) => [split, SPLITS[split]]), ...(splits.length > 1 ? [["both", "both"]] : [])],
  });
  const rate = kit.slider({ label: "Masking rate in training", min: 0, max: rates.length - 1, step: 1, value: 0, show: (i) => kit.percent(rates[i]), onchange: (i) => act({ rate: rates[i] }) });
  const view = kit.choice({ label: "Show as", value: "chart", options: [["chart", "chart"], ["table", "table"]], onchange: (x) => act({ view: x }) });
  const told = h("div", { class: "pw-rate-told" }), note = h("p", { class: "pw-note" });
  const chart = s("svg", { class: "pw-rate-chart", role: "img", height: 300 });
  const body = h("tbody"), caption = h("caption");
  const table = h("div", { class: "pw-scroll", tabindex: 0, role: "group", "aria-label": "Table of the results" }, h("table", {}, caption,
    h("thead", {}, h("tr", {}, ["rate", "tokens", "mean", "95 % interval", "from 15 %", "seeds"].map((name) => h("th", { scope: "col" }, name)))), body));
  const holder = h("div", { class: "pw-rate-holder" }, chart, table);
  const legend = h("ul", { class: "pw-legend" }, splits.map((split) => h("li", {}, s("svg", { width: 34, height: 12, "aria-hidden": "true" }, line(split, [[0, 6], [34, 6]]), mark(split, 17, 6)), ` ${SPLITS[split]}`)),
    h("li", {}, "band: 95 % interval over seeds"), h("li", {}, "small dots: single seeds"));
  root.append(h("div", { class: "pw-controls" }, measure.node, view.node, shown.node, rate.node), told, legend, holder, note);

  function line(split, places) {
    return s("polyline", { points: places.map((place) => place.join(",")).join(" "), fill: "none", stroke: `var(--color-${COLORS[split]})`, "stroke-width": 2, "stroke-dasharray": split === "bert" ? "6 4" : null });
  }
  function mark(split, x, y, size = 4) {
    const fill = `var(--color-${COLORS[split]})`;
    return split === "mask" ? s("circle", { cx: x, cy: y, r: size, fill }) : s("rect", { x: x - size, y: y - size, width: 2 * size, height: 2 * size, fill });
  }

  let wide = 0, places = null;
  function plot(now, result) {
    wide ||= holder.clientWidth;
    if (!wide) return;
    const left = 48, right = wide - 12, top = 12, bottom = 262;
    const points = Object.values(result).flatMap((found) => found.points);
    const values = points.flatMap((point) => [point.mean, point.low, point.high, ...point.values]).filter((x) => Number.isFinite(x));
    chart.setAttribute("width", wide);
    chart.setAttribute("viewBox", `0 0 ${wide} 300`);
    if (!values.length) { chart.replaceChildren(); return; }
    const pad = 0.06 * (Math.max(...values) - Math.min(...values) || 1);
    const low = Math.min(...values) - pad, high = Math.max(...values) + pad;
    const x = (r) => left + ((right - left) * r) / Math.max(0.85, rates.at(-1) + 0.05), y = (v) => bottom - ((bottom - top) * (v - low)) / (high - low);
    places = rates.map(x);
    const axis = ticks(low, high), text = (at, value, more) => s("text", { ...more, ...at, fill: "var(--color-muted)", "font-size": 13 }, value);
    const parts = axis.found.flatMap((v) => [
      s("line", { x1: left, x2: right, y1: y(v), y2: y(v), stroke: "var(--color-grid)" }),
      text({ x: left - 6, y: y(v) + 4 }, kit.fixed(v, axis.digits), { "text-anchor": "end" })]);
    for (const r of [0.2, 0.4, 0.6, 0.8]) parts.push(text({ x: x(r), y: bottom + 18 }, kit.percent(r), { "text-anchor": "middle" }));
    parts.push(text({ x: (left + right) / 2, y: bottom + 35 }, "masking rate in training", { "text-anchor": "middle" }));
    parts.push(s("line", { x1: x(now.rate), x2: x(now.rate), y1: top, y2: bottom, stroke: "var(--color-muted)", "stroke-dasharray": "2 3" }));
    for (const [split, { points }] of Object.entries(result)) {
      const sure = points.filter((point) => point.low !== null);
      const edge = [...sure.map((p) => [x(p.rate), y(p.high)]), ...[...sure].reverse().map((p) => [x(p.rate), y(p.low)])];
      parts.push(s("polygon", { points: edge.map((place) => place.join(",")).join(" "), fill: `var(--color-${COLORS[split]})`, "fill-opacity": 0.16 }));
      for (const point of points) for (const value of point.values) parts.push(s("circle", { cx: x(point.rate), cy: y(value), r: 1.6, fill: `var(--color-${COLORS[split]})`, "fill-opacity": 0.8 }));
      parts.push(line(split, points.map((p) => [x(p.rate), y(p.mean)])));
      for (const point of points) parts.push(mark(split, x(point.rate), y(point.mean), point.rate === now.rate ? 6 : 4));
    }
    chart.replaceChildren(...parts);
  }
  chart.addEventListener("click", (event) => {
    if (!places) return;
    const at = event.clientX - chart.getBoundingClientRect().left;
    const nearest = places.reduce((a, x, i) => (Math.abs(x - at) < Math.abs(places[a] - at) ? i : a), 0);
    act({ rate: rates[nearest] });
  });

  function draw(now) {
    const result = compute(now), [name, unit] = MEASURES[now.measure];
    measure.set(now.measure);
    shown.set(now.shown);
    rate.set(rates.indexOf(now.rate));
    view.set(now.view);
    const sentences = Object.entries(result).map(([split, { told }]) => {
      if (!told) return `${SPLITS[split]}: not run at this rate.`;
      const gap = told.difference && now.rate !== 0.15 ? `; ${signed(told.difference[0])}${interval(told.difference[1], told.difference[2], signed)} against 15 %` : "";
      return `${SPLITS[split]}: ${number(told.mean)}${interval(told.low, told.high)}${gap}.`;
    });
    told.replaceChildren(h("p", {}, h("strong", {}, `${kit.percent(now.rate)}, ${name}`)), ...sentences.map((text) => h("p", {}, text)));
    chart.style.display = now.view === "chart" ? "" : "none";
    table.hidden = now.view !== "table";
    legend.style.visibility = now.view === "chart" ? "" : "hidden";
    const bests = Object.entries(result).filter(([, found]) => found.best !== null).map(([split, { best }]) => `${kit.percent(best)} with ${SPLITS[split]}`);
    chart.setAttribute("aria-label", `${name} against the masking rate. ${sentences.join(" ")} The slider moves along the rates; the same numbers are in the table.`);
    if (now.view === "chart") plot(now, result);
    caption.textContent = `${name} (${unit})`;
    body.replaceChildren(...Object.entries(result).flatMap(([split, { points }]) => points.map((p) => h("tr", {},
      h("th", { scope: "row" }, kit.percent(p.rate)), h("td", {}, SPLITS[split]), h("td", {}, number(p.mean)), h("td", {}, interval(p.low, p.high).trim() || "one seed"),
      h("td", {}, p.difference && p.rate !== 0.15 ? `${signed(p.difference[0])}${interval(p.difference[1], p.difference[2], signed)}` : "–"),
      h("td", {}, p.values.map((value) => number(value)).join(", "))))));
    const seeds = any[0].values.length;
    note.textContent = `${unit[0].toUpperCase()}${unit.slice(1)}. ${kit.count(seeds, "seed")}. ${now.measure === "scored" ? "The rate decides it." : `${FEWER.includes(now.measure) ? "Lowest" : "Highest"} mean: ${bests.join(", ")}.`}`
      + (seeds < 2 ? " One seed has no interval: no trend can be judged." : "");
    say(`${kit.percent(now.rate)}: ${sentences.join(" ")}`);
  }

  const state = kit.follow(model, TRAITS, draw);
  const unwatch = kit.onwidth(holder, (width) => { wide = width; const now = state.read(); if (now.view === "chart") plot(now, compute(now)); });
  return () => { state.stop(); unwatch(); quiet(); };
}

export default { render, compute };
