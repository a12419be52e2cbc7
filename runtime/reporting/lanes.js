// Who said what: a lane for each role, every message a mark on it, under the beat that it is about or by the journal's clock.

const [SEQ, WHEN, LANE, SENDER, TO, KIND, TONE, BEAT, AT, LINE, CHANNELS, SPAN, YIELDING] = Array(13).keys();
const LANE_HEIGHT = 26;
const laneColours = ["coordinator", "brows", "eyes", "mouth", "head", "renderers"];
const meanings = {
  take: "take opened, closed or resumed", beat: "beat opened", decided: "decision of a planner", proposed: "proposal",
  revised: "revision", round: "round opened", accepted: "accepted", objected: "objected", ruled: "ruling",
  committed: "committed", joined: "joined or rejoined", trouble: "failed, late, lost or not heard",
  assigned: "frames handed out", rendered: "rendered", written: "in the video", note: "note",
};

/** The mark of a kind of message around a point. */
function mark(pen, tone, x, y, colour) {
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  pen.beginPath();
  const shapes = {
    take: () => { pen.rect(x - 2, y - 7, 4, 14); pen.fill(); },
    beat: () => { pen.moveTo(x - 3, y - 6); pen.lineTo(x + 5, y); pen.lineTo(x - 3, y + 6); pen.closePath(); pen.stroke(); },
    decided: () => { pen.arc(x, y, 1.8, 0, 7); pen.stroke(); },
    proposed: () => { pen.arc(x, y, 4.2, 0, 7); pen.fill(); },
    revised: () => { pen.arc(x, y, 4, 0, 7); pen.stroke(); pen.beginPath(); pen.arc(x, y, 4, Math.PI / 2, 1.5 * Math.PI); pen.fill(); },
    round: () => { pen.rect(x - 3.5, y - 3.5, 7, 7); pen.stroke(); },
    accepted: () => { pen.moveTo(x - 3.5, y); pen.lineTo(x - 1, y + 3); pen.lineTo(x + 4, y - 4); pen.stroke(); },
    objected: () => { pen.fillStyle = colours.bad; pen.moveTo(x, y - 6); pen.lineTo(x + 5.5, y + 4.5); pen.lineTo(x - 5.5, y + 4.5); pen.closePath(); pen.fill(); },
    ruled: () => { pen.fillStyle = colours.accent; pen.rect(x - 5, y - 5, 10, 10); pen.fill(); },
    committed: () => { pen.fillStyle = colours.good; pen.moveTo(x, y - 6); pen.lineTo(x + 6, y); pen.lineTo(x, y + 6); pen.lineTo(x - 6, y); pen.closePath(); pen.fill(); },
    joined: () => { pen.arc(x, y, 4, 0.5, 5.8); pen.stroke(); },
    trouble: () => { pen.strokeStyle = colours.bad; pen.lineWidth = 2; pen.moveTo(x - 4, y - 4); pen.lineTo(x + 4, y + 4); pen.moveTo(x + 4, y - 4); pen.lineTo(x - 4, y + 4); pen.stroke(); },
    assigned: () => { pen.globalAlpha = 0.45; pen.rect(x - 1, y - 5, 2, 10); pen.fill(); pen.globalAlpha = 1; },
    rendered: () => { pen.globalAlpha = 0.7; pen.rect(x - 1, y - 5, 2, 10); pen.fill(); pen.globalAlpha = 1; },
    written: () => { pen.rect(x - 1, y - 5, 2, 10); pen.fill(); },
  };
  (shapes[tone] || (() => { pen.arc(x, y, 2, 0, 7); pen.fill(); }))();
}

const laneAxis = () => (byId("order").value === "take" ? takeAxis : journalAxis);
const placeOf = (message) => (laneAxis() === takeAxis ? message[AT] : message[WHEN]);
const lanes = data.lanes.map((name, n) => {
  const canvas = make("canvas", { role: "img", ariaLabel: `messages of ${name}; the list holds the same` });
  const said = data.messages.filter((message) => message[LANE] === n);
  const count = make("div", { className: "value" }, make("small", {}, `${said.length}`));
  const label = make("div", { className: "label" }, name);
  label.style.color = `var(--${laneColours[n]})`;
  const element = make("div", { className: "row" }, label, canvas, count);
  byId("lanes").append(element);
  return { name, n, canvas, said, element };
});
const objections = data.messages.filter((message) => message[TONE] === "objected");

/** Where a time would go in messages that are ordered by their place on the axis. */
function firstFrom(said, time) {
  let low = 0;
  let high = said.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (placeOf(said[middle]) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function drawLane(lane) {
  const place = fitted(lane.canvas);
  if (!place) return;
  const { pen, width, height } = place;
  const axis = laneAxis();
  drawBeats(pen, height, axis);
  const colour = colours[laneColours[lane.n]];
  if (lane.name === "renderers") drawChunks(pen, axis, height, colour);
  pen.fillStyle = colours.bad;
  for (const message of objections) {
    // From whoever objects to whoever is to yield, through the lanes between them.
    const x = axis.x(placeOf(message));
    for (const region of message[YIELDING]) {
      const ends = [message[LANE], data.lanes.indexOf(region)];
      const [top, bottom] = [Math.min(...ends), Math.max(...ends)];
      if (top === bottom || lane.n < top || lane.n > bottom || x < -5 || x > width + 5) continue;
      pen.fillRect(x - 0.5, lane.n === top ? height / 2 : 0, 1, lane.n === top || lane.n === bottom ? height / 2 : height);
    }
  }
  let before = -Infinity;
  for (let n = Math.max(0, firstFrom(lane.said, axis.from) - 1); n < lane.said.length; n += 1) {
    const message = lane.said[n];
    const x = axis.x(placeOf(message));
    if (x > width + 8) break;
    const plain = ["decided", "assigned", "rendered", "written", "accepted", "note"].includes(message[TONE]);
    if (plain && x - before < 1.5) continue; // thousands of them on a few pixels
    before = x;
    mark(pen, message[TONE], x, height / 2, colour);
  }
  const chosen = messageAt(state.message);
  if (chosen && chosen[LANE] === lane.n) {
    pen.strokeStyle = colours.cursor;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(axis.x(placeOf(chosen)), height / 2, 9.5, 0, 7);
    pen.stroke();
  }
}

/** Whom an objection asks to yield, by its line. */

/** The frames of each chunk under the messages about it: faint when handed out, full when in the video. */
function drawChunks(pen, axis, height, colour) {
  if (axis !== takeAxis) return;
  const states = new Map();
  for (const message of lanes[data.lanes.length - 1].said) {
    if (message[SPAN]) states.set(message[SPAN][0], [message[SPAN], message[TONE]]);
  }
  pen.fillStyle = colour;
  for (const [[start, end], tone] of states.values()) {
    pen.globalAlpha = tone === "written" ? 0.2 : 0.08;
    const from = axis.x(start);
    pen.fillRect(from + 0.5, 4, Math.max(0.5, axis.x(end) - from - 1), height - 8);
  }
  pen.globalAlpha = 1;
}

/** The message of a lane within a few pixels of a time. */
function nearestMessage(lane, time) {
  const axis = laneAxis();
  const reach = (axis.to - axis.from) * (9 / axis.width);
  let best = null;
  for (let n = firstFrom(lane.said, time - reach); n < lane.said.length; n += 1) {
    const away = Math.abs(placeOf(lane.said[n]) - time);
    if (placeOf(lane.said[n]) > time + reach) break;
    if (!best || away < best.away) best = { message: lane.said[n], away };
  }
  return best?.message;
}

const described = (message) => `#${message[SEQ]} ${message[KIND]}, ${message[SENDER]}${message[TO] ? ` to ${message[TO]}` : ""}`;

function buildLanes() {
  for (const lane of lanes) {
    watch(lane.canvas, laneAxis, (time, event) => {
      const message = nearestMessage(lane, time);
      lane.canvas.style.cursor = message ? "pointer" : "crosshair";
      hint(message ? `${described(message)}\n${message[LINE]}` : "", event);
    });
    lane.canvas.addEventListener("click", (event) => {
      const message = nearestMessage(lane, laneAxis().time(event.clientX - lane.canvas.getBoundingClientRect().left));
      if (message) choose(message[SEQ]);
    });
  }
  const used = new Set(data.messages.map((message) => message[TONE]));
  for (const [tone, meaning] of Object.entries(meanings)) {
    if (!used.has(tone)) continue;
    const canvas = make("canvas", { width: 14, height: 14 });
    byId("legend").append(make("span", {}, canvas, meaning));
    heard.draw.push(() => {
      const place = fitted(canvas);
      if (place) mark(place.pen, tone, 7, 7, colours.coordinator);
    });
  }
  const clocked = byId("clocked");
  heard.draw.push(() => {
    const own = laneAxis() === journalAxis;
    clocked.hidden = !own;
    byId("lanes").classList.toggle("clocked", own);
    const place = own ? fitted(clocked.querySelector("canvas")) : null;
    if (place) drawTicks(place.pen, place.width, journalAxis);
    lanes.forEach(drawLane);
  });
}
