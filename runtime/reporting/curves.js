// The ruler with beats and acts, and one row of curves for each channel or pair of channels.

const unitOf = { share: "", degree: "°", cm: " cm" };
const placesOf = { share: 3, degree: 2, cm: 2 };
const ACT = 15;

/** Whole parts of a unit, from differences. */
function decoded(values, scale) {
  const decoded = new Float32Array(values.length);
  let sum = 0;
  for (let n = 0; n < values.length; n += 1) decoded[n] = (sum += values[n]) / scale;
  return decoded;
}

const sideOf = (row, name) => name.slice(row.stem.length);
const rows = data.rows.map((row) => {
  const scale = data.scales[row.unit];
  const channels = row.channels.map((channel, n) => ({
    ...channel,
    samples: decoded(channel.values, scale),
    colour: n === 0 ? row.region : `${row.region}-two`,
    side: sideOf(row, channel.name),
  }));
  const earlier = row.earlier.map((each) => ({ ...each, samples: decoded(each.values, scale) }));
  const names = new Set(channels.map((channel) => channel.name));
  const raised = data.raised.filter((each) => each[2].some((name) => names.has(name)));
  const own = channels.every((channel) => !channel.asked.length);
  return { ...row, channels, earlier, names, raised, own };
});

/** A channel's value at a frame of the film; between two samples on the line that joins them. */
function valueAt(channel, time) {
  const place = Math.min(Math.max(time * sampleRate, 0), channel.samples.length - 1);
  const before = Math.floor(place + 1e-6);
  const share = Math.max(0, place - before);
  const first = channel.samples[before] ?? 0;
  return share < 1e-4 ? first : first + ((channel.samples[before + 1] ?? first) - first) * share;
}

const written = (value, unit) => {
  const text = value.toFixed(placesOf[unit]);
  return (Number(text) === 0 ? text.replace("-", "") : text) + unitOf[unit];
};

function buildRows() {
  const place = byId("rows");
  let region = "";
  for (const row of rows) {
    if (row.region !== region) {
      region = row.region;
      place.append(regionHead(region));
    }
    const label = make("div", { className: "label" });
    for (const part of row.stem.split(/(?=[A-Z])/)) label.append(part, make("wbr"));
    const sides = row.channels.map((channel) => channel.side).filter(Boolean);
    const turned = row.channels.some((channel) => channel.turned.length);
    const high = `${row.low ? `${row.low} … ` : "0 … "}${row.high}${unitOf[row.unit]}`;
    label.append(make("small", {}, row.own ? `${turned ? "by constraint" : "idle only"}, ${high}` : sides.length === 1 ? `${sides[0]}, ${high}` : high));
    const value = make("div", { className: "value" });
    for (const channel of row.channels) {
      const shown = make("output", { id: `value-${channel.name}`, "data-channel": channel.name });
      shown.style.color = `var(--${channel.colour})`;
      const side = row.channels.length > 1 ? make("span", { className: "side" }, `${channel.side[0]} `) : "";
      if (side) side.style.display = "inline";
      value.append(make("span", {}, side, shown));
      channel.shown = shown;
    }
    row.canvas = make("canvas", { role: "img", ariaLabel: `curve of ${row.channels.map((c) => c.name).join(" and ")}` });
    row.element = make("div", { className: `row curve${row.own ? " own" : ""}` }, label, row.canvas, value);
    row.element.dataset.row = row.stem;
    watch(row.canvas, () => takeAxis, (time, event) => explain(row, time, event), (time) => nearestKey(row, time)?.key[0]);
    place.append(row.element);
  }
  const still = Object.entries(data.resting).map(([name, channels]) => `${name}: ${channels.join(", ")}`);
  byId("resting").textContent = still.length ? `At rest throughout. ${still.join(". ")}.` : "";
}

function regionHead(region) {
  const channels = rows.filter((row) => row.region === region).flatMap((row) => row.channels);
  const keys = channels.reduce((sum, channel) => sum + channel.keys.length, 0);
  const left = make("span", {}, "left or only");
  const right = make("span", {}, "right");
  left.style.color = `var(--${region})`;
  right.style.color = `var(--${region}-two)`;
  const about = [`${channels.length} channels move, ${keys} keyframes `];
  if (channels.some((channel) => channel.side === "Right")) about.push("(", left, ", ", right, ")");
  return make("div", { className: "row region" }, make("div", { className: "label" }, region), make("div", {}, ...about), make("div"));
}

/** Point, drag and zoom on something that lies along an axis. */
function watch(canvas, axis, hover, snap = () => undefined) {
  const at = (event) => axis().time(event.clientX - canvas.getBoundingClientRect().left);
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || axis() !== takeAxis) return;
    canvas.setPointerCapture(event.pointerId);
    goTo(snap(at(event)) ?? at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) goTo(at(event));
    hover(at(event), event);
  });
  canvas.addEventListener("pointerleave", () => hint(""));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    if (event.shiftKey) axis().show(axis().from + ((event.deltaY + event.deltaX) / axis().width) * (axis().to - axis().from));
    else axis().zoom(event.deltaY > 0 ? 1.25 : 0.8, at(event));
    redraw();
  }, { passive: false });
}

/** The keyframe of a row within a few pixels of a time. */
function nearestKey(row, time) {
  const reach = (takeAxis.to - takeAxis.from) * (6 / takeAxis.width);
  let best = null;
  for (const channel of row.channels) {
    for (const key of channel.keys) {
      const away = Math.abs(key[0] - time);
      if (away <= reach && (!best || away < best.away)) best = { channel, key, away };
    }
  }
  return best;
}

function explain(row, time, event) {
  const near = byId("dots").checked ? nearestKey(row, time) : null;
  const lines = [];
  if (near) {
    const [at, value, source, mode] = near.key;
    const [gesture, words, note, kind] = data.sources[source];
    lines.push(`${near.channel.name} ${written(value, row.unit)} at ${seconds(at, 3)} s, then ${mode}`);
    const what = gesture.replaceAll("_", " ");
    lines.push(words ? `${what}: “${words}”` : kind === "idle" && !what.startsWith("idle") ? `idle ${what}` : what);
    if (note) lines.push(note);
  } else {
    lines.push(`${seconds(time)} s: ${row.channels.map((channel) => `${channel.name} ${written(valueAt(channel, time), row.unit)}`).join(", ")}`);
  }
  for (const [seq, constraint, , start, end] of row.raised) {
    if (time >= start - 0.02 && time <= end + 0.02) lines.push(`objected to at first: ${constraint} (#${seq})`);
  }
  hint(lines.join("\n"), event);
}

/** The line of samples from one to another, as points; more than one per pixel become their extremes. */
function trace(pen, samples, first, from, to, y) {
  const start = Math.max(from, Math.floor(takeAxis.from * sampleRate) - 1, first);
  const end = Math.min(to, Math.ceil(takeAxis.to * sampleRate) + 1, first + samples.length - 1);
  if (end < start) return;
  pen.beginPath();
  const each = Math.max(1, Math.floor((end - start) / takeAxis.width / 2));
  for (let n = start; n <= end; n += each) {
    let low = Infinity;
    let high = -Infinity;
    for (let m = n; m < Math.min(n + each, end + 1); m += 1) {
      low = Math.min(low, samples[m - first]);
      high = Math.max(high, samples[m - first]);
    }
    const x = takeAxis.x(n / sampleRate);
    pen.lineTo(x, y(low));
    if (each > 1) pen.lineTo(x, y(high));
  }
  pen.stroke();
}

const traceSpan = (pen, channel, start, end, y) => trace(pen, channel.samples, 0, Math.round(start * sampleRate), Math.round(end * sampleRate), y);

function drawRow(row) {
  const place = row.element.classList.contains("hidden") ? null : fitted(row.canvas);
  if (!place) return;
  const { pen, width, height } = place;
  const room = row.own ? 4 : 7;
  const y = (value) => height - room - ((value - row.low) / (row.high - row.low || 1)) * (height - 2 * room);
  drawBeats(pen, height, takeAxis);
  pen.strokeStyle = colours.faint;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(0, Math.round(y(0)) + 0.5);
  pen.lineTo(width, Math.round(y(0)) + 0.5);
  pen.stroke();
  pen.fillStyle = colours.bad;
  for (const [, , , start, end] of row.raised) {
    pen.fillRect(takeAxis.x(start), height - 3, Math.max(2, takeAxis.x(end) - takeAxis.x(start)), 2.5);
  }
  if (byId("ghosts").checked) {
    pen.setLineDash([4, 3]);
    pen.strokeStyle = colours.accent;
    for (const each of row.earlier) trace(pen, each.samples, each.first, 0, Infinity, y);
    pen.setLineDash([]);
  }
  for (const channel of [...row.channels].reverse()) {
    pen.strokeStyle = colours.soft;
    pen.lineWidth = 1;
    trace(pen, channel.samples, 0, 0, Infinity, y);
    pen.strokeStyle = colours[channel.colour];
    pen.lineWidth = 2;
    for (const [start, end] of channel.asked) traceSpan(pen, channel, start, end, y);
    pen.strokeStyle = colours.accent;
    for (const [start, end] of channel.turned) traceSpan(pen, channel, start, end, y);
    if (byId("dots").checked) drawKeys(pen, channel, y);
  }
}

function drawKeys(pen, channel, y) {
  const shown = channel.keys.filter(([time]) => time >= takeAxis.from && time <= takeAxis.to);
  let before = -Infinity;
  for (const [time, value, source] of shown) {
    const [, , note, kind] = data.sources[source];
    const x = takeAxis.x(time);
    const crowded = x - before < 5;
    const changed = kind === "turned" || (kind === "asked" && note);
    if (crowded && (x - before < 1.5 || (kind !== "asked" && !changed))) continue;
    before = x;
    pen.beginPath();
    if (changed) {
      const reach = crowded ? 2.2 : 3.6;
      pen.moveTo(x, y(value) - reach);
      pen.lineTo(x + reach, y(value));
      pen.lineTo(x, y(value) + reach);
      pen.lineTo(x - reach, y(value));
      pen.closePath();
      pen.fillStyle = colours.accent;
      pen.fill();
    } else if (kind === "asked") {
      pen.arc(x, y(value), crowded ? 1.6 : 2.8, 0, 2 * Math.PI);
      pen.fillStyle = colours[channel.colour];
      pen.fill();
    } else {
      pen.arc(x, y(value), 1.9, 0, 2 * Math.PI);
      pen.fillStyle = colours.panel;
      pen.strokeStyle = colours.soft;
      pen.lineWidth = 1;
      pen.fill();
      pen.stroke();
    }
  }
}

/** Where beats begin, and those that are not decided shaded. */
function drawBeats(pen, height, axis) {
  for (const beat of data.beats) {
    const [start, end] = axis === takeAxis ? [beat.start, beat.end] : [beat.from, beat.to];
    if (end < axis.from || start > axis.to) continue;
    if (beat.state === "open") {
      pen.fillStyle = colours.shade;
      pen.fillRect(axis.x(start), 0, axis.x(end) - axis.x(start), height);
    }
    pen.fillStyle = colours.faint;
    pen.fillRect(Math.round(axis.x(start)), 0, 1, height);
  }
}

/** Acts in as few lines as they fit without covering each other. */
const actLines = (() => {
  const ends = [];
  return data.acts.map((act) => {
    let line = ends.findIndex((end) => end <= act.start + 1e-6);
    if (line < 0) line = ends.push(0) - 1;
    ends[line] = act.end;
    return line;
  });
})();
const actCount = Math.min(7, actLines.length ? Math.max(...actLines) + 1 : 0);
const ruler = byId("ruler").querySelector("canvas");
ruler.parentElement.style.height = `${20 + 20 + actCount * ACT + 4}px`;

function drawRuler() {
  const place = fitted(ruler);
  if (!place) return;
  const { pen, width } = place;
  takeAxis.width = journalAxis.width = width;
  drawTicks(pen, width, takeAxis);
  for (const beat of data.beats) {
    bar(pen, beat, 20, 18, colours.shade, colours.faint, `${beat.number} ${beat.words}${beat.state === "open" ? " (not decided)" : ""}`, colours.ink);
  }
  data.acts.forEach((act, n) => {
    if (actLines[n] < actCount) bar(pen, act, 40 + actLines[n] * ACT, ACT - 2, colours.panel, colours.faint, act.name, colours.soft);
  });
}

/** Round times along an axis, with a little line for each. */
function drawTicks(pen, width, axis) {
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillStyle = colours.soft;
  for (const [time, step] of axis.ticks(64)) {
    const x = axis.x(time);
    pen.fillRect(Math.round(x), 0, 1, 5);
    pen.textAlign = x < 8 ? "left" : x > width - 12 ? "right" : "center";
    pen.fillText(time.toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))), x, 12);
  }
  pen.textAlign = "left";
}

function bar(pen, { start, end }, top, height, fill, edge, text, ink) {
  const from = Math.max(takeAxis.x(start), -2);
  const to = Math.min(takeAxis.x(end), takeAxis.width + 2);
  if (to <= from) return;
  pen.save();
  pen.beginPath();
  pen.rect(from + 0.5, top + 0.5, Math.max(1, to - from - 1), height - 1);
  pen.fillStyle = fill;
  pen.fill();
  pen.strokeStyle = edge;
  pen.lineWidth = 1;
  pen.stroke();
  pen.clip();
  pen.fillStyle = ink;
  pen.fillText(text, Math.max(from, 0) + 4, top + height / 2 + 0.5);
  pen.restore();
}

watch(ruler, () => takeAxis, (time, event) => {
  const y = event.clientY - ruler.getBoundingClientRect().top;
  const line = Math.floor((y - 40) / ACT);
  const act = data.acts.find((each, n) => actLines[n] === line && time >= each.start && time < each.end);
  const beat = beatAt(time);
  if (y >= 40 && act) hint(`${act.name}, ${seconds(act.start)} to ${seconds(act.end)} s\n“${act.words}”`, event);
  else if (y >= 20 && y < 40 && beat) {
    const how = { committed: "all four accepted", ruled: "the coordinator ruled", open: "not decided" }[beat.state];
    const kept = beat.kept.length ? `\nkept from the take before: ${beat.kept.join(", ")}` : "";
    hint(`beat ${beat.number}, ${seconds(beat.start)} to ${seconds(beat.end)} s\n${beat.words}\n${beat.rounds} round${beat.rounds === 1 ? "" : "s"}: ${how}${kept}`, event);
  } else hint(`${seconds(time, 3)} s, frame ${frameAt(time)}`, event);
});
ruler.addEventListener("dblclick", (event) => {
  const beat = beatAt(takeAxis.time(event.clientX - ruler.getBoundingClientRect().left));
  if (beat) takeAxis.show(beat.start, Math.max(beat.end - beat.start, 0.02));
  redraw();
});

heard.draw.push(() => { drawRuler(); rows.forEach(drawRow); });
heard.frame.push((frame, time) => {
  for (const row of rows) for (const channel of row.channels) channel.shown.textContent = written(valueAt(channel, time), row.unit);
  byId("at").textContent = `${seconds(time)} s`;
});
