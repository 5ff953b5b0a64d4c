"use strict";
(() => {
  // All texts of a study are data: they are set as text, and escaped where Plotly would read markup in them.
  const studies = JSON.parse(document.getElementById("data").textContent).studies;
  const main = document.getElementById("main");
  const NAMES = { C: "complete", P: "pruned", F: "failed", R: "running", W: "waiting" };
  const MARKS = { C: "●", P: "▲", F: "✕", R: "▶", W: "○" };
  const MAX_POINTS = 2500;
  const MAX_LINES = 400;
  const MAX_PARAMS = 16;
  const ROWS = 50;
  // Cividis: the same order of lightness for every kind of colour vision.
  const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
  const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999"];
  const DARK_PALETTE = ["#56b4e9", "#e69f00", "#3ecfa4", "#cc79a7", "#f0e442", "#d55e00", "#bbbbbb"];

  // --- elements and texts -------------------------------------------------------------------------------------------

  function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "text") element.textContent = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
    return element;
  }
  const esc = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const shorten = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
  function fmt(value, digits = 5) {
    if (value === null || value === undefined) return "";
    if (typeof value !== "number") return String(value);
    if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(Math.max(digits - 2, 1)).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(value.toPrecision(digits)));
  }
  function span(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds < 10) return seconds.toFixed(1) + " s";
    if (seconds < 60) return Math.round(seconds) + " s";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min " + Math.round(seconds % 60) + " s";
    if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
    return Math.floor(seconds / 86400) + " d " + Math.floor((seconds % 86400) / 3600) + " h";
  }
  const local = (iso) => (iso === null ? "" : new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }));
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

  // --- drawing ------------------------------------------------------------------------------------------------------

  const drawn = new Map();
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "400px" });
  function draw(element) {
    const make = drawn.get(element);
    if (!make) return;
    const { data, layout } = make();
    Plotly.react(element, data, themed(layout), { responsive: true, displaylogo: false, displayModeBar: false });
    element.dataset.drawn = "1";
  }
  function plot(make, height, label) {
    const element = h("div", { class: "plot", role: "img", "aria-label": label });
    element.style.height = height + "px";
    drawn.set(element, make);
    seen.observe(element);
    return element;
  }
  function redraw() {
    for (const element of drawn.keys()) if (element.dataset.drawn) draw(element);
  }
  function axis(extra) {
    return { gridcolor: css("--grid"), linecolor: css("--line"), zeroline: false, automargin: true, tickfont: { size: 11 }, ...extra };
  }
  function themed(layout) {
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 44, r: 12, t: 8, b: 36 },
      font: { color: css("--ink"), family: getComputedStyle(document.body).fontFamily, size: 12 },
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink") }, align: "left" },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, dragmode: false, hovermode: "closest",
    };
    return { ...base, ...layout };
  }
  /* A logarithmic axis with the same few labels as the other axes: Plotly writes powers in a larger font. */
  function logAxis(param) {
    if (!(param.low > 0) || !(param.high > param.low)) return {};
    const { places, texts } = axisTicks(param.low, param.high, true, false);
    const pad = 0.03 * Math.log10(param.high / param.low);
    return { tickvals: places, ticktext: texts, range: [Math.log10(param.low) - pad, Math.log10(param.high) + pad] };
  }
  function paramAxis(param) {
    const title = { text: esc(shorten(param.name, 40)), font: { size: 12 } };
    if (param.kind === "choice") return axis({ title, type: "category", categoryorder: "array", categoryarray: param.choices.map((c) => esc(shorten(c, 18))), range: [-0.5, param.choices.length - 0.5] });
    if (param.log) return axis({ title, type: "log", ...logAxis(param) });
    return axis({ title, nticks: 6 });
  }
  function shownValue(param, value) {
    return param.kind === "choice" ? (value === null ? null : esc(shorten(param.choices[value], 18))) : value;
  }

  // --- what is known of a study ---------------------------------------------------------------------------------------

  /* A study seen by one of its objectives. */
  function prepared(whole, objective = 0) {
    const study = objective ? { ...whole, ...whole.others[objective - 1] } : whole;
    const t = study.trials;
    const values = t.values[objective];
    const n = t.number.length;
    const infeasible = new Set(t.infeasible);
    const sign = study.directions[objective] === "minimize" ? 1 : -1;
    const rows = Array.from({ length: n }, (_, i) => i);
    const good = rows.filter((i) => t.state[i] === "C" && isNumber(values[i]));
    const byValue = [...good].sort((a, b) => sign * (values[a] - values[b]));
    const rank = new Float64Array(n).fill(NaN);
    byValue.forEach((i, place) => { rank[i] = good.length > 1 ? place / (good.length - 1) : 0; });
    return { study, t, n, objective, values, metric: study.metrics[objective], infeasible, sign, rows, good, byValue, rank, best: new Set(study.best), single: study.directions.length === 1,
             row: new Map(t.number.map((number, i) => [number, i])) };
  }
  function thinned(rows, count, keep) {
    if (rows.length <= count) return rows;
    const step = rows.length / count;
    return rows.filter((i, place) => keep(i) || Math.floor(place / step) !== Math.floor((place - 1) / step));
  }
  function describe(s, i) {
    const lines = [`<b>Trial ${s.t.number[i]}</b> ${NAMES[s.t.state[i]]}`];
    s.study.metrics.forEach((name, k) => { if (s.t.values[k][i] !== null) lines.push(`${esc(shorten(name, 30))}: ${fmt(s.t.values[k][i])}`); });
    s.study.params.slice(0, 8).forEach((param, k) => {
      const value = s.t.params[k][i];
      if (value !== null) lines.push(`${esc(shorten(param.name, 30))}: ${param.kind === "choice" ? shownValue(param, value) : fmt(value)}`);
    });
    return lines.join("<br>");
  }
  /* What an axis of values shows: from the best to well above most of the others; the rest is drawn at the edge. */
  function limits(s, metric = s.objective, rows = s.good) {
    const values = rows.map((i) => s.t.values[metric][i]).filter(isNumber).sort((a, b) => a - b);
    if (!values.length) return null;
    const sign = s.study.directions[metric] === "minimize" ? 1 : -1;
    const at = (q) => values[Math.min(Math.floor(q * values.length), values.length - 1)];
    const edge = sign > 0 ? at(0) : at(0.9999);
    const bulk = sign > 0 ? at(0.9) : at(0.1);
    const far = sign > 0 ? values[values.length - 1] : values[0];
    let end = bulk + 0.6 * (bulk - edge);
    if (Math.abs(far - edge) <= 1.5 * Math.abs(end - edge) || end === edge) end = far;
    const pad = 0.05 * (Math.abs(end - edge) || Math.abs(edge) || 1);
    const low = Math.min(edge, end) - pad, high = Math.max(edge, end) + pad;
    const [first, last] = sign > 0 ? [low, end] : [end, high];
    return { low, high, end, clip: (v) => Math.min(Math.max(v, first), last), above: (v) => v > last, below: (v) => v < first };
  }

  // --- the head -------------------------------------------------------------------------------------------------------

  function hero(s) {
    const study = s.study;
    const counts = study.counts;
    const left = h("div");
    if (s.single) {
      const number = study.best[0];
      const i = number === undefined ? undefined : s.row.get(number);
      left.append(h("div", { class: "label", text: `Best ${study.metrics[0]} (${study.directions[0]}d)` }));
      left.append(h("div", { class: "figure", id: "best", text: i === undefined ? "none yet" : fmt(s.values[i], 6) }));
      left.append(gain(s, i));
      if (study.best_params) {
        // Of very many the most important come first, and the others can be opened.
        const entries = Object.entries(study.best_params), important = Object.keys(study.importances);
        const place = ([name]) => { const at = important.indexOf(name); return at < 0 ? 1e9 : at; };
        if (entries.length > MAX_PARAMS) entries.sort((a, b) => place(a) - place(b));
        const parts = entries.map(([name, value]) =>
          h("span", {}, h("i", { text: name + " " }), shorten(typeof value === "string" ? value : fmt(typeof value === "object" ? JSON.stringify(value) : value), 60)));
        left.append(h("div", { class: "params", "aria-label": "Best parameters" }, parts.slice(0, MAX_PARAMS)));
        const rest = parts.slice(MAX_PARAMS);
        if (rest.length) left.append(h("details", { class: "further" }, h("summary", { text: `and ${rest.length} more` }), h("div", { class: "params" }, rest)));
      }
    } else {
      left.append(h("div", { class: "label", text: "Pareto front of " + study.metrics.join(" and ") }));
      left.append(h("div", { class: "figure", id: "best", text: `${study.best.length} trials` }));
      const ends = study.metrics.map((name, k) => extreme(s, name, k)).filter(Boolean);
      if (ends.length) left.append(h("div", { class: "params", "aria-label": "Ends of the front" }, ends));
    }
    const costText = (cost, amount) => cost.of === "duration" ? span(amount) : `${fmt(amount, 6)} ${cost.of}`;
    const tile = (value, text, bad) => h("div", { class: "tile" + (bad ? " bad" : "") }, h("b", { text: value }), h("small", { text }));
    const tiles = h("div", { class: "tiles" },
      tile(study.budget ? `${study.finished} / ${study.budget}` : String(study.finished), "trials ended" + (counts.RUNNING ? `, ${counts.RUNNING} running` : "")),
      tile(String(counts.FAIL), counts.FAIL === 1 ? "failure" : "failures", counts.FAIL > 0),
      tile(String(counts.PRUNED), "pruned"),
      tile(span(study.seconds_spent), "of jobs" + (study.wall ? ` in ${span(study.wall)}` : "")),
      ...(study.cost ? [tile(costText(study.cost, study.cost.spent) + (study.cost.max_cost === null ? "" : " / " + costText(study.cost, study.cost.max_cost)),
        "spent" + (study.cost.per_trial === null ? "" : `, ${costText(study.cost, study.cost.per_trial)} per trial`))] : []),
      tile(study.seconds_saved > 0 ? span(study.seconds_saved) : "–", "saved by pruning"),
      study.expected_end ? tile(span((new Date(study.expected_end) - new Date(study.at)) / 1000), "left, until " + local(study.expected_end)) : tile(counts.RUNNING ? "–" : "ended", "expected end"));
    const card = h("section", { class: "card hero", "aria-label": "Summary" }, left, tiles);
    if (study.sure.length) card.append(h("div", { class: "notes", id: "sure" }, study.sure.map((text) => h("div", { text }))));
    if (study.stopped) card.append(h("div", { class: "notes", id: "stopped", text: `Stopped by itself: ${study.stopped}.` }));
    if (study.hints.length) card.append(h("div", { class: "notes", id: "hints" }, study.hints.map((text) => h("div", { text: "Hint: " + text }))));
    if (study.command) {
      const said = h("span", { "aria-live": "polite" });
      const code = h("code", { text: study.command, tabindex: "0", "aria-label": "Command that runs the best trial" });
      const copy = h("button", { type: "button", text: "Copy", "aria-label": "Copy the command", onclick: () => {
        const done = () => { copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500); };
        if (navigator.clipboard) navigator.clipboard.writeText(study.command).then(done, () => select(code));
        else select(code);
      } });
      card.append(h("div", { class: "command" }, code, copy, said));
    }
    return card;
  }
  /* The front's best value of one objective. */
  function extreme(s, name, k) {
    const sign = s.study.directions[k] === "minimize" ? 1 : -1;
    const rows = s.study.best.map((number) => s.row.get(number)).filter((i) => i !== undefined && isNumber(s.t.values[k][i]));
    if (!rows.length) return null;
    const i = rows.reduce((a, b) => (sign * s.t.values[k][b] < sign * s.t.values[k][a] ? b : a));
    return h("span", {}, h("i", { text: `best ${shorten(name, 30)} ` }), `${fmt(s.t.values[k][i])}, trial ${s.t.number[i]}`);
  }
  /* With several objectives, which of them the pictures below are about. */
  function objectives(s) {
    if (s.single) return null;
    const count = 1 + s.study.others.length;
    const buttons = s.study.metrics.slice(0, count).map((name, k) => h("button", {
      type: "button", "aria-pressed": String(k === s.objective), text: `${shorten(name, 30)} (${s.study.directions[k]})`, onclick: () => view(k) }));
    return h("section", { class: "card wide controls choice", "aria-label": "Objective of the pictures below" }, h("span", { class: "label", text: "The pictures below are about" }), buttons);
  }
  const about = (s) => (s.single ? "" : ` of ${s.metric}`);
  function select(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }
  function gain(s, i) {
    const base = s.study.baseline;
    if (i === undefined || !base || base.number === s.t.number[i]) return h("div", { class: "gain none", text: i === undefined ? "" : `trial ${s.t.number[i]}` });
    const from = `${base.what}: ${fmt(base.values[0])}`;
    if (s.study.gain === null || typeof s.study.gain !== "number") return h("div", { class: "gain none", text: `trial ${s.t.number[i]}; ${from}` });
    const share = s.study.gain * 100;
    return h("div", {}, h("span", { class: "gain", text: `${share >= 10 ? Math.round(share) : share.toPrecision(2)} % better than ${base.what}` }),
             h("span", { class: "label", text: ` (${fmt(base.values[0])}), trial ${s.t.number[i]}` }));
  }

  // --- plots ------------------------------------------------------------------------------------------------------------

  function card(title, note, ...content) {
    return h("section", { class: "card" }, h("h2", { text: title }), note ? h("p", { class: "note", text: note }) : null, ...content);
  }
  function bestSteps(s) {
    const x = [], y = [];
    let best = null;
    for (const i of s.good) {
      const value = s.values[i];
      if (!s.infeasible.has(s.t.number[i]) && (best === null || s.sign * value < s.sign * best)) { best = value; x.push(s.t.number[i]); y.push(best); }
    }
    if (x.length) { x.push(s.t.number[s.n - 1]); y.push(best); }
    return { x, y };
  }
  function history(s) {
    const dots = s.rows.filter((i) => "CP".includes(s.t.state[i]) && isNumber(s.values[i]));
    const outside = (limit) => dots.filter((i) => limit.above(s.values[i]) || limit.below(s.values[i])).length;
    let bounds = limits(s);
    if (!bounds) return null;
    // Reports of pruned trials do not stretch the picture, unless most of it would lie outside.
    if (outside(bounds) > 0.25 * dots.length) bounds = limits(s, s.objective, dots);
    const improved = new Set(bestSteps(s).x);
    const make = () => {
      const groups = [
        ["complete", s.good.filter((i) => !s.infeasible.has(s.t.number[i])), "circle", css("--accent"), 0.55],
        ["infeasible", s.good.filter((i) => s.infeasible.has(s.t.number[i])), "circle-open", css("--soft"), 0.8],
        ["pruned", s.rows.filter((i) => s.t.state[i] === "P" && isNumber(s.values[i])), "triangle-up-open", css("--warn"), 0.8],
      ];
      const data = groups.filter(([, rows]) => rows.length).map(([name, all, symbol, color, opacity]) => {
        const rows = thinned(all, MAX_POINTS, (i) => improved.has(s.t.number[i]));
        return { type: "scatter", mode: "markers", name, x: rows.map((i) => s.t.number[i]), y: rows.map((i) => bounds.clip(s.values[i])),
          text: rows.map((i) => describe(s, i)), hovertemplate: "%{text}<extra></extra>",
          marker: { color, opacity, size: rows.length > 500 ? 4 : 7, symbol: rows.map((i) => (bounds.above(s.values[i]) ? "arrow-up" : bounds.below(s.values[i]) ? "arrow-down" : symbol)) } };
      });
      const steps = bestSteps(s);
      data.push({ type: "scatter", mode: "lines", name: "best so far", x: steps.x, y: steps.y, line: { shape: "hv", width: 2.5, color: css("--ink") }, hoverinfo: "skip" });
      return { data, layout: { xaxis: axis({ title: { text: "trial", font: { size: 12 } } }), yaxis: axis({ title: { text: esc(s.metric), font: { size: 12 } }, range: [bounds.low, bounds.high] }) } };
    };
    const beyond = outside(bounds);
    const note = beyond === 1 ? "One value lies outside of the picture; an arrow at its edge stands for it." : beyond ? `${beyond} values lie outside of the picture; arrows at its edge stand for them.` : "";
    return card("History" + about(s), note, plot(make, 340, "Values of the trials in order, and the best so far"));
  }
  function importances(s) {
    const entries = Object.entries(s.study.importances).slice(0, 15);
    if (!entries.length) return null;
    const make = () => ({
      data: [{ type: "bar", orientation: "h", x: entries.map((e) => e[1]).reverse(), y: entries.map((e) => esc(shorten(e[0], 32))).reverse(),
               text: entries.map((e) => e[1].toFixed(2)).reverse(), textposition: "outside", cliponaxis: false, marker: { color: css("--accent") }, hoverinfo: "none" }],
      layout: { margin: { l: 44, r: 40, t: 4, b: 30 }, bargap: 0.35, xaxis: axis({ range: [0, 1.1 * Math.max(...entries.map((e) => e[1]), 0.01)], nticks: 5 }), yaxis: axis({ ticksuffix: " " }) },
    });
    return card("Importances" + (s.single ? "" : ` for ${s.metric}`), "How much each parameter decides about being among the best trials.", plot(make, Math.max(90 + 26 * entries.length, 150), "Importance of each parameter"));
  }
  function colour(share) {
    const place = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
    const low = Math.floor(place), rest = place - low;
    const mix = (a, b) => Math.round(a + (b - a) * rest);
    const parts = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
    const [a, b] = [parts(CIVIDIS[low]), parts(CIVIDIS[Math.min(low + 1, CIVIDIS.length - 1)])];
    return `rgb(${a.map((v, k) => mix(v, b[k])).join(",")})`;
  }
  /* The best are the colour that stands out: dark on a light page, light on a dark one. */
  const isDark = () => document.documentElement.dataset.theme === "dark";
  const rankColour = (rank) => colour(isDark() ? 1 - rank : rank * 0.92);
  function parallel(s) {
    const params = s.study.params.map((param, k) => ({ ...param, k })).filter((param) => s.good.some((i) => s.t.params[param.k][i] !== null));
    if (params.length < 2 || s.good.length < 2) return null;
    const important = Object.keys(s.study.importances);
    const place = (param) => { const at = important.indexOf(param.name); return at < 0 ? 1e9 : at; };
    params.sort((a, b) => place(a) - place(b));
    const shown = params.slice(0, 12);
    const half = s.byValue.slice(0, MAX_LINES / 2);
    const rest = thinned(s.byValue.slice(MAX_LINES / 2), MAX_LINES / 2, () => false);
    const rows = [...half, ...rest].reverse();
    const holder = h("div", { class: "scroll" });
    const make = () => { holder.replaceChildren(drawParallel(s, shown, rows)); };
    make();
    themeListeners.push(make);
    const scale = h("span", { class: "scale" });
    const paint = () => { scale.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(rankColour).join(",")})`; };
    paint();
    themeListeners.push(paint);
    const note = h("p", { class: "note" }, "One line a trial, coloured by rank" + (s.single ? "" : ` in ${s.metric}`) + ": best", scale, "worst.",
      rows.length < s.good.length ? ` The best ${half.length} and a part of the others.` : "");
    return h("section", { class: "card wide" }, h("h2", { text: "Parallel coordinates" }), note, holder);
  }
  function svg(tag, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function drawParallel(s, params, rows) {
    const axes = [...params.map((param) => ({ name: param.name, ...paramScale(s, param, rows), at: (i) => s.t.params[param.k][i] })),
                  ...s.study.metrics.map((name, k) => ({ name, ...valueScale(limits(s, k)), at: (i) => s.t.values[k][i] }))];
    const room = Math.max(main.clientWidth - 78, 280), height = 300, top = 34, left = 58, right = 56;
    const gap = Math.max(104, (room - left - right) / (axes.length - 1));
    const width = left + gap * (axes.length - 1) + right;
    const root = svg("svg", { class: "parallel", viewBox: `0 0 ${width} ${height + top + 14}`, width, height: height + top + 14, role: "img", "aria-label": "Parallel coordinates" });
    const y = (share) => top + height * (1 - share);
    for (const i of rows) {
      let path = "", pen = false;
      axes.forEach((one, k) => {
        const value = one.at(i);
        if (value === null || !Number.isFinite(one.share(value))) { pen = false; return; }
        path += `${pen ? "L" : "M"}${(left + gap * k).toFixed(1)} ${y(one.share(value)).toFixed(1)}`;
        pen = true;
      });
      const line = svg("path", { d: path, stroke: rankColour(s.rank[i]), opacity: (0.85 - 0.5 * s.rank[i]).toFixed(2) });
      if (s.best.has(s.t.number[i])) line.setAttribute("style", "stroke-width:3");
      const title = svg("title", {}, `Trial ${s.t.number[i]}: ${fmt(s.values[i])}`);
      line.append(title);
      line.addEventListener("mouseenter", () => line.classList.add("hot"));
      line.addEventListener("mouseleave", () => line.classList.remove("hot"));
      root.append(line);
    }
    axes.forEach((one, k) => {
      const x = left + gap * k;
      root.append(svg("line", { class: "axis", x1: x, x2: x, y1: top, y2: top + height, "stroke-width": 1.5 }));
      root.append(svg("text", { class: "name", x, y: 16, "text-anchor": "middle" }, shorten(one.name, Math.floor(gap / 8.5))));
      for (const [share, label] of one.ticks) root.append(svg("text", { x: x - 5, y: y(share) + 4, "text-anchor": "end" }, shorten(label, 9)));
    });
    return root;
  }
  function paramScale(s, param, rows) {
    if (param.kind === "choice") {
      const count = param.choices.length;
      const share = (index) => (count > 1 ? (index + 0.5) / count : 0.5);
      const every = Math.ceil(count / 20);
      return { share, ticks: param.choices.map((text, index) => [share(index), text]).filter((_, index) => index % every === 0) };
    }
    const values = rows.map((i) => s.t.params[param.k][i]).filter(isNumber);
    return numberScale(param.low ?? Math.min(...values), param.high ?? Math.max(...values), param.log, values.every(Number.isInteger));
  }
  function numberScale(low, high, log, whole) {
    const to = log && low > 0 ? Math.log10 : (v) => v;
    const a = to(low), b = to(high) > a ? to(high) : a + 1;
    const share = (v) => (to(v) - a) / (b - a);
    const { places, texts } = axisTicks(low, high, log, whole);
    return { share, ticks: places.map((v, k) => [share(v), texts[k]]) };
  }
  /* A few round numbers, with as many digits as tell them apart. */
  function axisTicks(low, high, log, whole) {
    const decades = log && low > 0 ? Math.log10(high / low) : 0;
    let places;
    if (decades >= 1) {
      const every = Math.max(1, Math.ceil(decades / 6));
      const factors = decades < 2 ? [1, 2, 5] : [1];
      places = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high) + 1e-9; e += every)
        places.push(...factors.map((f) => Number((f * 10 ** e).toPrecision(12))).filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9)));
      if (places.length < 2) places = [low, high];
    } else if (whole && high - low <= 8 && high > low) places = Array.from({ length: high - low + 1 }, (_, k) => low + k);
    else places = nice(low, high, 5);
    let texts;
    for (let digits = 3; digits <= 9; digits += 1) {
      texts = places.map((v) => (Math.abs(v) >= 1e5 ? v.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e") : fmt(v, digits)));
      if (new Set(texts).size === texts.length) break;
    }
    return { places, texts };
  }
  function nice(low, high, count) {
    if (!(high > low)) return [low];
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((f) => f * power).find((f) => f >= rough);
    const ticks = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) ticks.push(Number((k * step).toPrecision(12)));
    return ticks;
  }
  function valueScale(bounds) {
    const scale = numberScale(bounds.low, bounds.high, false, false);
    return { ...scale, share: (v) => Math.min(Math.max(scale.share(v), 0), 1) };
  }
  function slices(s) {
    if (!s.good.length) return null;
    const models = new Map(s.study.slices.map((slice) => [slice.names[0], slice]));
    const bounds = limits(s);
    const important = Object.keys(s.study.importances);
    const place = (name) => { const at = important.indexOf(name); return at < 0 ? 1e9 : at; };
    const params = s.study.params.map((param, k) => ({ ...param, k })).sort((a, b) => place(a.name) - place(b.name)).slice(0, 18);
    const plots = params.map((param) => plot(() => oneSlice(s, param, models.get(param.name), bounds), 250, `Slice along ${param.name}`));
    if (!plots.length) return null;
    const note = models.size ? "Points are trials. The line is what a model expects, averaged over the other parameters; the band is twice its standard deviation." : "Points are trials.";
    const expected = s.study.params.some(hasPrior) ? " Dotted lines are priors." : "";
    return h("section", { class: "card wide" }, h("h2", { text: "Slices" + about(s) }), h("p", { class: "note", text: note + expected }), h("div", { class: "plots" }, plots));
  }
  const hasPrior = (param) => param.prior !== undefined && param.prior !== null;
  function oneSlice(s, param, model, bounds) {
    const rows = thinned(s.good.filter((i) => s.t.params[param.k][i] !== null), 800, (i) => s.best.has(s.t.number[i]));
    const best = rows.filter((i) => s.best.has(s.t.number[i]));
    const points = (chosen, marker) => ({ type: "scatter", mode: "markers", x: chosen.map((i) => shownValue(param, s.t.params[param.k][i])), y: chosen.map((i) => bounds.clip(s.values[i])),
      text: chosen.map((i) => describe(s, i)), hovertemplate: "%{text}<extra></extra>", marker });
    const data = [points(rows, { color: css("--soft"), size: 5, opacity: rows.length > 300 ? 0.35 : 0.55 })];
    if (model) {
      const x = model.ticks[0].map((v) => (param.kind === "choice" ? esc(shorten(v, 18)) : v));
      const up = model.mean.map((m, k) => m + 2 * model.deviation[k]), down = model.mean.map((m, k) => m - 2 * model.deviation[k]);
      const accent = css("--accent");
      if (param.kind === "choice") data.push({ type: "scatter", mode: "markers", x, y: model.mean, hoverinfo: "skip", marker: { color: accent, size: 11, symbol: "line-ew-open", line: { width: 3 } },
        error_y: { type: "data", array: model.deviation.map((d) => 2 * d), color: accent, thickness: 1.5 } });
      else data.push({ type: "scatter", mode: "lines", x: [...x, ...[...x].reverse()], y: [...up, ...down.reverse()], fill: "toself", fillcolor: accent + "2e", line: { width: 0 }, hoverinfo: "skip" },
        { type: "scatter", mode: "lines", x, y: model.mean, line: { color: accent, width: 2 }, hoverinfo: "skip" });
    }
    data.push(points(best, { color: css("--bad"), size: best.length > 5 ? 8 : 11, symbol: "star", line: { color: css("--card"), width: 1 } }));
    // Where the user expected the best value.
    const at = hasPrior(param) ? (param.kind === "choice" ? param.choices.indexOf(param.prior) : param.prior) : -1;
    const shapes = hasPrior(param) && (param.kind !== "choice" || at >= 0) ? [{ type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color: css("--soft"), width: 1.5, dash: "dot" } }] : [];
    return { data, layout: { shapes, showlegend: false, margin: { l: 44, r: 8, t: 6, b: 40 }, xaxis: paramAxis(param), yaxis: axis({ range: [bounds.low, bounds.high], nticks: 5 }) } };
  }
  function interactions(s) {
    if (!s.study.pairs.length) return null;
    const byName = new Map(s.study.params.map((param, k) => [param.name, { ...param, k }]));
    const plots = s.study.pairs.filter((pair) => pair.names.every((name) => byName.has(name))).map((pair) =>
      plot(() => onePair(s, pair, byName.get(pair.names[0]), byName.get(pair.names[1])), 300, `Interaction of ${pair.names.join(" and ")}`));
    return h("section", { class: "card wide" }, h("h2", { text: "Interactions" + about(s) }),
      h("p", { class: "note", text: `What the model expects of ${s.metric} over pairs of important parameters, those that interact most first. It fades where nothing near has been tried.` }),
      h("div", { class: "plots large" }, plots));
  }
  function onePair(s, pair, one, other) {
    const [nx, ny] = [pair.ticks[0].length, pair.ticks[1].length];
    const grid = (values) => Array.from({ length: ny }, (_, j) => Array.from({ length: nx }, (_, i) => values[i * ny + j]));
    const ticks = (param, values) => values.map((v) => (param.kind === "choice" ? esc(shorten(v, 18)) : v));
    const x = ticks(one, pair.ticks[0]), y = ticks(other, pair.ticks[1]);
    const range = Math.max(...pair.mean) - Math.min(...pair.mean) || 1;
    const better = s.sign > 0;
    const scale = CIVIDIS.map((hex, k) => [k / (CIVIDIS.length - 1), hex]);
    const reverse = better === isDark();
    const smooth = one.kind === "choice" || other.kind === "choice" ? "heatmap" : "contour";
    const paper = css("--card");
    const data = [{ type: smooth, x, y, z: grid(pair.mean), colorscale: scale, reversescale: reverse, ncontours: 14, line: { width: 0 }, contours: { coloring: "fill" }, hoverinfo: "z",
      colorbar: { thickness: 10, outlinewidth: 0, tickfont: { size: 10 }, nticks: 5 } },
      { type: smooth === "contour" ? "contour" : "heatmap", x, y, z: grid(pair.deviation.map((d) => Math.min(d / range, 0.7))), showscale: false, zmin: 0.12, zmax: 0.7, hoverinfo: "skip", ncontours: 12, line: { width: 0 },
        contours: { coloring: "fill" }, autocontour: true, colorscale: [[0, paper + "00"], [1, paper + "e6"]] }];
    const rows = thinned(s.good.filter((i) => s.t.params[one.k][i] !== null && s.t.params[other.k][i] !== null), 300, (i) => s.best.has(s.t.number[i]));
    const points = (chosen, marker) => ({ type: "scatter", mode: "markers", x: chosen.map((i) => shownValue(one, s.t.params[one.k][i])), y: chosen.map((i) => shownValue(other, s.t.params[other.k][i])),
      text: chosen.map((i) => describe(s, i)), hovertemplate: "%{text}<extra></extra>", marker, showlegend: false });
    data.push(points(rows, { size: 4, color: "#ffffff", opacity: 0.8, line: { color: "#000000", width: 0.6 } }));
    const best = rows.filter((i) => s.best.has(s.t.number[i]));
    data.push(points(best, { size: best.length > 5 ? 8 : 13, symbol: "star", color: "#d55e00", line: { color: "#ffffff", width: 1.2 } }));
    return { data, layout: { showlegend: false, margin: { l: 48, r: 8, t: 6, b: 40 }, xaxis: paramAxis(one), yaxis: paramAxis(other) } };
  }
  function curves(s) {
    const main = curvesOf(s, s.study.curves, "Learning curves", s.study.directions[0]);
    return [main, ...s.study.further_curves.map((one) => curvesOf(s, one.curves, `Learning curves of ${shorten(one.name, 40)}`, null))];
  }
  function curvesOf(s, list, title, direction) {
    if (!list.length) return null;
    const make = () => {
      const groups = { C: ["complete", css("--soft"), 0.45], P: ["pruned", css("--warn"), 0.6], F: ["failed", css("--bad"), 0.5], R: ["running", css("--accent"), 1] };
      const data = [];
      // A line through one point is invisible.
      const mode = list.some((c) => c.values.filter(isNumber).length > 1) ? "lines" : "markers";
      for (const [state, [name, color, opacity]] of Object.entries(groups)) {
        const x = [], y = [], text = [];
        for (const curve of list.filter((c) => c.state === state && !s.best.has(c.trial))) {
          curve.steps.forEach((step, k) => { x.push(step); y.push(isNumber(curve.values[k]) ? curve.values[k] : null); text.push(`Trial ${curve.trial}`); });
          x.push(null); y.push(null); text.push("");
        }
        if (x.length) data.push({ type: "scatter", mode, name, x, y, text, opacity, line: { color, width: state === "R" ? 2 : 1, dash: state === "P" ? "dot" : "solid" }, hovertemplate: "%{text}, step %{x}: %{y}<extra></extra>" });
      }
      for (const curve of list.filter((c) => s.best.has(c.trial)).slice(0, 3)) data.push({ type: "scatter", mode, name: `trial ${curve.trial}, the best`, x: curve.steps, y: curve.values, line: { color: css("--accent"), width: 3 }, hovertemplate: "step %{x}: %{y}<extra></extra>" });
      const values = list.flatMap((c) => c.values).filter(isNumber).sort((a, b) => a - b);
      const at = (q) => values[Math.min(Math.floor(q * values.length), values.length - 1)];
      const [low, high] = [at(direction === "maximize" ? 0.03 : 0), at(direction === "minimize" ? 0.97 : 1)];
      const pad = 0.05 * (high - low || 1);
      return { data, layout: { xaxis: axis({ title: { text: "step", font: { size: 12 } } }), yaxis: axis({ range: [low - pad, high + pad] }) } };
    };
    return card(title, `${list.length} of the trials that report.`, plot(make, 320, title));
  }
  function timeline(s) {
    const t = s.study.timeline;
    if (!t.trials.length || !t.start) return null;
    const start = Date.parse(t.start), lanes = Math.max(...t.lanes) + 1;
    const colours = { C: "--good", P: "--warn", F: "--bad", R: "--accent", W: "--soft" };
    const make = () => ({
      data: Object.keys(NAMES).filter((state) => t.states.includes(state)).map((state) => {
        const rows = t.trials.map((_, i) => i).filter((i) => t.states[i] === state);
        return { type: "bar", orientation: "h", name: NAMES[state], y: rows.map((i) => t.lanes[i]), base: rows.map((i) => start + 1000 * t.begins[i]), x: rows.map((i) => 1000 * t.spans[i]), width: 0.72,
          text: rows.map((i) => `Trial ${t.trials[i]} ${NAMES[state]}, ${span(t.spans[i])}`), textposition: "none", hovertemplate: "%{text}<extra></extra>",
          marker: { color: css(colours[state]), opacity: 0.85, line: { width: rows.length < 300 ? 1 : 0, color: css("--card") } } };
      }),
      layout: { barmode: "overlay", xaxis: axis({ type: "date", nticks: 6 }), yaxis: axis({ title: { text: "lane", font: { size: 12 } }, dtick: Math.ceil(lanes / 10), range: [lanes - 0.4, -0.6], showgrid: false }) },
    });
    const note = (t.trials.length < s.study.trials_total ? `The last ${t.trials.length} trials. ` : "") + "A lane is a place where jobs run one after the other.";
    return card("Timeline", note, plot(make, Math.min(Math.max(120 + 26 * lanes, 180), 420), "Timeline of the trials"));
  }
  function pareto(s) {
    if (s.single) return null;
    const names = s.study.metrics;
    const pick = [0, 1];
    let element;
    const make = () => {
      const [a, b] = pick;
      const ok = s.good.filter((i) => isNumber(s.t.values[a][i]) && isNumber(s.t.values[b][i]));
      const front = ok.filter((i) => s.best.has(s.t.number[i])).sort((i, j) => s.t.values[a][i] - s.t.values[a][j]);
      const points = (rows, name, marker, mode = "markers") => ({ type: "scatter", mode, name, x: rows.map((i) => s.t.values[a][i]), y: rows.map((i) => s.t.values[b][i]), text: rows.map((i) => describe(s, i)), hovertemplate: "%{text}<extra></extra>", marker, line: { shape: "linear", color: css("--accent"), width: 1, dash: "dot" } });
      const others = thinned(ok.filter((i) => !s.best.has(s.t.number[i])), MAX_POINTS, () => false);
      const data = [points(others.filter((i) => !s.infeasible.has(s.t.number[i])), "dominated", { color: css("--soft"), opacity: 0.5, size: 6 }),
        points(others.filter((i) => s.infeasible.has(s.t.number[i])), "infeasible", { color: css("--soft"), symbol: "circle-open", size: 6 }),
        points(front, "front", { color: css("--accent"), size: 10, symbol: "diamond" }, names.length === 2 ? "markers+lines" : "markers")].filter((trace) => trace.x.length);
      const title = (k) => ({ text: esc(`${names[k]} (${s.study.directions[k]})`), font: { size: 12 } });
      return { data, layout: { xaxis: axis({ title: title(a) }), yaxis: axis({ title: title(b) }) } };
    };
    element = plot(make, 380, "Pareto front");
    const choose = (side, label) => h("label", {}, `${label} `, h("select", { onchange: (event) => { pick[side] = Number(event.target.value); draw(element); } },
      names.map((name, k) => h("option", { value: k, text: name, selected: k === side }))));
    const front = card("Pareto front", null, names.length > 2 ? h("div", { class: "controls" }, choose(0, "across"), choose(1, "up")) : null, element);
    front.classList.add("wide");
    return front;
  }
  function failures(s, filter) {
    const groups = s.study.failures;
    if (!groups.length) return null;
    const rows = groups.map((group) => h("div", { class: "failure" }, h("b", { text: `${group.count}×` }), h("code", { text: group.reason, tabindex: "0" }),
      h("button", { type: "button", text: group.trials.length === 1 ? `Trial ${group.trials[0]}` : "Show trials", onclick: () => filter("number=" + group.trials.join(",")) })));
    return h("section", { class: "card wide" }, h("h2", { text: "Failures" }), h("p", { class: "note", text: "Grouped by reason; reasons that differ only in numbers count as one." }), rows);
  }

  // --- the table --------------------------------------------------------------------------------------------------------

  function columnsOf(s) {
    const t = s.t;
    const column = (name, at, kind = "num", text = null) => ({ name, at, kind, text: text || ((i) => fmt(at(i))) });
    const list = [column("number", (i) => t.number[i], "num", (i) => String(t.number[i])), column("state", (i) => NAMES[t.state[i]], "state")];
    s.study.metrics.forEach((name, k) => list.push(column(name, (i) => t.values[k][i])));
    s.study.params.forEach((param, k) => {
      if (param.kind === "choice") list.push(column(param.name, (i) => (t.params[k][i] === null ? null : param.choices[t.params[k][i]]), "text"));
      else list.push(column(param.name, (i) => t.params[k][i]));
    });
    s.study.further.forEach((one) => list.push(column(one.name, (i) => one.values[i])));
    list.push(column("time", (i) => t.seconds[i], "num", (i) => (t.seconds[i] === null ? "" : span(t.seconds[i]))));
    if (t.origins.length) list.push(column("origin", (i) => (t.origin[i] < 0 ? null : t.origins[t.origin[i]]), "text"));
    if (t.reasons.length) list.push(column("reason", (i) => (t.reason[i] < 0 ? null : t.reasons[t.reason[i]]), "text"));
    if (t.jobs.rest.some((rest) => rest !== null)) list.push(column("job", (i) => (t.jobs.rest[i] === null ? null : t.jobs.base + t.jobs.rest[i]), "link"));
    return list;
  }
  /* "lr<0.01 state=failed relu": conditions on columns, and texts that stand anywhere in the row. */
  function condition(columns, query) {
    const tests = [];
    for (const word of query.match(/(?:[^\s"]+|"[^"]*")+/g) || []) {
      const found = /^([^<>=:]+)(<=|>=|<|>|=|:)(.+)$/.exec(word);
      const column = found && columns.find((one) => one.name.toLowerCase() === found[1].replace(/"/g, "").toLowerCase());
      const wanted = (found ? found[3] : word).replace(/"/g, "").toLowerCase();
      if (!column) { const text = word.replace(/"/g, "").toLowerCase(); tests.push((i) => columns.some((one) => one.text(i).toLowerCase().includes(text))); continue; }
      const limit = Number(wanted), several = wanted.split(",");
      const compare = { "<": (v) => v < limit, ">": (v) => v > limit, "<=": (v) => v <= limit, ">=": (v) => v >= limit }[found[2]];
      if (compare) tests.push((i) => isNumber(column.at(i)) && compare(column.at(i)));
      else if (column.kind === "num") { const numbers = new Set(several.map(Number)); tests.push((i) => numbers.has(column.at(i))); }
      else tests.push((i) => several.some((text) => String(column.at(i) ?? "").toLowerCase().includes(text)));
    }
    return (i) => tests.every((test) => test(i));
  }
  function table(s) {
    const columns = columnsOf(s);
    const hidden = new Set(columns.length > 14 ? columns.filter((one) => ["origin", "reason"].includes(one.name)).map((one) => one.name) : ["origin"]);
    const order = { column: columns[0], down: false };
    let rows = s.rows, first = 0;
    const head = h("tr"), body = h("tbody"), count = h("span", { class: "count", role: "status", id: "count" });
    const input = h("input", { type: "search", id: "filter", placeholder: "Filter: lr<0.01 state=failed relu", "aria-label": "Filter the trials", autocomplete: "off", spellcheck: "false" });
    const back = h("button", { type: "button", text: "‹", "aria-label": "Earlier rows", onclick: () => { first = Math.max(first - ROWS, 0); fill(); } });
    const on = h("button", { type: "button", text: "›", "aria-label": "Further rows", onclick: () => { if (first + ROWS < rows.length) first += ROWS; fill(); } });
    const shown = () => columns.filter((one) => !hidden.has(one.name));
    function heads() {
      head.replaceChildren(...shown().map((one) => {
        const active = order.column === one;
        const button = h("button", { type: "button", text: shorten(one.name, 28) + (active ? (order.down ? " ↓" : " ↑") : ""), title: one.name, onclick: () => {
          order.down = order.column === one ? !order.down : false;
          order.column = one;
          apply();
          head.querySelectorAll("button")[shown().indexOf(one)].focus();
        } });
        return h("th", { class: one.kind === "num" ? "num" : null, scope: "col", "aria-sort": active ? (order.down ? "descending" : "ascending") : "none" }, button);
      }));
    }
    function cell(one, i) {
      if (one.kind === "state") return h("td", {}, h("span", { class: "state " + s.t.state[i], "data-mark": MARKS[s.t.state[i]], text: NAMES[s.t.state[i]] }));
      const value = one.at(i);
      if (one.kind === "link" && value !== null) return h("td", { class: "text" }, h("a", { href: target(value), text: shorten(s.t.jobs.rest[i] || value, 40), title: value }));
      return h("td", { class: one.kind === "num" ? "num" : "text", text: one.text(i), title: one.kind === "text" ? one.text(i) : null });
    }
    function fill() {
      const page = rows.slice(first, first + ROWS);
      body.replaceChildren(...page.map((i) => h("tr", { class: s.best.has(s.t.number[i]) ? "best" : null }, shown().map((one) => cell(one, i)))));
      const total = s.study.trials_total > s.n ? `, of ${s.study.trials_total} in the study` : "";
      count.textContent = rows.length ? `${first + 1}–${first + page.length} of ${rows.length}${total}` : `none of ${s.n}`;
      back.disabled = first === 0;
      on.disabled = first + ROWS >= rows.length;
    }
    function apply() {
      const test = condition(columns, input.value);
      rows = s.rows.filter(test);
      const { column, down } = order;
      const keys = new Map(rows.map((i) => [i, column.at(i)]));
      const turn = down ? -1 : 1;
      rows.sort((a, b) => {
        const [x, y] = [keys.get(a), keys.get(b)];
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        return turn * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true })) || a - b;
      });
      first = 0;
      heads();
      fill();
    }
    let timer = 0;
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 80); });
    const choices = h("details", { class: "columns" }, h("summary", { text: "Columns" }), h("div", {}, columns.map((one) => h("label", {},
      h("input", { type: "checkbox", checked: !hidden.has(one.name), onchange: (event) => { if (event.target.checked) hidden.delete(one.name); else hidden.add(one.name); heads(); fill(); } }), one.name))));
    const view = h("section", { class: "card wide", id: "trials" }, h("h2", { text: "Trials" }), h("div", { class: "controls" }, input, count, back, on, choices),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of trials" }, h("table", {}, h("thead", {}, head), body)));
    apply();
    const filter = (text) => { input.value = text; apply(); view.scrollIntoView(); input.focus({ preventScroll: true }); };
    return { view, filter };
  }
  /* A path is never taken for another kind of address. */
  function target(path) {
    const safe = path.split("/").map(encodeURIComponent).join("/");
    return path.startsWith("/") ? "file://" + safe : "./" + safe;
  }

  // --- several studies --------------------------------------------------------------------------------------------------

  function comparison(all, choose) {
    const row = (s, k) => {
      const i = s.single && s.study.best.length ? s.row.get(s.study.best[0]) : undefined;
      const cells = [i === undefined ? `${s.study.best.length} on the front` : fmt(s.values[i], 6), String(s.study.finished), String(s.study.counts.FAIL), span(s.study.seconds_spent)];
      return h("tr", {}, h("td", {}, h("button", { type: "button", text: shorten(label(s.study), 60), onclick: () => choose(k) })), cells.map((text) => h("td", { class: "num", text })));
    };
    const head = ["study", "best", "trials", "failures", "time of jobs"].map((text, k) => h("th", { scope: "col", class: k ? "num" : null, text }));
    const make = () => ({
      data: all.filter((s) => s.single && s.good.length).map((s, k) => { const steps = bestSteps(s); return { type: "scatter", mode: "lines", name: esc(shorten(label(s.study), 40)), x: steps.x, y: steps.y, line: { shape: "hv", width: 2.5, color: (isDark() ? DARK_PALETTE : PALETTE)[k % PALETTE.length], dash: k < PALETTE.length ? "solid" : "dash" } }; }),
      layout: { showlegend: true, xaxis: axis({ title: { text: "trial", font: { size: 12 } } }), yaxis: axis({ title: { text: "best so far", font: { size: 12 } } }) },
    });
    return card("Side by side", null, h("div", { class: "pair" }, h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, all.map(row)))),
      all.some((s) => s.single) ? plot(make, 300, "Best values of the studies so far") : null));
  }
  /* A sweep's own study has the same name everywhere; its directory tells it from others. */
  const heading = (study) => (study.study === "hpo" && study.directory ? study.directory.split("/").slice(-2).join("/") : study.study);
  const label = (study) => (study.directory ? study.directory.split("/").slice(-2).join("/") + " · " : "") + study.study;

  // --- all of it ----------------------------------------------------------------------------------------------------------

  let themeListeners = [];
  const all = studies.map((study) => prepared(study));
  let current = 0;
  function render() {
    drawn.clear();
    themeListeners = [];
    const s = all[current];
    document.title = `${s.study.study} – report`;
    document.getElementById("title").textContent = heading(s.study);
    document.getElementById("subtitle").textContent = [s.study.directory, s.study.counts.RUNNING ? `as of ${local(s.study.at)}, running` : local(s.study.at)].filter(Boolean).join(" · ");
    const trials = table(s);
    const parts = [all.length > 1 ? comparison(all, choose) : null, hero(s),
      h("div", { class: "pair" }, pareto(s), objectives(s), history(s), importances(s), parallel(s), slices(s), interactions(s), curves(s), timeline(s), failures(s, trials.filter), trials.view)];
    main.replaceChildren(...parts.filter(Boolean));
    const tabs = document.getElementById("tabs");
    tabs.hidden = all.length < 2;
    tabs.replaceChildren(...all.map((one, k) => h("button", { type: "button", "aria-pressed": String(k === current), text: shorten(label(one.study), 40), onclick: () => choose(k) })));
    document.getElementById("foot").textContent = `Written ${local(s.study.at)} from ${s.study.storage || "a study"} by hydra-hpo-sweeper. The page loads nothing from elsewhere. Drawn with plotly.js (MIT).`;
  }
  function choose(k) { current = k; render(); main.focus(); }
  function view(objective) {
    const top = scrollY;
    const plots = () => [...main.querySelectorAll(".plot")];
    const before = plots().map((element) => element.dataset.drawn);
    all[current] = prepared(studies[current], objective);
    render();
    // At once, so that what is in view does not vanish first.
    plots().forEach((element, k) => { if (before[k]) { seen.unobserve(element); draw(element); } });
    scrollTo(0, top);
    main.querySelector(".choice button[aria-pressed=true]").focus({ preventScroll: true });
  }
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  function theme(name) {
    root.dataset.theme = name;
    redraw();
    for (const listener of themeListeners) listener();
  }
  let width = main.clientWidth;
  addEventListener("resize", () => {
    if (main.clientWidth === width) return;
    width = main.clientWidth;
    for (const listener of themeListeners) listener();
  });
  // What has not been scrolled to is not drawn yet.
  addEventListener("beforeprint", () => { for (const element of drawn.keys()) draw(element); });
  document.getElementById("theme").addEventListener("click", () => theme(isDark() ? "light" : "dark"));
  system.addEventListener("change", (event) => theme(event.matches ? "dark" : "light"));
  root.dataset.theme = system.matches ? "dark" : "light";
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); const input = document.getElementById("filter"); input.scrollIntoView({ block: "center" }); input.focus(); }
  });
  render();
})();
