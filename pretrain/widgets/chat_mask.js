// The chat loss mask: see chat_mask.py, whose scored tokens these are.
const { h } = kit;
const MOST = 12, SHOWN = 400;
const TRAITS = ["turns", "score", "end_of_turn", "token"];

// The row after its first <doc>: tokens, whether they are scored, and what they are.
function compute({ turns, score, end_of_turn: ends }) {
  const row = turns.flatMap(({ role, content }, turn) => {
    const said = kit.words(content).map((token) => ({ token, kind: "said", role, turn }));
    return [{ token: `<${role}>`, kind: "marker", role, turn }, ...said, { token: "<end>", kind: "end", role, turn }];
  });
  if (row.length) row.push({ token: "<doc>", kind: "doc", role: null, turn: turns.length });
  for (const place of row) {
    const speaks = place.role === "assistant" && place.kind !== "marker";
    place.scored = score === "all" || (speaks && (ends || place.kind !== "end"));
  }
  const vocabulary = 7 + new Set([...turns.flatMap((turn) => kit.words(turn.content)), "."]).size;
  const last = row.findLast((place) => place.kind === "end" && place.role === "assistant");
  const stop = last ? (last.scored ? 1 : 1 / vocabulary) : null;
  return {
    row, tokens: row.map((place) => place.token), scored: row.map((place) => place.scored), vocabulary,
    stop, over: last ? (last.scored ? 0 : vocabulary - 1) : null,
  };
}

// Why a token is scored or not, in words.
function why(result, at, { score }) {
  const place = result.row[at];
  if (!place) return "";
  const before = at ? result.row[at - 1].token : "<doc>";
  const name = (token) => `“${kit.visible(token)}”`;
  const head = `${name(place.token)} follows ${name(before)}. `;
  if (score === "all") return `${head}● Scored: here every token is, as in plain causal modeling. The model also learns to write the user's part.`;
  if (place.kind === "doc") return `${head}○ Not scored: no assistant says it. It closes the document.`;
  if (place.kind === "marker") return `${head}○ Not scored: whoever runs the model writes the marker, so that nobody has to predict it.`;
  if (place.role === "user") return `${head}○ Not scored: the user says it. The model reads it, and sees it from every later position.`;
  if (place.kind === "said") return `${head}● Scored: the assistant says it.`;
  if (place.scored) return `${head}● Scored: the assistant says it. This is the only place where the model learns that an answer is over.`;
  return `${head}○ Not scored: ends of turns are left out. So nothing teaches the model to stop here.`;
}

function stopped(result, state) {
  const { row, vocabulary } = result, start = row.findLastIndex((place) => place.kind === "marker" && place.role === "assistant");
  if (start < 0) return ["No assistant speaks, so there is no answer that could stop.", false];
  const answer = row.slice(start + 1, row.findIndex((place, i) => i > start && place.kind === "end")).map((place) => kit.visible(place.token));
  const written = answer.length > 12 ? ["…", ...answer.slice(-12)] : answer;
  const lead = `Take a model that knows all ${kit.count(result.scored.filter(Boolean).length, "scored token")} by heart, and to which the ${vocabulary} tokens of this vocabulary are equally likely where nothing was scored. After <assistant> it writes “${written.join(" ")}`;
  if (result.stop === 1) return [`${lead} <end>” and stops.`, true];
  const random = kit.counter(1), more = ["<doc>", ...new Set(state.turns.flatMap((turn) => kit.words(turn.content)))];
  const babble = Array.from({ length: 6 }, () => kit.visible(more[Math.floor(random() * more.length)]));
  return [`${lead} ${babble.join(" ")} …” It stops after its answer with a chance of 1/${vocabulary} = ${kit.percent(result.stop, 1)}, and writes ${kit.count(result.over, "token")} too many on average.`, false];
}

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Chat loss mask",
    "Edit the turns. Select a token to read why it is scored, or is not.");
  const act = (values) => state.change(values);
  const turnsNow = () => model.get("turns");
  const edit = (i, values) => act({ turns: turnsNow().map((turn, j) => (j === i ? { ...turn, ...values } : turn)) });
  const list = h("div", { class: "pw-chat" });
  const add = kit.button("Add a turn", () => {
    const last = turnsNow().at(-1)?.role;
    act({ turns: [...turnsNow(), { role: last === "user" ? "assistant" : "user", content: "" }] });
    wanted = turnsNow().length - 1;
  });
  const score = kit.choice({
    label: "What is scored", value: "assistant", onchange: (x) => act({ score: x }),
    options: [["assistant", "the assistant's turns"], ["all", "everything"]],
  });
  const ends = kit.checkbox({ label: "<end> is scored too", value: true, onchange: (x) => act({ end_of_turn: x }) });
  const message = h("p", { class: "pw-note" });
  const tokens = h("div", { role: "group", "aria-label": "Tokens; arrow keys move, Enter explains one", class: "pw-chat-tokens" });
  const moving = kit.roving(tokens, () => [...tokens.querySelectorAll("button")]);
  const told = h("p", { class: "pw-chat-told" });
  const legend = h("ul", { class: "pw-legend", "aria-label": "Signs" },
    [["●", "scored"], ["○", "read, not scored (−100)"]].map(([glyph, meaning]) => h("li", {}, h("span", { "aria-hidden": "true" }, `${glyph} `), meaning)));
  const totals = h("p", {}), end = h("p", { class: "pw-chat-end" });
  root.append(list, h("div", { class: "pw-buttons" }, add),
    h("div", { class: "pw-controls" }, score.node, h("div", { class: "pw-control pw-choices" }, ends.node)),
    message, tokens, legend, told, totals, h("p", { class: "pw-label" }, "Does it learn to stop?"), end);
  tokens.addEventListener("click", (event) => {
    const at = event.target.closest("button")?.dataset.at;
    if (at !== undefined) act({ token: Number(at) });
  });

  let wanted = null; // the turn that is to get the focus
  const editors = [];
  function editor(i) {
    const role = kit.select({ label: `Turn ${i + 1}: who speaks`, options: [["user", "user"], ["assistant", "assistant"]], value: "user", onchange: (x) => edit(i, { role: x }) });
    const text = kit.text({ label: `Turn ${i + 1}: what is said`, value: "", rows: 1, onchange: (x) => edit(i, { content: x }) });
    const remove = h("button", {
      type: "button", "aria-label": `Remove turn ${i + 1}`, title: `Remove turn ${i + 1}`,
      onclick: () => { act({ turns: turnsNow().filter((_, j) => j !== i) }); wanted = Math.min(i, turnsNow().length - 1); },
    }, "✕");
    for (const part of [role, text]) part.node.firstChild.classList.add("pw-hidden");
    return { node: h("div", { class: "pw-chat-turn" }, role.node, text.node, remove), role, text };
  }

  let shape = "";
  function draw(now) {
    const n = now.turns.length;
    while (editors.length < n) editors.push(editor(editors.length));
    now.turns.forEach((turn, i) => { editors[i].role.set(turn.role); editors[i].text.set(turn.content); });
    if (list.childElementCount !== n) list.replaceChildren(...editors.slice(0, n).map((each) => each.node));
    if (wanted !== null) { (wanted < 0 ? add : editors[wanted].text.input).focus(); wanted = null; }
    add.disabled = n >= MOST;
    score.set(now.score);
    ends.set(now.end_of_turn);
    ends.enable(now.score === "assistant");
    const result = compute(now), total = result.row.length, scored = result.scored.filter(Boolean).length;
    const notes = [];
    if (!n) notes.push("There is no turn: add one.");
    else if (!scored) notes.push("Nothing is scored: the loss would have no mean.");
    if (total > SHOWN) notes.push(`The first ${SHOWN} of ${kit.count(total, "token")} are shown; the counts are of all.`);
    message.textContent = notes.join(" ");
    const at = Math.min(now.token, Math.min(total, SHOWN) - 1);
    const made = JSON.stringify([result.row.slice(0, SHOWN)]);
    if (made !== shape) {
      shape = made;
      const focus = tokens.contains(document.activeElement);
      const lines = [];
      result.row.slice(0, SHOWN).forEach((place, i) => {
        if (place.turn !== lines.at(-1)?.turn) lines.push({ turn: place.turn, role: place.role, cells: [] });
        lines.at(-1).cells.push(h("button", { type: "button", class: "pw-chat-token", "data-at": i, "data-scored": String(place.scored), tabindex: -1 },
          h("span", { "aria-hidden": "true" }, place.scored ? "● " : "○ "), h("span", {}, kit.visible(place.token)), h("span", { class: "pw-hidden" }, place.scored ? ", scored" : ", not scored")));
      });
      tokens.replaceChildren(...lines.map((line) => h("div", { class: "pw-chat-line", "data-role": line.role ?? "end" }, line.cells)));
      moving.refresh();
      if (focus) tokens.querySelector("button[tabindex='0']")?.focus();
    }
    tokens.querySelectorAll("button").forEach((cell, i) => cell.setAttribute("aria-pressed", String(i === at)));
    told.textContent = why(result, at, now);
    const endings = result.row.filter((place) => place.kind === "end" && place.scored).length;
    totals.textContent = n ? `${scored} of ${kit.count(total, "token")} are scored (${kit.percent(scored / total)}); ${kit.count(endings, "of them is an <end>", "of them are <end>")}.` : "";
    const [text, good] = n ? stopped(result, now) : ["", true];
    end.textContent = text;
    end.classList.toggle("pw-chat-bad", !good && result.stop !== null);
    say(`${notes.join(" ")} ${told.textContent} ${totals.textContent}`);
  }

  const state = kit.follow(model, TRAITS, draw);
  return () => { state.stop(); quiet(); };
}

export default { render, compute, why };
