// The data of the page, the clock that all share, and lines of time that can be zoomed.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);

/** A new element; what is given as children is text or elements, never markup. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const [fpsOver, fpsUnder] = data.film.fps;
const lastFrame = data.film.frames - 1;
const timeOf = (frame) => (frame * fpsUnder) / fpsOver;
/** The frame that is on the screen at a time. */
const frameAt = (time) => Math.min(lastFrame, Math.max(0, Math.floor((time * fpsOver) / fpsUnder + 1e-6)));
const sampleRate = data.rate[0] / data.rate[1];

/** A stretch of time that is shown across some width in pixels. */
class Axis {
  constructor(end) {
    this.end = Math.max(end, 0.001);
    this.from = 0;
    this.to = this.end;
    this.width = 1;
  }
  x(time) { return ((time - this.from) / (this.to - this.from)) * this.width; }
  time(x) { return this.from + (x / this.width) * (this.to - this.from); }
  /** Show less (factor < 1) or more around a time that keeps its place. */
  zoom(factor, around) {
    const span = Math.min(this.end, Math.max((this.to - this.from) * factor, this.end / 10000, 0.02));
    const share = (around - this.from) / (this.to - this.from);
    this.show(around - span * share, span);
  }
  show(from, span = this.to - this.from) {
    this.from = Math.min(Math.max(0, from), this.end - span);
    this.to = this.from + span;
  }
  /** Move as little as needed to have a time in sight; whether anything moved. */
  reveal(time) {
    const span = this.to - this.from;
    if (time >= this.from && time <= this.to) return false;
    this.show(time - span * 0.2);
    return true;
  }
  /** Round times about so many pixels apart. */
  *ticks(apart) {
    const least = ((this.to - this.from) / this.width) * apart;
    const tens = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((n) => n * tens).find((each) => each >= least);
    for (let n = Math.ceil(this.from / step - 1e-9); n * step <= this.to + 1e-9; n += 1) yield [n * step, step];
  }
}

const takeAxis = new Axis(Math.max(data.seconds, timeOf(data.film.frames)));
const journalAxis = new Axis(data.messages.length ? data.messages[data.messages.length - 1][1] * 1.01 : 1);

/** Make a canvas as fine as the screen; its context in CSS pixels and the size, or null while it is not shown. */
function fitted(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width || !height) return null;
  const fine = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * fine)) canvas.width = Math.round(width * fine);
  if (canvas.height !== Math.round(height * fine)) canvas.height = Math.round(height * fine);
  const pen = canvas.getContext("2d");
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

let colours = {};
/** The colours of the style sheet, which change with the scheme of the reader. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = new Proxy({}, { get: (known, name) => (known[name] ??= style.getPropertyValue(`--${name}`).trim()) });
}

const byBeat = new Map(data.beats.map((beat) => [beat.number, beat]));
/** The beat that a time falls into. */
const beatAt = (time) => data.beats.find((beat) => time >= beat.start && time < beat.end) || data.beats[data.beats.length - 1];
const seconds = (time, places = 2) => time.toFixed(places);

const tip = byId("tip");
/** Say something beside the pointer; nothing for an empty text. */
function hint(text, event) {
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - width - 8)}px`;
  tip.style.top = `${event.clientY + 16 + height > window.innerHeight ? event.clientY - height - 10 : event.clientY + 16}px`;
}

/** Who is to be told of what: the cursor's frame, the chosen message, and that everything is to be drawn again. */
const heard = { frame: [], message: [], draw: [] };
const tell = (what, ...about) => heard[what].forEach((each) => each(...about));
let drawing = 0;
/** Draw everything again before the next picture of the screen. */
function redraw() {
  drawing ||= requestAnimationFrame(() => { drawing = 0; tell("draw"); });
}
