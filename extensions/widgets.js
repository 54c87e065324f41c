// Mounts the widgets of a built page: a classic script, so that it works from file://.
// The widgets' own scripts follow and call add(); when the page has been read, each
// place gets its widget, with a model that needs no kernel.
const pretrainWidgets = (() => {
  const makers = new Map(), made = new Map(), models = new Map();
  let states = null;

  // What anywidget's front end offers a widget: get, set, save_changes, on, off, send.
  class Model {
    #state; #listeners = new Map();
    constructor(state) { this.#state = state; }
    get(name) { return this.#state[name]; }
    set(name, value) {
      const changed = typeof name === "object" ? name : { [name]: value };
      for (const [key, x] of Object.entries(changed)) {
        if (Object.is(this.#state[key], x)) continue;
        this.#state[key] = x;
        this.#tell(`change:${key}`, x);
      }
      this.#tell("change");
    }
    save_changes() {}
    send() {}
    on(names, listener) {
      for (const name of names.split(" ")) {
        if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
        this.#listeners.get(name).add(listener);
      }
    }
    off(names, listener) {
      for (const name of names?.split(" ") ?? [...this.#listeners.keys()]) {
        if (listener) this.#listeners.get(name)?.delete(listener);
        else this.#listeners.delete(name);
      }
    }
    #tell(name, value) {
      for (const listener of [...(this.#listeners.get(name) ?? [])]) listener({ name }, value);
    }
  }

  function model(id) {
    if (!models.has(id)) {
      const { state, buffers } = states[id];
      for (const { path, data } of buffers) {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        const at = path.slice(0, -1).reduce((place, key) => place[key], state);
        at[path.at(-1)] = new DataView(bytes.buffer);
      }
      models.set(id, new Model(state));
    }
    return models.get(id);
  }

  function widget(name) {
    if (!makers.has(name)) throw new Error("its script did not load");
    if (!made.has(name)) made.set(name, makers.get(name)());
    return made.get(name);
  }

  // A script that a widget needs only now; it lies beside the others.
  const beside = (name) => new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = document.querySelector("script[src*='widgets/kit.js']").src.replace("kit.js", `${name}.js`);
    script.onload = () => done(widget(name));
    script.onerror = () => fail(new Error("a part of this widget did not load"));
    document.head.append(script);
  });

  function mount(host) {
    const el = host.appendChild(document.createElement("div"));
    try {
      widget(host.dataset.widget).render({ model: model(host.dataset.model), el });
      host.dataset.ready = "";
    } catch (error) { // the picture stays, and the page says why nothing moves
      console.error(error);
      host.dataset.failed = "";
      el.textContent = `This widget could not start (${error.message}); the picture shows its first state.`;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const inline = document.querySelector("script.pw-state");
    if (inline) states = JSON.parse(inline.textContent);
    document.querySelectorAll(".pw-host").forEach(mount);
  });

  return {
    add: (name, make) => { makers.set(name, make); },
    state: (all) => { states = all; },
    widget,
    beside,
    model,
  };
})();
