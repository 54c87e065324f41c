// Is B better than A, or was it luck? See luck.py, whose counts these are.
const { h, s } = kit;
const TRAITS = ["questions", "accuracy", "lead", "alike", "versions", "test", "seed"];
const TESTS = 2000, Z = 1.96, MOST = 25;
const SIZES = [[50], [100], [164, "HumanEval"], [300], [500], [817, "TruthfulQA"], [1319, "GSM8K"], [2500], [5000, "MATH"], [10042, "HellaSwag"], [14042, "MMLU"]];

const around = (value, half) => ({ value, low: value - half, high: value + half });
const share = (right, n) => around(right / n, Z * Math.sqrt(((right / n) * (1 - right / n)) / n));
const half = (found) => (found.high - found.low) / 2;
function paired(onlyA, onlyB, n) {
  const value = (onlyB - onlyA) / n, spread = (onlyA + onlyB) / n - value * value;
  return around(value, Z * Math.sqrt(Math.max(spread, 0) / n));
}

// The sums of a binomial's chances, times their total: the operations of luck.py.
function binomial(n, p) {
  if (n === 0 || p <= 1e-12) return { least: 0, sums: [1] };
  if (p >= 1 - 1e-12) return { least: n, sums: [1] };
  const odds = p / (1 - p), mode = Math.min(n, Math.floor((n + 1) * p)), below = [], above = [1];
  let x = mode, chance = 1, total = 0;
  while (x > 0 && chance > 1e-15) {
    chance = (chance * x) / (n - x + 1) / odds;
    x -= 1;
    below.push(chance);
  }
  const least = x;
  x = mode;
  while (x < n && above.at(-1) > 1e-15) {
    above.push(((above.at(-1) * (n - x)) / (x + 1)) * odds);
    x += 1;
  }
  return { least, sums: [...below.reverse(), ...above].map((each) => (total += each)) };
}

function quantile({ least, sums }, u) {
  const target = u * sums.at(-1);
  let low = 0, high = sums.length; // the first sum above the target
  while (low < high) {
    const middle = (low + high) >> 1;
    if (target < sums[middle]) high = middle; else low = middle + 1;
  }
  return least + Math.min(low, sums.length - 1);
}

// Tests by lead in points; a lead of so many questions is spread over the nearest.
function histogram(leads, n) {
  const bins = Array(2 * MOST + 1).fill(0);
  for (const gap of [...leads.keys()].sort((x, y) => x - y)) {
    const [low, high] = [-0.5, 0.5].map((side) => (100 * (gap + side)) / n + MOST + 0.5);
    for (let i = Math.floor(low); i <= Math.floor(high); i++) {
      const part = (Math.min(high, i + 1) - Math.max(low, i)) / (high - low);
      bins[Math.max(0, Math.min(2 * MOST, i))] += leads.get(gap) * part;
    }
  }
  return bins;
}

function compute({ questions: n, accuracy: a, lead, alike, versions, test, seed }) {
  const b = a + lead, joint = alike * Math.min(a, b) + (1 - alike) * (a * b);
  const ifRight = joint / a, ifWrong = (b - joint) / (1 - a);
  const next = kit.counter(seed), scores = binomial(n, a), tables = new Map();
  const tests = { a_leads: 0, equal: 0, b_leads: 0, a_shown: 0, b_shown: 0 }, leads = new Map();
  let counts;
  for (let i = 0; i < TESTS; i++) {
    const right = quantile(scores, next());
    if (!tables.has(right)) tables.set(right, [binomial(right, ifRight), binomial(n - right, ifWrong)]);
    const [kept, lost] = tables.get(right);
    let onlyA = 0, onlyB = -1;
    for (let j = 0; j < versions; j++) {
      const x = right - quantile(kept, next()), y = quantile(lost, next());
      if (onlyB < 0 || y - x > onlyB - onlyA) [onlyA, onlyB] = [x, y];
    }
    const gap = onlyB - onlyA, found = paired(onlyA, onlyB, n);
    tests[gap < 0 ? "a_leads" : gap > 0 ? "b_leads" : "equal"] += 1;
    if (found.high < 0) tests.a_shown += 1;
    if (found.low > 0) tests.b_shown += 1;
    leads.set(gap, (leads.get(gap) ?? 0) + 1);
    if (i === test) counts = [right - onlyA, onlyA, onlyB, n - right - onlyB];
  }
  const [both, onlyA, onlyB] = counts, ours = share(both + onlyA, n), theirs = share(both + onlyB, n);
  const apart = Math.sqrt(half(ours) * half(ours) + half(theirs) * half(theirs));
  return { counts, a: ours, b: theirs, paired: paired(onlyA, onlyB, n), unpaired: around((onlyB - onlyA) / n, apart), tests, histogram: histogram(leads, n) };
}

const points = (x, digits = 1) => kit.fixed(100 * x, digits);
const signed = (x, digits = 1) => { const told = points(x, digits); return Number(told.replace("−", "-")) > 0 ? `+${told}` : told; };
const ofTests = (count) => kit.percent(count / TESTS, 1);

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Better, or luck?",
    "We set the true accuracy of two models. They take one test, and 2,000 like it.");
  const act = (values) => state.change(values);
  const questions = kit.slider({ label: "Questions", min: 0, max: SIZES.length - 1, step: 1, value: 0, onchange: (i) => act({ questions: SIZES[i][0] }),
    show: (i) => { const [n, name] = SIZES[i]; return n.toLocaleString("en-US") + (name ? ` (as ${name})` : ""); } });
  const accuracy = kit.slider({ label: "True accuracy of A", min: 20, max: 80, step: 1, value: 60, show: (x) => `${x} %`, onchange: (x) => act({ accuracy: x / 100 }) });
  const lead = kit.slider({ label: "B's true lead", min: -10, max: 10, step: 0.5, value: 0, show: (x) => `${signed(x / 100)} points`, onchange: (x) => act({ lead: x / 100 }) });
  const alike = kit.slider({ label: "Questions equally hard for both", min: 0, max: 100, step: 5, value: 0, show: (x) => `${x} %`, onchange: (x) => act({ alike: x / 100 }) });
  const versions = kit.slider({ label: "Versions of B; the best is kept", min: 1, max: 20, step: 1, value: 1, onchange: (x) => act({ versions: x }) });
  const another = kit.button("Another test", () => act({ test: (model.get("test") + 1) % TESTS }));
  const told = h("p", { class: "pw-luck-told" }), legend = h("p", { class: "pw-note" });
  const chart = s("svg", { class: "pw-luck-chart", role: "img", height: 250 }), holder = h("div", { class: "pw-luck-holder" }, chart);
  const names = ["A", "B", "B − A, paired", "B − A, unpaired"];
  const cells = names.map(() => [h("td"), h("td")]);
  const one = h("table", { class: "pw-luck-test" }, h("caption", {}, "This test, in points"),
    h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col" }, "score"), h("th", { scope: "col" }, "95 % interval"))),
    h("tbody", {}, names.map((name, i) => h("tr", {}, h("th", { scope: "row" }, name), cells[i]))));
  const KINDS = [["A leads", "a_leads"], ["equal", "equal"], ["B leads", "b_leads"], ["paired interval below 0", "a_shown"], ["paired interval above 0", "b_shown"]];
  const shares = KINDS.map(() => h("td"));
  const all = h("table", {}, h("caption", {}, "Share of 2,000 tests"),
    h("tbody", {}, KINDS.map(([name], i) => h("tr", {}, h("th", { scope: "row" }, name), shares[i]))));
  root.append(h("div", { class: "pw-controls" }, questions.node, versions.node, accuracy.node, lead.node, alike.node),
    h("div", { class: "pw-buttons" }, another), told, holder, legend,
    h("div", { class: "pw-pair" }, h("div", { class: "pw-scroll", tabindex: 0, role: "group", "aria-label": "Table of this test" }, one), all));

  let wide = 0;
  function plot(result) {
    wide ||= holder.clientWidth;
    if (!wide) return;
    const left = 4, right = wide - 4, base = 168, step = (right - left) / (2 * MOST + 1), most = Math.max(...result.histogram);
    const x = (p) => left + step * (MOST + 0.5 + Math.max(-MOST - 0.5, Math.min(MOST + 0.5, p)));
    const text = (at, y, value, more) => s("text", { x: at, y, fill: "var(--color-muted)", "font-size": 13, ...more }, value);
    const parts = result.histogram.map((count, i) => {
      const color = i < MOST ? "causal" : i === MOST ? "floor" : "masked", height = (150 * count) / most;
      return s("rect", { x: left + i * step + 0.5, y: base - height, width: Math.max(step - 1, 1), height, fill: `var(--color-${color})` });
    });
    parts.push(s("line", { x1: x(0), x2: x(0), y1: 6, y2: 238, stroke: "var(--color-muted)", "stroke-dasharray": "2 3" }));
    for (const p of [-20, -10, 0, 10, 20]) parts.push(text(x(p), base + 17, p > 0 ? `+${p}` : kit.fixed(p, 0), { "text-anchor": "middle" }));
    parts.push(text(left, 14, "← A leads", { fill: "var(--color-causal)" }), text(right, 14, "B leads →", { fill: "var(--color-masked)", "text-anchor": "end" }));
    [["paired", 205], ["unpaired", 229]].forEach(([name, y], i) => {
      const { value, low, high } = result[name], [from, at, to] = [low, value, high].map((v) => x(100 * v));
      parts.push(s("line", { x1: from, x2: to, y1: y, y2: y, stroke: "var(--color-ink)", "stroke-width": 2.5, "stroke-dasharray": i ? "5 3" : null }));
      for (const end of [from, to]) parts.push(s("line", { x1: end, x2: end, y1: y - 5, y2: y + 5, stroke: "var(--color-ink)", "stroke-width": 2 }));
      parts.push(s("circle", { cx: at, cy: y, r: 5, fill: "var(--color-ink)" }));
      const leftSide = from - left > right - to;
      parts.push(text(leftSide ? left : right, y + 4, name, { "text-anchor": leftSide ? "start" : "end" }));
    });
    chart.setAttribute("width", wide);
    chart.setAttribute("viewBox", `0 0 ${wide} 250`);
    chart.replaceChildren(...parts);
  }

  function draw(now) {
    const result = compute(now), { tests } = result, n = now.questions;
    questions.set(SIZES.findIndex(([size]) => size === n));
    accuracy.set(100 * now.accuracy);
    lead.set(100 * now.lead);
    alike.set(100 * now.alike);
    versions.set(now.versions);
    const who = now.versions === 1 ? "B" : `The best of ${now.versions} B's`, { value, low, high } = result.paired;
    const verdict = low > 0 ? "it says that B is better" : high < 0 ? "it says that A is better" : "it holds 0, so luck is explanation enough";
    const how = value === 0 ? `${who} and A have the same score` : value > 0 ? `${who} leads by ${points(value)} points` : `A leads by ${points(-value)} points`;
    told.textContent = `Test ${(now.test + 1).toLocaleString("en-US")}: ${how}. The paired interval goes from ${signed(low)} to ${signed(high)}: ${verdict}.`;
    [result.a, result.b, result.paired, result.unpaired].forEach((found, i) => {
      const tell = i < 2 ? points : signed;
      [tell(found.value), `${tell(found.low)} to ${tell(found.high)}`].forEach((text, j) => { cells[i][j].textContent = text; });
    });
    KINDS.forEach(([, key], i) => { shares[i].textContent = ofTests(tests[key]); });
    const [both, onlyA, onlyB, neither] = result.counts;
    const truth = now.lead === 0 ? "In truth the two are equal, so every lead is luck."
      : `In truth ${now.lead > 0 ? "B" : "A"} is better by ${points(Math.abs(now.lead))} points; the worse one leads in ${ofTests(now.lead > 0 ? tests.a_leads : tests.b_leads)} of the tests.`;
    legend.textContent = `Bars: ${now.versions === 1 ? "B's lead" : "the lead of the best B"} in 2,000 tests, in points. Lines: its 95 % intervals in this test, where both are right on ${both} questions, only A on ${onlyA}, only B on ${onlyB}, neither on ${neither}. ${truth}`;
    chart.setAttribute("aria-label", `Histogram of the lead in 2,000 tests: A leads in ${ofTests(tests.a_leads)}, B in ${ofTests(tests.b_leads)}. ${told.textContent}`);
    plot(result);
    say(`${told.textContent} Of 2,000 tests B leads in ${ofTests(tests.b_leads)}.`);
  }

  const state = kit.follow(model, TRAITS, draw);
  const unwatch = kit.onwidth(holder, (width) => { wide = width; plot(compute(state.read())); });
  return () => { state.stop(); unwatch(); quiet(); };
}

export default { render, compute };
