// The list of messages, of which only what is in sight is there, and the chosen one whole.

const ITEM = 22;
const list = byId("list");
const spacer = byId("spacer");
const chatter = new Set(["assigned", "rendered", "written"]);
let listed = [];
const inSight = new Map();

const messageAt = (seq) => (seq ? data.messages[seq - data.messages[0]?.[SEQ]] : undefined);

function filterList() {
  const wanted = byId("filter").value.trim().toLowerCase();
  const frames = byId("chatter").checked;
  listed = data.messages.filter(
    (message) =>
      (frames || !chatter.has(message[TONE])) &&
      (!wanted || `${message[SEQ]} ${message[SENDER]} ${message[TO]} ${message[KIND]} ${message[LINE]}`.toLowerCase().includes(wanted)),
  );
  byId("count").textContent = `${listed.length} of ${data.messages.length}`;
  spacer.style.height = `${listed.length * ITEM}px`;
  for (const item of inSight.values()) item.remove();
  inSight.clear();
  drawList();
}

function drawList() {
  const first = Math.max(0, Math.floor(list.scrollTop / ITEM) - 5);
  const last = Math.min(listed.length, first + Math.ceil(list.clientHeight / ITEM) + 10);
  for (const [n, item] of inSight) {
    if (n < first || n >= last) {
      item.remove();
      inSight.delete(n);
    }
  }
  for (let n = first; n < last; n += 1) {
    const message = listed[n];
    let item = inSight.get(n);
    if (!item) {
      // A line that begins with who speaks shows that by colour; others name somebody else first.
      const own = message[LINE].startsWith(`${message[SENDER]} `);
      const who = make("b", {}, own ? message[SENDER] : "");
      who.style.color = `var(--${laneColours[message[LANE]]})`;
      item = make("div", { className: "item", role: "option", id: `item-${message[SEQ]}` }, make("i", {}, `${message[SEQ]}`), who, own ? message[LINE].slice(message[SENDER].length) : message[LINE]);
      item.title = message[LINE];
      item.style.top = `${n * ITEM}px`;
      item.addEventListener("click", () => choose(message[SEQ]));
      list.append(item);
      inSight.set(n, item);
    }
    item.setAttribute("aria-selected", String(message[SEQ] === state.message));
  }
}

/** Bring the chosen message into sight, if it is among those listed. */
function scrollToChosen() {
  const n = listed.findIndex((message) => message[SEQ] === state.message);
  if (n >= 0) {
    const top = n * ITEM;
    if (top < list.scrollTop + ITEM || top > list.scrollTop + list.clientHeight - 2 * ITEM) list.scrollTop = top - list.clientHeight / 2;
    list.setAttribute("aria-activedescendant", `item-${state.message}`);
  }
  drawList();
}

/** Choose the message some places on from the chosen one among those listed. */
function chooseBy(step) {
  if (!listed.length) return;
  const n = listed.findIndex((message) => message[SEQ] === state.message);
  const next = n >= 0 ? n + step : listed.findIndex((message) => message[AT] >= state.time);
  choose(listed[Math.min(Math.max(next, 0), listed.length - 1)][SEQ]);
}

const blocks = new Map();
/** A message whole, unpacked with those around it. */
async function bodyOf(seq) {
  const place = seq - data.messages[0][SEQ];
  const number = Math.floor(place / data.block);
  if (!blocks.has(number)) blocks.set(number, unpacked(byId(`bodies-${number}`).textContent));
  return (await blocks.get(number))[place % data.block];
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

async function showMessage() {
  const place = byId("message");
  const message = messageAt(state.message);
  if (!message) {
    place.replaceChildren(make("p", { className: "empty" }, "Choose a message, here or on the lanes, to read it whole."));
    return;
  }
  const beat = byBeat.get(message[BEAT]);
  const head = make("h3", {}, `#${message[SEQ]} ${message[KIND]}`);
  const to = message[TO] ? ` to ${message[TO]}` : ", for the record";
  const who = make("p", { className: "who" }, `${message[SENDER]}${to}; ${message[WHEN].toFixed(3)} s after the take began`);
  const line = make("p", {}, message[LINE]);
  if (beat) line.append(" ", make("button", { onclick: () => goTo(message[SPAN]?.[0] ?? beat.start) }, message[SPAN] ? `go to ${seconds(message[SPAN][0])} s` : `go to beat ${beat.number}`));
  place.replaceChildren(head, who, line);
  let whole;
  try {
    const body = await bodyOf(message[SEQ]);
    whole = body.left_out ? make("p", { className: "empty" }, "Too large for a page: textuportray replay --json shows it.") : fields(body);
    if (!body.left_out) whole.append(make("dt", {}, "as JSON"), make("dd", {}, folded("show", () => make("pre", {}, JSON.stringify(body, null, 1)))));
  } catch (error) {
    whole = make("p", { className: "empty" }, `This browser cannot unpack the message (${error.message}): textuportray replay --json shows it.`);
  }
  if (state.message === message[SEQ]) {
    place.append(whole);
    place.scrollTop = 0;
  }
}

/** Something long that is made when it is opened. */
function folded(title, content) {
  const element = make("details", {}, make("summary", {}, title));
  element.addEventListener("toggle", () => { if (element.open && element.children.length === 1) element.append(content()); });
  return element;
}

function fields(body) {
  const shown = make("dl");
  for (const [name, value] of Object.entries(body)) {
    if (name === "kind") continue;
    shown.append(make("dt", {}, name.replaceAll("_", " ")), make("dd", {}, pretty(value, name)));
  }
  return shown;
}

const isTrack = (value) => value.region !== undefined && Array.isArray(value.curves) && Array.isArray(value.sources);
const isShort = (value) => value === null || typeof value !== "object";

/** Any value of a message as something to read. */
function pretty(value, name) {
  if (value === null) return make("span", { className: "empty" }, "none");
  if (typeof value === "number") return String(Math.round(value * 1e6) / 1e6);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return prettyText(value, name);
  if (Array.isArray(value)) {
    if (!value.length) return make("span", { className: "empty" }, "none");
    if (value.every(isShort)) return value.map(String).join(", ");
    const items = () => make("ol", { start: 0 }, ...value.slice(0, 500).map((each) => make("li", {}, pretty(each, name))));
    return value.length > 12 ? folded(`${value.length} of them`, items) : items();
  }
  if (value.see !== undefined && Object.keys(value).length === 1) {
    return make("button", { onclick: () => choose(value.see) }, `as in #${value.see}`);
  }
  if (isTrack(value)) return prettyTrack(value);
  if (name === "configuration") {
    const tables = Object.entries(value).map(([table, text]) => folded(`${table}, ${text.length} characters`, () => make("pre", {}, text)));
    return make("div", {}, ...tables);
  }
  if (value.region !== undefined && value.digest !== undefined && value.revision !== undefined) {
    return `${value.region}: incarnation ${value.incarnation}, revision ${value.revision}, ${value.digest.slice(0, 12)}`;
  }
  return fields(value);
}

function prettyText(value, name) {
  if (name === "reply") {
    try {
      const reply = JSON.parse(value);
      if (reply && typeof reply === "object") return folded("the answer", () => pretty(reply, "answer"));
    } catch { /* what is no JSON is shown as it is */ }
  }
  if (value === "") return make("span", { className: "empty" }, "empty");
  if (value.length > 300 || value.includes("\n")) return folded(`${value.length} characters`, () => make("pre", {}, value));
  return /^[0-9a-f]{32,64}$/.test(value) ? make("span", { className: "mono" }, value) : value;
}

function prettyTrack(track) {
  const moving = track.curves.filter((curve) => curve.keys.length > 1 || curve.keys[0].value !== 0);
  const keys = moving.reduce((sum, curve) => sum + curve.keys.length, 0);
  const title = `${track.region}: ${moving.length} of ${track.curves.length} channels off rest, ${keys} keyframes`;
  return folded(title, () => {
    const body = make("tbody");
    for (const curve of moving) {
      for (const [n, key] of curve.keys.entries()) {
        const source = track.sources[key.source];
        const from = [source.gesture.replaceAll("_", " "), source.words && `“${source.words}”`, source.note].filter(Boolean).join(", ");
        body.append(make("tr", {}, ...[n ? "" : curve.channel, key.time.toFixed(3), key.value.toFixed(4), key.mode, from].map((text) => make("td", {}, text))));
      }
    }
    const head = make("tr", {}, ...["channel", "s", "value", "then", "from"].map((text) => make("th", {}, text)));
    return make("table", {}, make("thead", {}, head), body);
  });
}

/** Mark what the chosen message is about: its channels, and its span of the take. */
function pointAtChosen() {
  const message = messageAt(state.message);
  const names = new Set(message?.[CHANNELS] ?? []);
  for (const row of rows) row.element.classList.toggle("chosen", [...row.names].some((name) => names.has(name)));
  const beat = message && byBeat.get(message[BEAT]);
  const span = message?.[SPAN] ?? (beat && message[KIND] !== "TakeOpened" && message[KIND] !== "TakeClosed" ? [beat.start, beat.end] : null);
  const band = byId("span");
  band.hidden = !span || laneAxis() !== takeAxis;
  if (span) {
    const [from, to] = span.map((time) => Math.min(Math.max(takeAxis.x(time), 0), takeAxis.width));
    band.style.transform = `translateX(${from}px)`;
    band.style.width = `${to - from}px`;
  }
}

function buildList() {
  byId("filter").addEventListener("input", filterList);
  byId("chatter").addEventListener("change", filterList);
  list.addEventListener("scroll", drawList);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    chooseBy(step);
  });
  heard.message.push(() => {
    const message = messageAt(state.message);
    if (message) laneAxis().reveal(placeOf(message));
    showMessage();
    scrollToChosen();
    pointAtChosen();
  });
  heard.draw.push(() => { pointAtChosen(); drawList(); });
}
