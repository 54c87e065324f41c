// The loss-curve explorer: see curves.py. First what pretrain.curves computes, then what
// curve_files.py reads, then the plot.
const { h } = kit;
const finite = Number.isFinite, { abs, ceil, exp, floor, log, log1p, max, min, sqrt } = Math;
const clamp = (x, low, high) => max(low, min(high, x));
const sum = (a) => { let s = 0; for (const x of a) s += x; return s; };
const mean = (a) => sum(a) / a.length;
const f64 = (n, f) => { const a = new Float64Array(n); for (let i = 0; i < n; i++) a[i] = f(i); return a; };
const last = (a) => a[a.length - 1];

// The k-th smallest, by partitions: changes the order of a.
function select(a, k) {
  let lo = 0, hi = a.length - 1;
  while (lo < hi) {
    const x = a[(lo + hi) >> 1];
    let i = lo, j = hi;
    while (i <= j) {
      while (a[i] < x) i++;
      while (a[j] > x) j--;
      if (i <= j) { const t = a[i]; a[i++] = a[j]; a[j--] = t; }
    }
    if (k <= j) hi = j; else if (k >= i) lo = i; else break;
  }
  return a[k];
}
function median(values) {
  const a = Float64Array.from(values), m = a.length >> 1, high = select(a, m);
  if (a.length % 2) return high;
  let low = -Infinity;
  for (let i = 0; i < m; i++) if (a[i] > low) low = a[i];
  return (low + high) / 2;
}
function quantile(sorted, q) { // as numpy's
  const at = q * (sorted.length - 1), i = floor(at), t = at - i;
  const a = sorted[i], b = sorted[min(i + 1, sorted.length - 1)], d = b - a;
  return t >= 0.5 ? b - d * (1 - t) : a + d * t;
}
// The normal quantile of p > 1/2: Newton's method on the series of the distribution.
function normal(p) {
  let x = 0;
  for (let turn = 0; turn < 60; turn++) {
    let total = x, term = x;
    for (let k = 3; k < 300; k += 2) { term *= x * x / k; total += term; }
    const density = exp(-x * x / 2) / sqrt(2 * Math.PI);
    x += (p - 0.5 - total * density) / density;
  }
  return x;
}

// Smoothing, always of every value (smoothing.py). `at` gives one value of the bell.
function exponential(y, decay) {
  let total = 0, weight = 0;
  return f64(y.length, (i) => {
    if (!finite(y[i])) return NaN;
    total = decay * total + (1 - decay) * y[i];
    weight = decay * weight + (1 - decay);
    return total / weight;
  });
}
function running(y) { // sums of the values before each, the median taken out first
  const n = y.length, good = y.filter(finite), middle = good.length ? median(good) : 0;
  const sums = new Float64Array(n + 1), counts = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) {
    const ok = finite(y[i]);
    sums[i + 1] = sums[i] + (ok ? y[i] - middle : 0);
    counts[i + 1] = counts[i] + (ok ? 1 : 0);
  }
  return { middle, sums, counts };
}
function centered(y, window, { middle, sums, counts }) {
  const n = y.length, reach = window >> 1;
  return f64(n, (i) => {
    if (!finite(y[i])) return NaN;
    const half = min(reach, i, n - 1 - i), a = i - half, b = i + half + 1;
    return middle + (sums[b] - sums[a]) / max(counts[b] - counts[a], 1);
  });
}
function bell(y, sigma) {
  const reach = min(ceil(4 * sigma), y.length - 1), w = f64(reach + 1, (d) => exp(-0.5 * (d / sigma) ** 2));
  const at = (i) => {
    if (!finite(y[i])) return NaN;
    let total = 0, weight = 0;
    for (let j = max(0, i - reach), to = min(y.length - 1, i + reach); j <= to; j++) {
      if (y[j] - y[j] === 0) { const k = w[abs(i - j)]; total += k * y[j]; weight += k; }
    }
    return total / weight;
  };
  return { at, cost: reach * y.length };
}
const gaussian = (y, sigma) => f64(y.length, bell(y, sigma).at);
const SMOOTH = {
  off: ["off", null], exponential: ["exponential", (y, s) => exponential(y, 1 - 1 / s), (s) => `decay ${kit.fixed(1 - 1 / s, s < 100 ? 2 : 4)}`],
  window: ["window", (y, s, series) => centered(y, 2 * floor(s / 2) + 1, once(series, "sums", () => running(y))), (s) => kit.count(2 * floor(s / 2) + 1, "value")],
  gaussian: ["Gaussian", gaussian, (s) => `σ ${kit.count(s, "value")}`],
};

// Findings (findings.py, spikes.py), number for number.
function places(n, half) {
  const found = [0];
  while (last(found) < n - 1) found.push(min(n - 1, last(found) + max(1, min(half, last(found)) >> 3)));
  return found;
}
function interpolate(n, where, y) {
  const all = new Float64Array(n);
  for (let k = 0; k + 1 < where.length; k++) {
    const slope = (y[k + 1] - y[k]) / (where[k + 1] - where[k]);
    for (let i = where[k]; i < where[k + 1]; i++) all[i] = slope * (i - where[k]) + y[k];
  }
  all[n - 1] = last(y);
  return all;
}
const buffer = { a: new Float64Array(8) };
function medianOf(y, clean, from, to) { // of the clean ones, or of all
  if (buffer.a.length < to - from) buffer.a = new Float64Array(2 * (to - from));
  let n = 0;
  for (let i = from; i < to; i++) if (clean[i]) buffer.a[n++] = y[i];
  return median(n ? buffer.a.subarray(0, n) : y.subarray(from, to));
}
function baseline(y, clean, half) {
  const n = y.length, where = places(n, half);
  const base = interpolate(n, where, where.map((i) => { const r = min(half, i, n - 1 - i); return medianOf(y, clean, i - r, i + r + 1); }));
  const x = [];
  for (let i = max(0, n - 2 * half); i < n; i++) if (clean[i]) x.push(i);
  const third = floor(x.length / 3);
  if (third >= 3) {
    const left = x.slice(0, third), right = x.slice(-third), u = (i) => log1p(i), v = (i) => y[i], of = (a, f) => median(a.map(f));
    const slope = (of(right, v) - of(left, v)) / (of(right, u) - of(left, u));
    const height = of(x, (i) => y[i] - slope * u(i));
    for (let i = n - half; i < n; i++) base[i] = height + slope * u(i);
  }
  return base;
}
function bar(z) {
  const a = z.sort(), n = a.length, share = max(0.005, 5 / n);
  const short = quantile(a, 0.975) / normal(0.975);
  const tail = min(quantile(a, 1 - share), -quantile(a, share)) / normal(1 - share);
  return normal(1 - 0.02 / n) * min(1, max(0.84, short)) * max(1, tail) ** 4.5;
}
function findSpikes(y) {
  const n = y.length, half = floor(clamp(floor(n / 20), 16, 250)), where = places(n, half);
  let clean = new Uint8Array(n).fill(1), base, z, limit;
  for (let round = 0; round < 3; round++) {
    base = baseline(y, clean, half);
    const rest = y.map((v, i) => v - base[i]), size = rest.map(abs);
    const scale = interpolate(n, where, where.map((i) => medianOf(size, clean, max(0, i - 6 * half), min(n, i + 6 * half + 1))));
    z = rest.map((v, i) => v / max(1.4826 * scale[i], 0.005));
    limit = bar(z.filter((_, i) => clean[i]));
    const before = clean;
    clean = clean.map((_, i) => {
      if (z[i] > 2) for (let j = max(0, i - 2); j <= min(n - 1, i + 2); j++) if (z[j] > limit) return 0;
      return 1;
    });
    if (clean.every((c, i) => c === before[i])) break;
  }
  const runs = [], found = [];
  for (let i = 3; i < n; i++) if (z[i] > limit) { if (runs.length && i - last(runs)[1] <= 3) last(runs)[1] = i; else runs.push([i, i]); }
  for (let [a, b] of runs) {
    while (a > 3 && z[a - 1] > limit / 2) a--;
    while (b + 1 < n && z[b + 1] > limit / 2) b++;
    if (found.length && a - last(found)[1] <= 3) [a] = found.pop();
    const after = z.slice(b + 1, b + 11);
    found.push([a, b, after.length > 0 && median(after) < limit / 2]);
  }
  return { found, base, z };
}
function findDivergence(x, y) {
  const n = y.length, size = max(4, floor(n / 50)), ends = [];
  for (let end = n; end >= size; end -= size) ends.unshift(end);
  const level = ends.map((end) => median(y.subarray(end - size, end)));
  const change = level.slice(1).map((v, i) => v - level[i]), middle = median(change);
  const spread = 1.4826 * median(change.map((c) => abs(c - middle))) / sqrt(2);
  const lowest = level.indexOf(min(...level)), rise = min(...level.slice(-2)) - level[lowest];
  if (lowest >= level.length - 2 || rise <= max(0.05, 5 * spread)) return null;
  return { since: x[ends[lowest] - 1], rise: exp(last(level)) - exp(level[lowest]) };
}
const percent = (change) => { const t = (100 * Math.expm1(change)).toFixed(1); return `${t.startsWith("-") ? t : `+${t}`} %`; };
function slopeOf(x, y) { // of 12 windowed means, and half its 99 % interval
  const n = y.length, u = [], v = [];
  for (let k = 0, from = 0; k < 12; k++) {
    const to = from + floor(n / 12) + (k < n % 12 ? 1 : 0);
    u.push(mean(x.slice(from, to)));
    v.push(mean(y.slice(from, to)));
    from = to;
  }
  const u1 = mean(u), v1 = mean(v), uu = sum(u.map((a) => (a - u1) ** 2));
  const fall = sum(u.map((a, i) => (a - u1) * v[i])) / uu;
  return [fall, 3.169 * sqrt(sum(v.map((b, i) => (b - v1 - fall * (u[i] - u1)) ** 2)) / 10 / uu)];
}
function begin(x, y, start) { // x, y: the clean ones
  let first = max(0, x.findIndex((s) => s >= start));
  const tail = y.slice(first), size = max(3, floor(tail.length / 12)), level = mean(tail);
  const spread = sqrt(mean(tail.map((v) => (v - level) ** 2))) / sqrt(size);
  while (first > 0) {
    const from = max(0, first - size);
    if (abs(mean(y.slice(from, first)) - level) > max(3 * spread, 0.005)) break;
    first = from;
  }
  return x[first];
}
function findPlateau(x, y, clean) {
  const n = x.length, cx = x.filter((_, i) => clean[i]), cy = y.filter((_, i) => clean[i]);
  let whole = null;
  for (const [share, open] of [[1 / 2, 0.12], [1 / 3, 0.06], [1 / 4, 0.04]]) {
    const from = x[n - 1] - share * (x[n - 1] - x[0]);
    const at = cx.findIndex((s) => s >= from), tx = cx.slice(at), ty = cy.slice(at);
    if (at < 0 || ty.length < 36) continue;
    const span = x[n - 1] - tx[0], [rate, half] = slopeOf(tx, ty), scale = span * 0.5 / share;
    const low = (rate - half) * scale, high = (rate + half) * scale;
    whole ??= [low, high];
    if (((low <= 0 && high >= 0) || (low > -0.005 && high < 0.005)) && low > -open && high < open) {
      const level = exp(mean(ty)), start = begin(cx, cy, tx[0]);
      return [{ start, slope: rate * level, low: (rate - half) * level, high: (rate + half) * level },
        `The loss is flat since about step ${start}: over the last ${(100 * share).toFixed(0)}% of the steps it changed by ${percent(rate * span)} (${percent((rate - half) * span)} to ${percent((rate + half) * span)}).`];
    }
  }
  if (!whole) return [null, "The curve is too short to tell whether it still falls."];
  const [low, high] = whole.map(percent);
  if (whole[0] <= 0 && whole[1] >= 0) return [null, `The loss is too noisy to tell whether it still falls: over the last half of the steps it changed by between ${low} and ${high}.`];
  const falls = whole[1] < 0, [least, most] = (falls ? [high, low] : [low, high]).map((size) => size.slice(1)); // no sign
  return [null, `The loss ${falls ? "still falls" : "rises"}, by between ${least} and ${most} over the last half of the steps.`];
}
function analyze(value, step) {
  const notes = [], ok = value.map((v) => (finite(v) ? 1 : 0)), is = (_, i) => ok[i];
  const x = step.filter(is), v = value.filter(is), below = v.findIndex((a) => a < 0);
  if (below >= 0) throw Error(`the loss is negative at step ${x[below]}: a cross-entropy is never below 0`);
  const first = ok.indexOf(0), bad = first < 0 ? null : step[first];
  if (bad !== null) {
    const count = ok.length - x.length;
    notes.push(ok.indexOf(1, first) < 0
      ? `The loss is not finite from step ${bad} on: the run is lost there; what follows is about the steps before.`
      : `The loss is not finite at ${count} step${count > 1 ? "s" : ""}, first at step ${bad}; what follows is about the others.`);
  }
  const none = { bad, spikes: [], plateau: null, divergence: null, notes };
  if (x.length < 40) {
    notes.push(`${x.length} finite values are too few to judge spikes, divergence or a plateau; it takes 40.`);
    return none;
  }
  const y = v.map((a) => log(max(a, 1e-9))), { found, base, z } = findSpikes(y), clean = new Uint8Array(y.length).fill(1);
  const spikes = found.map(([a, b, recovered]) => {
    let top = a;
    for (let i = a; i <= b; i++) { clean[i] = 0; if (y[i] - base[i] > y[top] - base[top]) top = i; }
    return { start: x[a], end: x[b], height: exp(y[top]) - exp(base[top]), sigmas: z[top], recovered };
  });
  for (const s of spikes) {
    const where = s.start === s.end ? `at step ${s.start}` : `from step ${s.start} to ${s.end}`;
    notes.push(`The loss spikes ${where}, by ${s.height.toFixed(2)} nats (${s.sigmas.toFixed(0)} times its usual noise), ${s.recovered ? "and is back" : "and is not back on its curve since"}.`);
  }
  const divergence = findDivergence(x, y);
  let plateau = null, said;
  if (divergence) said = `The loss diverges: since step ${divergence.since} it has risen by ${divergence.rise.toFixed(2)} nats above its minimum.`;
  else [plateau, said] = findPlateau(x, y, clean);
  notes.push(said);
  return { bad, spikes, plateau, divergence, notes };
}

// The power law with a floor (power_law.py): the same grids, the same bootstrap draws.
function powerLaw(value, step, replicates = 200) {
  const keep = (_, i) => finite(value[i]) && step[i] >= 1;
  const y = value.filter(keep), t = step.filter(keep), n = y.length;
  if (n < 50) throw Error(`${n} finite values from step 1 on are too few for a power law: it takes 50`);
  if (y.some((v) => v < 0)) throw Error("the loss is negative: a cross-entropy is never below 0");
  const span = log(t[n - 1] / t[0]), edge = [];
  for (let i = 0, was = -1; i < n; i++) {
    const at = min(floor(100 * log(t[i] / t[0]) / span), 99);
    if (at > was) { edge.push(i); was = at; }
  }
  const M = edge.length, to = (m) => (m + 1 < M ? edge[m + 1] : n);
  const binned = (f) => f64(M, (m) => { let s = 0; for (let i = edge[m]; i < to(m); i++) s += f(i); return s / (to(m) - edge[m]); });
  // t^−α over a bin; of more than 5,000 steps, over 32 parts of it (the same to 1e-6)
  const parts = edge.map((a, m) => {
    const size = n > 5000 ? ceil((to(m) - a) / 32) : 1, found = [];
    for (let i = a; i < to(m); i += size) { const part = t.slice(i, min(i + size, to(m))); found.push([mean(part), part.length / (to(m) - a)]); }
    return found;
  });
  const powers = new Map();
  const power = (alpha) => {
    if (!powers.has(alpha)) powers.set(alpha, f64(M, (m) => { let s = 0; for (const [x, w] of parts[m]) s += w * x ** -alpha; return s; }));
    return powers.get(alpha);
  };
  const GRID = f64(121, (k) => 0.02 * 150 ** (k / 120));
  function fitRow(y, w, finer) {
    let best = Infinity, found = [0, 0, 0], y0 = 0;
    for (let m = 0; m < M; m++) y0 += w[m] * y[m];
    const attempt = (alpha) => {
      const x = power(alpha);
      let x0 = 0, sxx = 0, sxy = 0, rest = 0;
      for (let m = 0; m < M; m++) x0 += w[m] * x[m];
      for (let m = 0; m < M; m++) { const d = w[m] * (x[m] - x0); sxx += d * (x[m] - x0); sxy += d * (y[m] - y0); }
      let a = sxy / sxx, e = y0 - a * x0;
      if (e < 0) {
        let xx = 0, xy = 0;
        for (let m = 0; m < M; m++) { xx += w[m] * x[m] * x[m]; xy += w[m] * x[m] * y[m]; }
        a = xy / xx;
        e = 0;
      }
      for (let m = 0; m < M; m++) rest += w[m] * (y[m] - e - a * x[m]) ** 2;
      if (rest < best) { best = rest; found = [e, a, alpha]; }
    };
    GRID.forEach(attempt);
    for (let width = log(GRID[1] / GRID[0]), k = 0; k < finer; k++, width /= 4) {
      const center = found[2];
      for (let j = 0; j < 9; j++) attempt(center * exp(width * (-0.8 + 0.2 * j)));
    }
    return found;
  }
  const start = binned((i) => y[i]);
  let fitted = start, w, best;
  for (let k = 0; k < 3; k++) {
    w = f64(M, (m) => (to(m) - edge[m]) / max(fitted[m], 1e-9) ** 2);
    const all = sum(w);
    w = w.map((a) => a / all);
    best = fitRow(start, w, 9);
    fitted = power(best[2]).map((x) => best[0] + best[1] * x);
  }
  const [e, a, alpha] = best;
  if (a <= 0 || last(fitted) >= fitted[0]) throw Error("the loss does not fall, so no power law describes it: look at it with analyze() first");
  const curve = t.map((s) => e + a * s ** -alpha);
  let rest = y.map((v, i) => v / curve[i] - 1);
  const off = mean(rest);
  rest = rest.map((r) => r - off);
  const block = max(1, kit.round(Math.cbrt(n))), number = ceil(n / block), next = kit.counter(0), refits = [];
  const drawn = new Float64Array(number * block);
  for (let r = 0; r < replicates; r++) {
    for (let k = 0; k < number; k++) { const at = floor(next() * (n - block + 1)); drawn.set(rest.subarray(at, at + block), k * block); }
    refits.push(fitRow(binned((i) => curve[i] * (1 + drawn[i])), w, 4));
  }
  const interval = (best, draws) => {
    const ranked = Float64Array.from(draws).sort(), end = ranked.length - 1;
    return [best, ranked[kit.round(0.025 * end)], ranked[kit.round(0.975 * end)]];
  };
  const [low, height, exponent] = best.map((b, k) => interval(b, refits.map((row) => row[k])));
  const predict = (s) => interval(e + a * s ** -alpha, refits.map(([e, a, alpha]) => e + a * s ** -alpha));
  return { floor: low, height, exponent, predict };
}

// Readers (curve_files.py, event_files.py), with the same sentences; a page
// loads them when it is given a file.
const files = () => {
  const finite = Number.isFinite, last = (a) => a.at(-1);
  const PLACES = {
    step: "step|global_step|_step|iteration|iter|train/global_step|trainer/global_step|steps",
    tokens: "tokens|num_input_tokens_seen|train/num_input_tokens_seen",
    seconds: "seconds|elapsed|_runtime|relative time (process)",
    wall: "wall time|wall_time|_timestamp|timestamp", flops: "flops",
  };
  const PLACE = new Map(Object.entries(PLACES).flatMap(([place, names]) => names.split("|").map((name) => [name, place])));
  const placeOf = (key) => PLACE.get(key.toLowerCase());
  const NOT_CURVES = ["epoch", "scored", "total_flos", "train/epoch"];
  const LOSS = ["loss", "train_loss", "training_loss", "loss_train", "train_loss_step"];
  const EVAL = "eval_loss val_loss valid_loss validation_loss test_loss loss_eval loss_val loss_valid loss_validation loss_test".split(" ");
  const UNKNOWN = "is no run that can be read: give JSON lines, CSV, a TensorBoard event file or trainer_state.json.";

  function asNumber(value) {
    if (typeof value === "number") return value;
    const text = typeof value === "string" ? value.trim() : "";
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
    if (!/^[+-]?(nan|inf|infinity)$/i.test(text)) return null;
    return /nan/i.test(text) ? NaN : text[0] === "-" ? -Infinity : Infinity;
  }
  function label(name) {
    const parts = name.replaceAll("\\", "/").split("/"), file = last(parts);
    if (/^(log\.jsonl|trainer_state\.json|events\.out\.tfevents.*)$/.test(file) && parts.length > 1) return parts.at(-2);
    return file.replace(/\.(csv|tsv|jsonl?|txt)$/i, "");
  }
  function metricNames(keys) {
    const names = new Map(keys.filter((key) => key === "loss" || key === "eval_loss").map((key) => [key, key]));
    const taken = new Set(names.keys());
    for (const key of keys) {
      if (names.has(key)) continue;
      const plain = key.toLowerCase().replace(/[/ .]/g, "_");
      const known = LOSS.includes(plain) ? "loss" : EVAL.includes(plain) ? "eval_loss" : key;
      names.set(key, taken.has(known) ? key : known);
      taken.add(names.get(key));
    }
    return names;
  }
  function assemble(name, rows, perToken = 0, perStep = 0) {
    const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const names = metricNames(keys.filter((key) => !placeOf(key) && !NOT_CURVES.includes(key))), found = new Map();
    let first = NaN;
    rows.forEach((row, at) => {
      const where = {};
      for (const [key, value] of Object.entries(row)) {
        const place = placeOf(key), x = place && asNumber(value);
        if (place && x !== null) where[place] ??= x;
      }
      if ("wall" in where) {
        if (Number.isNaN(first)) first = where.wall;
        where.seconds ??= where.wall - first;
      }
      const step = where.step ?? at + 1;
      if (!finite(step)) return;
      if (perToken && "tokens" in where) where.flops ??= perToken * where.tokens;
      if (perStep) where.flops ??= perStep * step;
      for (const key of Object.keys(row)) {
        const value = names.has(key) ? asNumber(row[key]) : null;
        if (value === null) continue;
        if (!found.has(names.get(key))) found.set(names.get(key), new Map());
        found.get(names.get(key)).set(step, { ...where, value });
      }
    });
    if (!found.size) throw Error(`${name} holds no numbers to draw against a step.`);
    const series = {};
    for (const [key, points] of found) {
      const step = Float64Array.from(points.keys()).sort(), at = Array.from(step, (s) => points.get(s));
      const column = (k) => (at.every((p) => k in p) ? Float64Array.from(at, (p) => p[k]) : null);
      series[key] = { step, value: column("value"), tokens: column("tokens"), seconds: column("seconds"), flops: column("flops") };
    }
    return { name, series, group: null, floor: null, bytes: null };
  }
  function parse(text) { // JSON, with the NaN and Infinity that Python writes
    try { return JSON.parse(text); } catch { /* again, below */ }
    try { return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (m) => (m[0] === '"' ? m : `"${m}"`))); } catch { return null; }
  }
  const isObject = (x) => x !== null && typeof x === "object" && !Array.isArray(x);
  function readJson(name, file, text) {
    const whole = parse(text);
    if (Array.isArray(whole?.log_history)) {
      const { total_flos: flops, global_step: steps } = whole;
      return assemble(label(name), whole.log_history.filter(isObject), 0, flops && steps ? flops / steps : 0);
    }
    const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim()), rows = [];
    for (const [i, line] of lines.entries()) {
      const row = parse(line);
      if (isObject(row)) rows.push(row);
      else if (i === lines.length - 1 && i) break;
      else throw Error(`line ${i + 1} of ${file} is not valid JSON.`);
    }
    const [head] = rows;
    if (head.format !== "pretrain-run-1") return assemble(label(name), rows);
    const full = head.name ? head.name + (head.seed === undefined || head.seed === null ? "" : ` · seed ${head.seed}`) : label(name);
    return { ...assemble(full, rows.slice(1), 6 * (head.parameters ?? 0)), group: head.name || null };
  }
  function table(text, mark) {
    const rows = [[]];
    let cell = "", quoted = false;
    for (let i = 0; i < text.length; i++) {
      const c = text[i];
      if (quoted) {
        if (c !== '"') cell += c;
        else if (text[i + 1] === '"') cell += text[++i];
        else quoted = false;
      } else if (c === '"' && !cell) quoted = true;
      else if (c === mark) { last(rows).push(cell); cell = ""; }
      else if (c === "\n" || c === "\r") {
        if (c === "\r" && text[i + 1] === "\n") i++;
        last(rows).push(cell);
        rows.push([]);
        cell = "";
      } else cell += c;
    }
    if (quoted) return [];
    last(rows).push(cell);
    return rows.filter((row) => row.some((c) => c.trim()));
  }
  function readCsv(name, file, text) {
    const head = text.split("\n", 1)[0], marks = [",", ";", "\t"].map((m) => [head.split(m).length, m]);
    const rows = table(text, marks.reduce((a, b) => (b[0] > a[0] ? b : a))[1]);
    let header = (rows[0] ?? []).map((c) => c.trim());
    const isNumber = (c) => asNumber(c) !== null;
    if (header.length && header.length <= 2 && header.every(isNumber)) rows.unshift(header = ["step", "loss"].slice(-header.length));
    if (rows.length < 2 || header.some(isNumber)) throw Error(`${file} ${UNKNOWN}`);
    const words = new Map(), columns = header.map((key) => [key, []]);
    let made = rows.slice(1).map((cells, i) => {
      if (cells.length !== header.length) throw Error(`line ${i + 2} of ${file} has ${cells.length} fields where the header has ${header.length}.`);
      const row = {};
      for (const [k, [key]] of columns.entries()) {
        if (!cells[k].trim()) continue;
        const value = asNumber(cells[k]);
        if (!words.has(key)) words.set(key, value === null);
        if (words.get(key)) continue;
        if (value === null) throw Error(`line ${i + 2} of ${file}: "${cells[k].trim().slice(0, 20)}" in the column ${key} is not a number.`);
        row[key] = value;
      }
      return row;
    });
    if (header.join().toLowerCase() === "wall time,step,value") {
      const told = /^(?:run-)?(.*?)-?tag-(.*)/.exec(label(name)), tag = told ? told[2] : "value";
      made = made.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k === header[2] ? tag : k, v])));
      return [assemble(told?.[1] || label(name), made)];
    }
    if (!placeOf(header[0]) || !header.some((c) => c.includes(" - "))) return [assemble(label(name), made)];
    const runs = new Map();
    for (const key of header.slice(1)) {
      const cut = key.lastIndexOf(" - "), metric = key.slice(cut + 3);
      if (cut < 0 || placeOf(metric) || /^_|__(MIN|MAX)$/.test(metric)) continue;
      const run = key.slice(0, cut);
      runs.set(run, { ...runs.get(run), [key]: metric });
    }
    if (!runs.size) throw Error(`${header[0]} stands alone: there is no curve beside it.`);
    return [...runs].map(([run, metrics]) => assemble(run, made.map((row) => Object.fromEntries(Object.entries(row)
      .filter(([k]) => k === header[0] || metrics[k]).map(([k, v]) => [metrics[k] ?? k, v]))).filter((row) => Object.keys(row).length > 1)));
  }
  const CRC = Uint32Array.from({ length: 256 }, (_, i) => { for (let k = 0; k < 8; k++) i = (i >>> 1) ^ (i & 1 ? 0x82f63b78 : 0); return i; });
  function maskedCrc(bytes) {
    let crc = -1;
    for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
    crc = ~crc;
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  }
  const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isEvents = (data) => data.length >= 12 && maskedCrc(data.subarray(0, 8)) === view(data).getUint32(8, true);
  function* fields(data) {
    let at = 0;
    const varint = () => { let value = 0, unit = 1; while (at < data.length) { const byte = data[at++]; value += (byte & 127) * unit; unit *= 128; if (byte < 128) break; } return value; };
    while (at < data.length) {
      const key = varint(), kind = key & 7, number = Math.floor(key / 8);
      if (kind === 0) { yield [number, varint()]; continue; }
      const size = kind === 1 ? 8 : kind === 5 ? 4 : varint();
      yield [number, data.subarray(at, at + size)];
      at += size;
    }
  }
  const float = (b) => (b?.length === 4 ? view(b).getFloat32(0, true) : b?.length === 8 ? view(b).getFloat64(0, true) : null);
  function scalar(bytes) {
    let tag = "", number = null;
    for (const [field, content] of fields(bytes)) {
      if (field === 1) tag = new TextDecoder().decode(content);
      else if (field === 2) number = float(content);
      else if (field === 8) {
        const parts = Object.fromEntries(fields(content)), size = { 1: 4, 2: 8 }[parts[1]];
        const raw = parts[4]?.length ? parts[4] : parts[{ 1: 5, 2: 6 }[parts[1]]];
        number = size && raw?.length === size ? float(raw) : null;
      }
    }
    return number === null ? null : [tag, number];
  }
  function eventRows(file, data) {
    const rows = [], u32 = (at) => view(data).getUint32(at, true);
    for (let at = 0; at + 12 <= data.length;) {
      const wrong = () => Error(`${file} is damaged at byte ${at}: a checksum is wrong.`);
      if (maskedCrc(data.subarray(at, at + 8)) !== u32(at + 8)) throw wrong();
      const end = at + 12 + u32(at) + u32(at + 4) * 2 ** 32;
      if (end + 4 > data.length) break;
      const event = data.subarray(at + 12, end), where = { wall_time: 0, step: 0 }, found = [];
      if (maskedCrc(event) !== u32(end)) throw wrong();
      for (const [number, value] of fields(event)) {
        if (number === 1) where.wall_time = float(value);
        else if (number === 2) where.step = value;
        else if (number === 5) for (const [inner, one] of fields(value)) if (inner === 1) found.push(scalar(one));
      }
      for (const one of found) if (one) rows.push({ ...where, [one[0]]: one[1] });
      at = end + 4;
    }
    return rows;
  }
  // The runs in a file: its name, or the end of its path, and its bytes.
  function readRuns(name, data) {
    const file = last(name.replaceAll("\\", "/").split("/")), text = () => new TextDecoder().decode(data);
    if (data.length < 64 && !text().trim()) throw Error(`${file} is empty: there is no curve in it.`);
    if (file.includes("tfevents") || isEvents(data)) return [assemble(label(name), eventRows(file, data))];
    if (data.includes(0)) throw Error(`${file} ${UNKNOWN}`);
    const found = text();
    if (!found.trim()) throw Error(`${file} is empty: there is no curve in it.`);
    return found.trimStart().startsWith("{") ? [readJson(name, file, found)] : readCsv(name, file, found);
  }
  return { readRuns };
};

// What is shown.
const XS = { step: "step", tokens: "tokens", seconds: "seconds", flops: "FLOPs" };
const UNITS = {
  nats: ["nats", (v) => v], bits: ["bits", (v) => v / Math.LN2], perplexity: ["perplexity", exp],
  bpb: ["bits per byte", (v, bytes) => v / Math.LN2 / bytes],
};
const COLORS = ["causal", "masked", "prefix", "span", "corrupted", "scored"], GLYPHS = ["●", "■", "▲", "◆", "▼", "✚", "★"];
const HASH = "#loss-curves-";
const LINKED = { metric: "", x: XS, unit: UNITS, smoothing: SMOOTH, strength: 0, x_log: true, y_log: true, marks: true, fit: true, bands: true, view: [], hidden: [] };
const TRAITS = [...Object.keys(LINKED), "floor", "bytes_per_token", "runs"];
const memory = new WeakMap(); // what was computed once for a curve
function once(series, key, make) {
  if (!memory.has(series)) memory.set(series, new Map());
  const known = memory.get(series);
  if (!known.has(key)) {
    if (key.startsWith("smooth")) for (const k of known.keys()) if (k.startsWith("smooth")) known.delete(k);
    try { known.set(key, make()); } catch (error) { known.set(key, { error: error.message }); }
  }
  return known.get(key);
}
const numbers = (x) => (x instanceof DataView ? new Float64Array(x.buffer.slice(x.byteOffset, x.byteOffset + x.byteLength)) : x && Float64Array.from(x));
const unpacked = new WeakMap();
function unpack(runs) { // the runs that Python sent, as arrays
  if (!unpacked.has(runs)) unpacked.set(runs, runs.map((run) => ({ ...run, series: Object.fromEntries(Object.entries(run.series).map(([key, s]) =>
    [key, Object.fromEntries(Object.entries(s).map(([k, x]) => [k, numbers(x)]))])) })));
  return unpacked.get(runs);
}
const isObject = (x) => x !== null && typeof x === "object" && !Array.isArray(x);
const isLoss = (metric) => /loss/i.test(metric);
// The curves of a metric, with the reason why one cannot be drawn.
function curvesOf(now, runs) {
  return runs.map((run, i) => {
    const series = run.series[now.metric], bytes = run.bytes ?? (now.bytes_per_token || null), unit = isLoss(now.metric) ? now.unit : "nats";
    const x = series?.[now.x], to = UNITS[unit][1], floor = isLoss(now.metric) ? run.floor ?? now.floor : null;
    const why = !series ? `has no ${now.metric}` : !x ? `does not know its ${XS[now.x]}` : unit === "bpb" && !bytes ? "does not know its bytes per token" : "";
    return { run, i, series, x, why, floor, hidden: now.hidden.includes(run.name), unit: (v) => to(v, bytes), color: COLORS[i % COLORS.length], glyph: GLYPHS[i % GLYPHS.length] };
  });
}
function smooth(now, series) { // {at(i), all}: `all` but for a wide bell over many values
  if (now.smoothing === "off") return null;
  return once(series, `smooth ${now.smoothing} ${now.strength}`, () => {
    if (now.smoothing === "gaussian") { const { at, cost } = bell(series.value, now.strength); if (cost > 1e6 && now.strength >= 4) return { at }; }
    const all = SMOOTH[now.smoothing][1](series.value, now.strength, series);
    return { all, at: (i) => all[i] };
  });
}
const lost = (series) => once(series, "lost", () => series.value.reduce((n, v) => n + !finite(v), 0));
const findings = (series) => once(series, "findings", () => analyze(series.value, series.step));
const fitOf = (series) => once(series, "fit", () => powerLaw(series.value, series.step));

// What a page tells of every curve: result() in Python.
function compute(now) {
  return curvesOf(now, unpack(now.runs)).filter((c) => !c.hidden && !c.why).map(({ run, series, unit }) => {
    const n = series.value.length, fit = now.fit ? fitOf(series) : null;
    return {
      name: run.name, points: n, step: series.step[n - 1], value: unit(series.value[n - 1]),
      smoothed: now.smoothing === "off" ? null : unit(smooth(now, series).at(n - 1)),
      notes: now.marks && isLoss(now.metric) ? findings(series).notes ?? [findings(series).error] : [],
      fit: fit && (fit.error ?? [fit.floor, fit.height, fit.exponent]),
    };
  });
}
// Mean, lowest and highest of the runs of a group, at the steps that all of them have.
function band(members, now) {
  const index = members.map(({ series }) => new Map(Array.from(series.step, (s, i) => [s, i])));
  const steps = members[0].series.step.filter((s) => index.every((at) => at.has(s)));
  const rows = Array.from(steps, (s) => members.map(({ series }, m) => { const i = index[m].get(s); return (smooth(now, series) ?? { at: (i) => series.value[i] }).at(i); }));
  const of = (f) => Float64Array.from(rows, f), x = Float64Array.from(steps, (s) => members[0].x[index[0].get(s)]);
  return { ...members[0], x, mean: of(mean), low: of((r) => min(...r)), high: of((r) => max(...r)), n: members.length };
}
const UP = { 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹", "-": "⁻" };
function short(x) {
  const a = abs(x), trim = (v) => String(Number(v.toPrecision(4))).replace("-", "−");
  if (a >= 1e10 || (a && a < 1e-3)) {
    const p = floor(Math.log10(a) + 1e-12), m = trim(x / 10 ** p);
    return `${m === "1" ? "" : `${m}·`}10${[...String(p)].map((c) => UP[c]).join("")}`;
  }
  return a >= 1e6 ? `${trim(x / 1e6)}M` : a >= 1e4 ? `${trim(x / 1e3)}k` : trim(x);
}
function ticks(low, high, logarithmic, count) {
  const found = [];
  if (logarithmic) {
    const decades = Math.log10(high / low);
    for (let p = floor(Math.log10(low)); p <= Math.log10(high); p += max(1, ceil(decades / count))) for (const m of decades > 3 ? [1] : decades > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]) found.push(m * 10 ** p);
  } else {
    const rough = (high - low) / count, unit = 10 ** floor(Math.log10(rough)), step = unit * [1, 2, 2.5, 5, 10].find((m) => m * unit >= rough);
    for (let k = ceil(low / step); k * step <= high; k++) found.push(k * step);
  }
  return found.filter((t) => t >= low && t <= high);
}
const lowerBound = (x, v) => { let a = 0, b = x.length; while (a < b) { const m = (a + b) >> 1; if (x[m] < v) a = m + 1; else b = m; } return a; };
function nearest(x, v) { const i = lowerBound(x, v); return i > 0 && (i === x.length || v - x[i - 1] <= x[i] - v) ? i - 1 : i; }

const reach = (place) => max(1, Math.round(2000 ** (place / 100))); // of the slider

function render({ model, el }) {
  const { root, say, stop: quiet } = kit.frame(el, "Loss curves",
    "Drag over the plot to zoom, with Shift to move along. Arrow keys move the crosshair, + and − zoom. Drop your own logs on it.");
  root.classList.add("pw-curves");
  const act = (values) => state.change(values);
  let own = [], at = null, drag = null, scene = null, later = 0, spoken = "";
  const all = () => {
    const names = new Set(), runs = [...unpack(model.get("runs")), ...own];
    return runs.map((run) => { let name = run.name, k = 2; while (names.has(name)) name = `${run.name} (${k++})`; names.add(name); return name === run.name ? run : Object.assign(run, { name }); });
  };
  const plot = h("canvas", { "aria-hidden": "true" }), over = h("canvas", { "aria-hidden": "true" });
  const stage = h("div", { class: "pw-curves-plot", tabindex: 0, role: "slider", "aria-label": "Crosshair over the curves", "aria-valuenow": 0 }, plot, over);
  const legend = h("div", { class: "pw-choices", role: "group", "aria-label": "Runs" }), note = h("p", { class: "pw-note" }), wrong = h("p", { class: "pw-warning", role: "alert" });
  const body = h("tbody"), head = h("tr"), caption = h("caption"), found = h("ul", { class: "pw-curves-notes" });
  const select = (key, label, options) => kit.select({ label, options: Object.entries(options).map(([k, o]) => [k, [o].flat()[0]]), value: "", onchange: (v) => act(key === "x" ? { x: v, view: [] } : { [key]: v }) });
  const check = (key, label) => kit.checkbox({ label, value: false, onchange: (v) => act({ [key]: v, ...(key === "x_log" && { view: [] }) }) });
  const controls = {
    metric: select("metric", "Curve", {}), x: select("x", "Across", XS), unit: select("unit", "Unit", UNITS), smoothing: select("smoothing", "Smoothing", SMOOTH),
    strength: kit.slider({ label: "Smoothing width", min: 0, max: 100, step: 0.5, value: 50, show: (p) => SMOOTH[model.get("smoothing")][2]?.(reach(p)) ?? "", onchange: (p) => act({ strength: reach(p) }) }),
    bytes_per_token: kit.number({ label: "Bytes per token", min: 0.01, max: 1000, step: 0.01, value: 1, onchange: (v) => act({ bytes_per_token: v }) }),
    x_log: check("x_log", "log across"), y_log: check("y_log", "log upwards"), marks: check("marks", "findings"), fit: check("fit", "power law"), bands: check("bands", "seed bands"),
  };
  const chosen = h("input", { type: "file", id: kit.id(), multiple: true, class: "pw-hidden", onchange: () => { add([...chosen.files]); chosen.value = ""; } });
  const clear = kit.button("Remove mine", () => { own = []; refresh(); });
  root.append(stage, legend, wrong, note,
    h("div", { class: "pw-scroll", tabindex: 0, role: "group", "aria-label": "Values at the crosshair" }, h("table", {}, caption, h("thead", {}, head), body)),
    h("div", { class: "pw-controls" }, ["metric", "x", "unit", "bytes_per_token", "smoothing", "strength"].map((k) => controls[k].node),
      h("div", { class: "pw-control pw-choices pw-wide" }, ["x_log", "y_log", "marks", "fit", "bands"].map((k) => controls[k].node))),
    found,
    h("div", { class: "pw-buttons" }, kit.button("Zoom in", () => zoom(0.5)), kit.button("Zoom out", () => zoom(2)), kit.button("Whole curve", () => act({ view: [] })),
      kit.button("CSV", saveCsv), kit.button("PNG", savePng), h("label", { class: "pw-curves-file", for: chosen.id }, "Add your own runs …"), chosen, clear));

  // Files, dropped or chosen: what cannot be read is told, what was there stays.
  async function add(list) {
    const told = [];
    let count = 0;
    for (const file of list) {
      try { const runs = (await files()).readRuns(file.webkitRelativePath || file.name, new Uint8Array(await file.arrayBuffer())); own.push(...runs); count += runs.length; }
      catch (error) { told.push(error.message); }
    }
    wrong.textContent = told.join(" ");
    const keys = own.length ? Object.keys(last(own).series) : [];
    if (count && !all().some((run) => run.series[model.get("metric")])) act({ metric: keys.find(isLoss) ?? keys[0], view: [] });
    else if (count) act({ view: [] });
    if (count) say(`${kit.count(count, "run")} added.`);
    refresh();
  }
  const drop = (event) => { event.preventDefault(); root.classList.toggle("pw-curves-over", event.type === "dragover"); if (event.type === "drop") add([...event.dataTransfer.files]); };
  for (const type of ["dragover", "dragleave", "drop"]) root.addEventListener(type, drop);

  // The scene: the curves that are drawn, and how values become places.
  function stageScene(now) {
    const curves = curvesOf(now, all()), shown = curves.filter((c) => !c.hidden && !c.why && c.x.length);
    const lx = now.x_log ? log : (v) => v, ly = now.y_log ? log : (v) => v;
    const width = stage.clientWidth || 640, height = width < 480 ? 260 : 340, box = { left: 52, top: 10, right: width - 12, bottom: height - 38 };
    let from = Infinity, to = -Infinity;
    for (const { x } of shown) { from = min(from, now.x_log ? x.find((v) => v > 0) ?? Infinity : x[0]); to = max(to, last(x)); }
    if (!(to >= from)) [from, to] = [1, 10];
    if (to === from) [from, to] = now.x_log ? [from / 2, from * 2] : [from - 1, from + 1];
    const full = [from, to], [a0, b0] = drag?.view ?? now.view;
    if (a0 < b0 && (a0 > 0 || !now.x_log)) [from, to] = [a0, b0];
    const a = lx(from), k = (box.right - box.left) / (lx(to) - a), ps = { from, to, px: (v) => box.left + (lx(v) - a) * k, back: (p) => { const v = a + (p - box.left) / k; return now.x_log ? exp(v) : v; } };
    let low = Infinity, high = -Infinity;
    const see = (v) => { if (finite(v) && (v > 0 || !now.y_log)) { low = min(low, v); high = max(high, v); } };
    for (const c of shown) {
      c.lo = max(0, lowerBound(c.x, from) - 1);
      c.hi = min(c.x.length, lowerBound(c.x, to) + 2);
      c.drawn = now.x_log ? once(c.series, `log ${now.x}`, () => c.x.map(log)) : c.x;
      let l = Infinity, u = -Infinity;
      const y = c.series.value;
      for (let i = c.lo; i < c.hi; i++) { const v = y[i]; if (v < l && v > -Infinity) l = v; if (v > u && v < Infinity) u = v; }
      see(c.unit(l)); see(c.unit(u));
      if (c.floor !== null) see(c.unit(c.floor));
    }
    if (!(high >= low)) [low, high] = [1, 2];
    const pad = (ly(high) - ly(low)) * 0.05 || (now.y_log ? 0.1 : abs(high) * 0.1 || 1), b = ly(low) - pad, m = (box.bottom - box.top) / (ly(high) + pad - b);
    const inverse = now.y_log ? exp : (v) => v;
    return { ...ps, full, now, curves, shown, width, height, box, a, k, py: (v) => box.bottom - (ly(v) - b) * m, low: inverse(b), high: inverse(b + 1 / m * (box.bottom - box.top)) };
  }
  // Lowest and highest in each column of pixels, so that nothing is hidden: a line where
  // columns hold little, else a bar a column, which is drawn much faster.
  function trace(ctx, c, x, y, from = 0, to = x.length) {
    const { box, a, k, py, now } = scene, place = (v) => py(c.unit(v)), bars = to - from > 4 * (box.right - box.left) && !ctx.getLineDash().length, thick = ctx.lineWidth;
    let column = NaN, first, low, high, end, open = false, was = 0;
    const flush = () => {
      if (column !== column) return;
      const p = place(first), q = place(end), top = place(high), bottom = place(low);
      if (bars) {
        const up = open ? min(top, was) : top, down = open ? max(bottom, was) : bottom;
        ctx.fillRect(column, up - thick / 2, 1, down - up + thick);
      } else if (open) ctx.lineTo(column, p); else ctx.moveTo(column, p);
      if (!bars && bottom - top > 0.5) { ctx.lineTo(column, bottom); ctx.lineTo(column, top); ctx.lineTo(column, q); }
      was = q;
      open = true;
    };
    ctx.beginPath();
    for (let i = from; i < to; i++) {
      const v = y[i];
      if (!(v - v === 0) || (now.y_log && v <= 0 && !isLoss(now.metric))) { flush(); column = NaN; open = false; continue; }
      const at = bars ? floor(box.left + (x[i] - a) * k) : Math.round(2 * (box.left + (x[i] - a) * k)) / 2;
      if (at !== column) { flush(); column = at; first = low = high = end = v; } else { if (v < low) low = v; if (v > high) high = v; end = v; }
    }
    flush();
    if (!bars) ctx.stroke();
  }
  function paper(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) { canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio); canvas.style.height = `${height}px`; }
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = "12px system-ui, sans-serif";
    return ctx;
  }
  const style = () => { const css = getComputedStyle(root); return (name) => css.getPropertyValue(`--color-${name}`).trim() || "gray"; };
  function drawPlot() {
    const { now, shown, box, width, height, px, py, from, to, low, high } = scene, color = style(), ctx = paper(plot, width, height);
    ctx.lineWidth = 1;
    ctx.fillStyle = color("muted");
    ctx.strokeStyle = color("grid");
    ctx.textAlign = "right";
    const line = (x1, y1, x2, y2) => { ctx.beginPath(); ctx.moveTo(x1, y1); ctx.lineTo(x2, y2); ctx.stroke(); };
    for (const t of ticks(low, high, now.y_log, 5)) { line(box.left, py(t), box.right, py(t)); ctx.fillText(short(t), box.left - 6, py(t) + 4); }
    ctx.textAlign = "center";
    let free = 0;
    for (const t of ticks(from, to, now.x_log, width / 110)) { line(px(t), box.top, px(t), box.bottom); if (px(t) > free) { const text = short(t); ctx.fillText(text, min(px(t), width - ctx.measureText(text).width / 2), box.bottom + 16); free = px(t) + 44; } }
    ctx.fillText(XS[now.x] + (now.x_log ? " (log)" : ""), (box.left + box.right) / 2, height - 4);
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    ctx.clip();
    const groups = now.bands ? bandsOf(shown, now) : [];
    for (const g of groups) {
      const xs = now.x_log ? g.x.map(log) : g.x, X = (v) => box.left + (v - scene.a) * scene.k;
      ctx.fillStyle = color(g.color); ctx.globalAlpha = 0.2;
      ctx.beginPath();
      xs.forEach((v, i) => ctx.lineTo(X(v), py(g.unit(g.high[i]))));
      for (let i = xs.length - 1; i >= 0; i--) ctx.lineTo(X(xs[i]), py(g.unit(g.low[i])));
      ctx.fill();
      ctx.globalAlpha = 1; ctx.strokeStyle = color(g.color); ctx.lineWidth = 2;
      trace(ctx, g, xs, g.mean);
    }
    for (const c of shown) {
      const { value } = c.series, s = smooth(now, c.series), hue = ctx.strokeStyle = ctx.fillStyle = color(c.color);
      ctx.lineWidth = 1;
      ctx.globalAlpha = s || groups.some((g) => g.run.group === c.run.group) ? 0.45 : 1; // the raw line stays, however the curve is smoothed
      trace(ctx, c, c.drawn, value, c.lo, c.hi);
      ctx.globalAlpha = 1;
      ctx.lineWidth = 2;
      if (s?.all) trace(ctx, c, c.drawn, s.all, c.lo, c.hi);
      else if (s) { // a wide bell: its exact values, so close that nothing happens between
        const seen = [], step = floor(now.strength / 2);
        for (let i = c.lo; i < c.hi; i += step) seen.push(i);
        if (c.hi > c.lo) seen.push(c.hi - 1);
        trace(ctx, c, Float64Array.from(seen, (i) => c.drawn[i]), Float64Array.from(seen, s.at));
      }
      ctx.textAlign = "center";
      const few = c.hi - c.lo <= 40 ? 1 : max(1, floor((c.hi - c.lo) / 6)), offset = few > 1 ? floor(few * (c.i + 1) / (shown.length + 1)) : 0;
      for (let i = c.lo + offset; i < c.hi; i += few) { const v = s ? s.at(i) : value[i]; if (finite(v)) ctx.fillText(c.glyph, px(c.x[i]), py(c.unit(v)) + 4); }
      if (lost(c.series)) for (let i = c.lo, k = 0; i < c.hi && k < 100; i++) if (!finite(value[i])) { k++; ctx.fillText("✕", px(c.x[i]), box.bottom - 4); }
      const fit = fitted(now, c);
      if (fit && !fit.error) {
        ctx.setLineDash([7, 4]);
        ctx.strokeStyle = color("ink");
        trace(ctx, c, c.drawn, once(c.series, "fitted", () => c.series.step.map((s) => (s > 0 ? fit.floor[0] + fit.height[0] * s ** -fit.exponent[0] : NaN))), c.lo, c.hi);
      }
      ctx.lineWidth = 1.5;
      ctx.setLineDash([2, 3]);
      ctx.strokeStyle = hue;
      const f = marksOf(now, c), of = (step) => px(c.x[lowerBound(c.series.step, step)]);
      const stand = (step, text) => { const x = of(step); line(x, box.top, x, box.bottom); ctx.textAlign = x > width - 130 ? "right" : "left"; ctx.fillText(` ${c.glyph} ${text} `, x, box.top + 12 + 14 * c.i); };
      for (const spike of f?.spikes ?? []) {
        let i = lowerBound(c.series.step, spike.start);
        for (let j = i; c.series.step[j] <= spike.end; j++) if (value[j] > value[i]) i = j;
        ctx.textAlign = "center";
        ctx.fillText("▽", px(c.x[i]), max(box.top + 10, py(c.unit(value[i])) - 5));
      }
      if (f?.plateau) stand(f.plateau.start, "flat since here");
      if (f?.divergence) stand(f.divergence.since, "diverges from here");
      ctx.setLineDash([]);
    }
    ctx.fillStyle = ctx.strokeStyle = color("floor");
    ctx.setLineDash([8, 3, 2, 3]);
    ctx.textAlign = "left";
    for (const [y, v] of new Map(shown.filter((c) => c.floor !== null).map((c) => [py(c.unit(c.floor)), c.unit(c.floor)]))) { line(box.left, y, box.right, y); ctx.fillText(`entropy floor ${kit.fixed(v, 3)}`, box.left + 6, y - 4); }
    ctx.setLineDash([]);
    ctx.restore();
  }
  const groupsOf = (shown) => {
    const groups = new Map();
    for (const c of shown) if (c.run.group) groups.set(c.run.group, [...(groups.get(c.run.group) ?? []), c]);
    return [...groups.values()].filter((list) => list.length > 1);
  };
  const bandsOf = (shown, now) => groupsOf(shown).map((list) =>
    once(list[0].series, `band ${now.smoothing} ${now.strength} ${now.x} ${list.map((c) => c.run.name)}`, () => band(list, now))).filter((b) => b.x?.length)
    .map((b, i) => ({ ...b, unit: groupsOf(shown)[i][0].unit }));
  const ready = (series, key, make) => { // at once, or in a moment for a long curve
    if (series.value.length < 20000 || memory.get(series)?.has(key)) return make(series);
    later ||= setTimeout(() => { later = 0; make(series); refresh(); });
    return null;
  };
  const marksOf = (now, c) => (now.marks && isLoss(now.metric) ? ready(c.series, "findings", findings) : null);
  const fitted = (now, c) => (now.fit && isLoss(now.metric) ? ready(c.series, "fit", fitOf) : null);

  // The crosshair and its readout, over the plot: moving it draws no curve again.
  function drawOver() {
    const { now, shown, box, width, height, px, py } = scene, color = style(), ctx = paper(over, width, height);
    if (drag?.to !== undefined && !drag.shift) { ctx.fillStyle = color("causal"); ctx.globalAlpha = 0.2; ctx.fillRect(min(drag.from, drag.to), box.top, abs(drag.to - drag.from), box.bottom - box.top); ctx.globalAlpha = 1; }
    const x = at === null ? null : px(at), inside = x !== null && x >= box.left - 1 && x <= box.right + 1;
    ctx.strokeStyle = color("ink");
    if (inside) { ctx.beginPath(); ctx.moveTo(x, box.top); ctx.lineTo(x, box.bottom); ctx.stroke(); }
    const smoothing = now.smoothing !== "off", floors = shown.some((c) => c.floor !== null);
    const unit = isLoss(now.metric) ? UNITS[now.unit][0] : now.metric, names = ["Run", "step", ...(now.x === "step" ? [] : [XS[now.x]]), unit, ...(smoothing ? ["smoothed"] : []), ...(floors ? ["above floor"] : [])];
    if (head.textContent !== names.join("")) head.replaceChildren(...names.map((name) => h("th", { scope: "col" }, name)));
    const told = [];
    body.replaceChildren(...shown.map((c) => {
      const i = at === null ? c.x.length - 1 : nearest(c.x, at), v = c.unit(c.series.value[i]), s = smoothing ? c.unit(smooth(now, c.series).at(i)) : v;
      if (inside) for (const y of new Set([v, s])) if (finite(y)) { ctx.beginPath(); ctx.arc(px(c.x[i]), py(y), 4, 0, 7); ctx.fillStyle = color(c.color); ctx.fill(); ctx.stroke(); }
      const cells = [short(c.series.step[i]), ...(now.x === "step" ? [] : [short(c.x[i])]), kit.fixed(v, 4), ...(smoothing ? [kit.fixed(s, 4)] : []), ...(floors ? [c.floor === null ? "" : kit.fixed(s - c.unit(c.floor), 4)] : [])];
      told.push(`${c.run.name}: step ${c.series.step[i]}, ${cells[now.x === "step" ? 1 : 2]} ${unit}`);
      return h("tr", {}, h("th", { scope: "row" }, `${c.glyph} ${c.run.name}`), cells.map((cell) => h("td", {}, cell)));
    }));
    caption.textContent = at === null ? "At the end of each run" : `At ${XS[now.x]} ${short(at)}`;
    stage.setAttribute("aria-valuemin", scene.from);
    stage.setAttribute("aria-valuemax", scene.to);
    stage.setAttribute("aria-valuenow", clamp(at ?? scene.to, scene.from, scene.to));
    stage.setAttribute("aria-valuetext", told.join("; ") || "no curve");
  }
  const overlay = kit.drawing(drawOver);

  const lx = (v) => (scene.now.x_log ? log(v) : v), back = (v) => (scene.now.x_log ? exp(v) : v);
  function look(a, b, far = true) { // between two places on the axis, within what there is
    const [low, high] = scene.full.map(lx), size = min(b - a, high - low);
    a = clamp(a, low, high - size);
    if (size < (high - low) * 1e-6) return drag?.view ?? scene.now.view;
    return far && size > (high - low) * 0.999 ? [] : [back(a), back(a + size)];
  }
  const range = () => { const { view } = state.read(); return (view.length ? view : scene.full).map(lx); }; // newer than the scene
  function zoom(factor) {
    const [a, b] = range(), middle = at !== null && lx(at) >= a && lx(at) <= b ? lx(at) : (a + b) / 2, half = (b - a) * factor / 2;
    act({ view: look(middle - half, middle + half) });
  }
  const place = (event) => clamp(event.clientX - stage.getBoundingClientRect().left, scene.box.left, scene.box.right);
  const snap = (p) => {
    const v = scene.back(p), near = scene.shown.map((c) => c.x[nearest(c.x, v)]);
    return near.length ? near.reduce((a, b) => (abs(scene.px(b) - p) < abs(scene.px(a) - p) ? b : a)) : null;
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button || !scene.shown.length) return;
    stage.setPointerCapture(event.pointerId);
    drag = { from: place(event), shift: event.shiftKey, a: lx(scene.from), b: lx(scene.to), k: scene.k };
  });
  stage.addEventListener("pointermove", (event) => {
    const p = place(event);
    if (drag) {
      drag.to = p;
      if (drag.shift) { const by = (drag.from - p) / drag.k; drag.view = look(drag.a + by, drag.b + by, false); refresh(); }
    }
    at = snap(p);
    overlay.soon();
  });
  function release() {
    const { from, to, shift, view: moved } = drag ?? {};
    drag = null;
    if (shift && moved) act({ view: moved });
    else if (!shift && abs(to - from) > 6) act({ view: look(lx(scene.back(min(from, to))), lx(scene.back(max(from, to)))) });
    else overlay.soon();
  }
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", () => { drag = null; refresh(); });
  stage.addEventListener("dblclick", () => act({ view: [] }));
  stage.addEventListener("keydown", (event) => {
    const { key, shiftKey } = event, side = { ArrowRight: 1, ArrowUp: 1, PageUp: 1, ArrowLeft: -1, ArrowDown: -1, PageDown: -1 }[key];
    const main = scene.shown.reduce((a, c) => (a && a.x.length >= c.x.length ? a : c), null);
    if (!main || event.ctrlKey || event.metaKey || event.altKey) return;
    const first = lowerBound(main.x, scene.from), end = nearest(main.x, scene.to), here = at === null ? end : nearest(main.x, at);
    if (key === "+" || key === "=") zoom(0.5);
    else if (key === "-" || key === "_") zoom(2);
    else if (key === "Escape") act({ view: [] });
    else if (shiftKey && side) { const [a, b] = range(), by = side * (b - a) / 10; act({ view: look(a + by, b + by) }); }
    else if (side || key === "Home" || key === "End") {
      const by = key.startsWith("Page") ? max(1, kit.round((end - first) / 20)) : 1;
      at = main.x[side ? clamp(here + side * by, 0, main.x.length - 1) : key === "Home" ? first : end];
      if (at < scene.from || at > scene.to) { const b = lx(scene.to) - lx(scene.from); act({ view: look(lx(at) - b / 2, lx(at) + b / 2) }); }
      overlay.soon();
    } else return;
    event.preventDefault();
  });

  // Out: what is shown, as numbers, as a picture, as an address.
  function download(name, blob) {
    const a = h("a", { download: name, href: URL.createObjectURL(blob) });
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10000);
  }
  function saveCsv() {
    const { now, shown } = scene, lines = [["run", "step", "tokens", "seconds", "flops", isLoss(now.metric) ? `${now.metric} (${UNITS[now.unit][0]})` : now.metric, "smoothed"].join()];
    for (const c of shown) {
      const s = smooth(now, c.series), { step, tokens, seconds, flops, value } = c.series, name = `"${c.run.name.replaceAll('"', '""')}"`;
      for (let i = 0; i < step.length; i++) lines.push([name, step[i], tokens?.[i], seconds?.[i], flops?.[i], c.unit(value[i]), s ? c.unit(s.at(i)) : ""].join());
    }
    download("curves.csv", new Blob([lines.join("\n"), "\n"], { type: "text/csv" }));
  }
  function savePng() {
    const ratio = plot.width / scene.width, canvas = h("canvas", { width: plot.width, height: plot.height + 20 * ratio * (scene.shown.length + 1) }), ctx = canvas.getContext("2d"), color = style();
    ctx.fillStyle = color("paper");
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(plot, 0, 0);
    ctx.scale(ratio, ratio);
    ctx.font = "13px system-ui, sans-serif";
    scene.shown.forEach((c, i) => { ctx.fillStyle = color(c.color); ctx.fillText(`${c.glyph} ${c.run.name}`, 52, scene.height + 18 + 20 * i); });
    canvas.toBlob((blob) => download("curves.png", blob));
  }
  const number = () => [...document.querySelectorAll(".pw-curves")].indexOf(root);
  async function saveLink() {
    const parts = new URLSearchParams(Object.keys(LINKED).map((key) => [key, JSON.stringify(model.get(key))]));
    const page = root.closest(".pw-host");
    if (page) location.replace(`${HASH}${number()}?${parts}`);
    try { if (page) await navigator.clipboard.writeText(location.href); } catch { /* closed */ }
    linked.textContent = page ? "The address of this page leads to this view now." : "Addresses lead to views in the pages of the book.";
    say(linked.textContent);
  }
  function linkedState() { // what an address asks for, as far as it makes sense
    const [name, text] = decodeURI(location.hash).split("?"), values = {};
    if (name !== HASH + number() || !text) return values;
    for (const [key, json] of new URLSearchParams(location.hash.split("?").slice(1).join("?"))) {
      let v;
      try { v = JSON.parse(json); } catch { continue; }
      const kind = LINKED[key];
      const fits = isObject(kind) ? typeof v === "string" && Object.hasOwn(kind, v) : key === "hidden" ? Array.isArray(v) && v.every((x) => typeof x === "string")
        : Array.isArray(kind) ? Array.isArray(v) && (!v.length || (v.length === 2 && v.every(finite) && v[0] < v[1])) : key === "strength" ? v >= 1 && v <= 2000 : kind !== undefined && typeof v === typeof kind;
      if (fits) values[key] = v;
    }
    return values;
  }
  const linked = h("span", { class: "pw-note" });
  root.lastChild.append(kit.button("Link", saveLink), linked);
  const onhash = () => { const values = linkedState(); if (Object.keys(values).length) act(values); };
  window.addEventListener("hashchange", onhash);
  for (const [key, value] of Object.entries(linkedState())) model.set(key, value);

  function draw(now) {
    const runs = all(), metrics = [...new Set(runs.flatMap((run) => Object.keys(run.series)))], { metric } = controls;
    if (metric.names !== metrics.join("\n")) { metric.names = metrics.join("\n"); metric.input.replaceChildren(...metrics.map((key) => h("option", { value: key }, key))); }
    for (const key of Object.keys(controls)) controls[key].set(key === "strength" ? 100 * log(now.strength) / log(2000) : now[key]);
    controls.unit.input.disabled = !isLoss(now.metric);
    controls.bytes_per_token.node.hidden = now.unit !== "bpb" || runs.every((run) => run.bytes);
    controls.strength.enable(now.smoothing !== "off");
    scene = stageScene(now);
    const { curves, shown } = scene, list = curves.map((c) => `${c.glyph}${c.run.name}`).join("\n");
    if (legend.list !== list) {
      legend.list = list;
      legend.boxes = curves.map((c) => {
        const box = kit.checkbox({ label: h("span", { style: `color: var(--color-${c.color})` }, `${c.glyph} ${c.run.name}`), value: true, onchange: (on) => act({ hidden: on ? model.get("hidden").filter((n) => n !== c.run.name) : [...model.get("hidden"), c.run.name] }) });
        legend.append(box.node);
        return box;
      });
      legend.replaceChildren(...legend.boxes.map((box) => box.node));
    }
    curves.forEach((c, i) => legend.boxes[i].set(!c.hidden));
    clear.hidden = !own.length;
    drawPlot();
    drawOver();
    const notes = curves.filter((c) => c.why && !c.hidden).map((c) => `${c.run.name} ${c.why}.`), items = [];
    if (!runs.length) notes.push("There is no run yet: drop a file here, or choose one.");
    if (now.bands && shown.length > 1 && groupsOf(shown).length) notes.push("A band reaches from the lowest to the highest of the runs of one experiment; its line is their mean.");
    for (const c of shown) {
      const f = marksOf(now, c), fit = fitted(now, c), bad = lost(c.series), name = shown.length > 1 ? `${c.glyph} ${c.run.name}: ` : "";
      const heavy = c.series.value.length >= 20000, told = f ? [...(f.notes ?? [`${f.error}.`])] : bad ? [`✕ ${kit.count(bad, "value")} not finite.`] : [];
      if (!f && now.marks && heavy && isLoss(now.metric)) told.push("Looking at the curve …");
      if (told.length > 6) told.splice(4, told.length - 5, `… and ${told.length - 5} more.`);
      if (fit) {
        const show = ([v, a, b]) => `${kit.fixed(v, 3)} (${kit.fixed(a, 3)} to ${kit.fixed(b, 3)})`, end = last(c.series.step);
        told.push(fit.error ? `No power law: ${fit.error}.` : `Power law, 95 % intervals: floor ${show(fit.floor)} nats, height ${show(fit.height)}, exponent ${show(fit.exponent)}; at step ${short(10 * end)} it would be at ${show(fit.predict(10 * end))} nats.`);
      }
      items.push(...told.map((text) => name + text));
    }
    note.textContent = notes.join(" ");
    if (found.told !== items.join("\n")) { found.told = items.join("\n"); found.replaceChildren(...items.map((text) => h("li", {}, text))); }
    const view = now.view.length ? `From ${short(scene.from)} to ${short(scene.to)} ${XS[now.x]}.` : `${kit.count(shown.length, "curve")}.`;
    if (view !== spoken) say(spoken = view); // not every time that the same is drawn
  }
  const loop = kit.drawing(() => draw(state.read())), refresh = () => state && loop.soon();
  let state = null;
  state = kit.follow(model, TRAITS, draw);
  const unwatch = kit.onwidth(stage, refresh), theme = new MutationObserver(refresh);
  for (const node of [document.documentElement, document.body]) theme.observe(node, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "class"] });
  return () => {
    for (const it of [state, loop, overlay]) it.stop();
    clearTimeout(later);
    unwatch();
    theme.disconnect();
    window.removeEventListener("hashchange", onhash);
    quiet();
  };
}

export default { render, compute, analyze, powerLaw, smooth, files };
