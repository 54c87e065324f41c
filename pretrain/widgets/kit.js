// What all widgets share: elements, labeled controls, numbers, the seeded generator.
// A notebook gets this file and the widget's own as one ES module; a built page loads
// it once, as a classic script.
const kit = (() => {
  let ids = 0;
  const id = (name = "pw") => `${name}-${++ids}-${Math.random().toString(36).slice(2, 8)}`;

  // An element: h("p", {class: "x", onclick: f}, "text", child). SVG with s().
  function build(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name in { value: 1, checked: 1, disabled: 1, hidden: 1, textContent: 1 }) node[name] = value;
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }
  const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) =>
    build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // The same draws as pretrain.random.Counter: mulberry32.
  function counter(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let z = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
      return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
    };
  }
  const draws = (next, count) => Float64Array.from({ length: count }, next);

  // Half to even, as Python and PyTorch round.
  function round(x) {
    const down = Math.floor(x), rest = x - down;
    if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
    return down % 2 === 0 ? down : down + 1;
  }

  // Words as pretrain.tokens cuts them: "don't" and "well-known" are one, marks alone.
  const WORD = /[\p{L}\p{M}\p{N}\p{Pc}]+(?:['’-][\p{L}\p{M}\p{N}\p{Pc}]+)*|[^\p{L}\p{M}\p{N}\p{Pc}\p{White_Space}]/gu;
  const words = (text) => text.match(WORD) ?? [];
  // How a token is shown: an invisible character by its code point.
  const visible = (token) => token.replace(/[\p{C}\u200d\ufe0f]/gu, (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);

  // Numbers as a reader sees them, with a real minus sign.
  function fixed(x, digits = 2) {
    if (Number.isNaN(x)) return "not a number";
    if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
    const text = x.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }
  const percent = (x, digits = 0) => `${fixed(100 * x, digits)} %`;
  function count(n, one, many = `${one}s`) {
    return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
  }

  // The frame of a widget: a named group with a title, and a voice for screen readers.
  function frame(el, name, help) {
    const title = h("p", { class: "pw-title", id: id() }, name);
    const voice = h("div", { class: "pw-hidden", "aria-live": "polite", role: "status" });
    const root = h("div", { class: "pw", role: "group", "aria-labelledby": title.id }, title);
    if (help) root.append(h("p", { class: "pw-note" }, help));
    root.append(voice);
    el.append(root);
    let timer, first = true;
    function say(text) {  // not the first state; after a pause, so that a drag is told once
      clearTimeout(timer);
      if (first) { first = false; return; }
      timer = setTimeout(() => { if (voice.textContent !== text) voice.textContent = text; }, 400);
    }
    return { root, say, stop: () => clearTimeout(timer) };
  }

  // Controls. Each is {node, set(value)}, and calls onchange(value) when a user acts.
  function slider({ label, min, max, step, value, show = String, onchange, extra }) {
    const output = h("output", { "aria-hidden": "true" });
    const input = h("input", { type: "range", id: id(), min, max, step });
    const node = h("div", { class: "pw-control" },
      h("div", { class: "pw-label" }, h("label", { for: input.id }, label), output), input, extra);
    const told = () => {
      output.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    const set = (x) => { input.value = x; told(); };
    input.addEventListener("input", () => { told(); onchange(Number(input.value)); });
    set(value);
    return {
      node, input, set,
      limit: (most) => { input.max = most; told(); },
      enable: (on) => { input.disabled = !on; },
    };
  }

  function number({ label, min, max, step = 1, value, onchange }) {
    const input = h("input", { type: "number", id: id(), min, max, step, value });
    input.addEventListener("input", () => {
      const x = Number(input.value);
      const fits = input.value !== "" && Number.isFinite(x) && x >= min && x <= max && (step !== 1 || Number.isInteger(x));
      input.setAttribute("aria-invalid", String(!fits));
      if (fits) onchange(x);
    });
    const node = h("div", { class: "pw-control" }, h("label", { class: "pw-label", for: input.id }, label), input);
    return { node, input, set: (x) => { if (Number(input.value) !== x) input.value = x; input.removeAttribute("aria-invalid"); } };
  }

  function text({ label, value, rows = 2, onchange, placeholder }) {
    const input = h("textarea", { id: id(), rows, value, placeholder, spellcheck: "false", oninput: () => onchange(input.value) });
    const node = h("div", { class: "pw-control pw-wide" }, h("label", { class: "pw-label", for: input.id }, label), input);
    return { node, input, set: (x) => { if (input.value !== x) input.value = x; } };
  }

  function checkbox({ label, value, onchange }) {
    const input = h("input", { type: "checkbox", checked: value, onchange: () => onchange(input.checked) });
    const node = h("label", { class: "pw-choice" }, input, label);
    return { node, input, set: (x) => { input.checked = x; }, enable: (on) => { input.disabled = !on; } };
  }

  // One of a few, as radio buttons: options are [value, label] pairs.
  function choice({ label, options, value, onchange }) {
    const name = id(), inputs = new Map();
    const node = h("fieldset", { class: "pw-control" }, h("legend", { class: "pw-label" }, label),
      h("div", { class: "pw-choices" }, options.map(([key, shown]) => {
        const input = h("input", { type: "radio", name, value: key, checked: key === value, onchange: () => onchange(key) });
        inputs.set(key, input);
        return h("label", { class: "pw-choice" }, input, shown);
      })));
    return { node, inputs, set: (x) => { if (inputs.has(x)) inputs.get(x).checked = true; } };
  }

  function select({ label, options, value, onchange }) {
    const input = h("select", { id: id(), onchange: () => onchange(input.value) },
      options.map(([key, shown]) => h("option", { value: key }, shown)));
    input.value = value;
    const node = h("div", { class: "pw-control" }, h("label", { class: "pw-label", for: input.id }, label), input);
    return { node, input, set: (x) => { input.value = x; } };
  }

  const button = (label, onclick) => h("button", { type: "button", onclick }, label);

  // A button that copies; where the clipboard is closed, the text is there to select.
  function copyable({ label, say }) {
    const area = h("textarea", { class: "pw-code", readonly: true, rows: 8, "aria-label": label, spellcheck: "false" });
    const folded = h("details", {}, h("summary", {}, "Show the code"), area);
    const told = h("span", { class: "pw-note" });
    const act = button(label, async () => {
      let done = false;
      try { await navigator.clipboard.writeText(area.value); done = true; } catch { /* closed */ }
      if (!done) { folded.open = true; area.focus(); area.select(); }
      told.textContent = done ? "Copied." : "Press Ctrl+C or ⌘C to copy the selected code.";
      say?.(told.textContent);
    });
    return {
      node: h("div", {}, h("div", { class: "pw-buttons" }, act, told), folded),
      set: (text) => { if (area.value !== text) { area.value = text; told.textContent = ""; } },
    };
  }

  // Arrow keys inside a list of buttons, of which one is a tab stop.
  function roving(list, items) {
    let at = 0;
    const stop = (next) => {
      const all = items();
      if (!all.length) return;
      at = Math.max(0, Math.min(all.length - 1, next));
      all.forEach((item, i) => { item.tabIndex = i === at ? 0 : -1; });
    };
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      stop(at + step);
      items()[at]?.focus();
    });
    list.addEventListener("focusin", (event) => { const i = items().indexOf(event.target); if (i >= 0) stop(i); });
    return { refresh: () => stop(at) };
  }

  // Call draw once a frame, however often it is asked for.
  function drawing(draw) {
    let asked = 0;
    const now = () => { cancelAnimationFrame(asked); asked = 0; draw(); };
    return { now, soon: () => { asked ||= requestAnimationFrame(now); }, stop: () => cancelAnimationFrame(asked) };
  }

  // Keep a model's traits and what is shown together. `change({rate: 0.3})` is a user's
  // act: it sets the model and draws; what Python sets arrives in `draw` too.
  function follow(model, traits, draw) {
    const loop = drawing(() => draw(read()));
    const read = () => Object.fromEntries(traits.map((name) => [name, model.get(name)]));
    for (const name of traits) model.on(`change:${name}`, loop.soon);
    const change = (values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
      loop.soon();
    };
    const stop = () => {
      loop.stop();
      for (const name of traits) model.off?.(`change:${name}`, loop.soon);
    };
    loop.now();
    return { change, read, stop };
  }

  // Call draw(width) when the element's width changes.
  function onwidth(el, draw) {
    if (typeof ResizeObserver === "undefined") { draw(el.clientWidth); return () => {}; }
    let last = -1;
    const observer = new ResizeObserver(() => {
      const width = el.clientWidth;
      if (width && width !== last) { last = width; draw(width); }
    });
    observer.observe(el);
    return () => observer.disconnect();
  }

  return {
    id, h, s, counter, draws, round, words, visible, fixed, percent, count, frame, slider, number, text,
    checkbox, choice, select, button, copyable, roving, drawing, follow, onwidth,
  };
})();
