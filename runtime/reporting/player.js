// The cursor that everything shares: the film, the keys, and the place that the address names.

const state = { frame: 0, time: 0, message: 0, playing: false };
const video = byId("video");
const scrubber = byId("scrubber");
let canPlay = Boolean(video);
const MOST_AT_FIRST = 45; // seconds in which keyframes can still be told apart; the key 0 shows all
let goal = null; // a frame that the film is still to be shown at, once it has found the one before

/** Have the cursor stand on a frame. */
function setFrame(frame, fromFilm = false) {
  state.frame = Math.min(lastFrame, Math.max(0, frame));
  state.time = timeOf(state.frame);
  scrubber.value = state.frame;
  scrubber.setAttribute("aria-valuetext", `${seconds(state.time)} s, frame ${state.frame}`);
  byId("clock").textContent = `${seconds(state.time, 3)} s  frame ${state.frame} of ${lastFrame}`;
  const beat = beatAt(state.time);
  if (beat) byId("now").replaceChildren(make("b", {}, `beat ${beat.number} `), beat.words);
  if (takeAxis.reveal(state.time)) redraw();
  placeCursor();
  tell("frame", state.frame, state.time);
  if (!fromFilm) seek(state.frame);
}

const goTo = (time) => { pause(); setFrame(frameAt(time + 0.5 / (fpsOver / fpsUnder))); };

function placeCursor() {
  const x = takeAxis.x(state.time);
  byId("cursor").style.transform = `translateX(${x}px)`;
  byId("cursor").hidden = x < -1 || x > takeAxis.width + 1;
}

/** Show a frame of the film: the middle of its time, so that no rounding shows the one beside it. */
function seek(frame) {
  if (!canPlay) return;
  if (video.readyState < 1 || video.seeking) goal = frame;
  else video.currentTime = (frame + 0.5) * (fpsUnder / fpsOver);
}

function pause() {
  if (!state.playing) return;
  state.playing = false;
  if (canPlay) {
    video.pause();
    seek(state.frame); // it may have gone on by a frame since it was last heard of
  }
  byId("play").textContent = "▶";
}

function play() {
  if (state.frame >= lastFrame) setFrame(0);
  state.playing = true;
  byId("play").textContent = "❚❚";
  const speed = Number(byId("speed").value);
  if (canPlay) {
    video.playbackRate = speed;
    video.play().catch(() => pause());
  } else {
    const began = { at: performance.now(), time: state.time };
    const run = (now) => {
      if (!state.playing) return;
      const time = began.time + ((now - began.at) / 1000) * speed;
      const over = leftBeat(frameAt(time));
      if (over) Object.assign(began, { at: now, time: state.time });
      else setFrame(frameAt(time));
      if (state.frame >= lastFrame && !over) pause();
      else requestAnimationFrame(run);
    };
    requestAnimationFrame(run);
  }
}

/** Go back to the start of the beat if it is looped and a frame lies beyond it; whether it did. */
function leftBeat(frame) {
  const beat = beatAt(state.time);
  if (!byId("loop").checked || !beat || (timeOf(frame) < beat.end - 1e-6 && frame < lastFrame)) return false;
  setFrame(Math.ceil((beat.start * fpsOver) / fpsUnder - 1e-6));
  return true;
}

function buildFilm() {
  if (!video) return;
  const shown = (time) => {
    const frame = frameAt(time + 0.01 / (fpsOver / fpsUnder));
    if (state.playing && !leftBeat(frame)) setFrame(frame, true);
  };
  if (video.requestVideoFrameCallback) {
    const each = (_, about) => { shown(about.mediaTime); video.requestVideoFrameCallback(each); };
    video.requestVideoFrameCallback(each);
  } else {
    video.addEventListener("timeupdate", () => shown(video.currentTime));
  }
  const settled = () => {
    const next = goal;
    goal = null;
    if (next !== null) seek(next);
  };
  video.addEventListener("seeked", settled);
  video.addEventListener("loadedmetadata", settled);
  video.addEventListener("ended", () => { if (state.playing && !leftBeat(lastFrame)) { pause(); setFrame(lastFrame, true); } else if (state.playing) video.play(); });
  video.addEventListener("click", () => (state.playing ? pause() : play()));
  const broken = () => {
    if (!canPlay) return;
    pause();
    canPlay = false;
    const why = video.error?.message || "it lacks the codec";
    video.replaceWith(make("p", { className: "note", id: "unplayable" }, `This browser cannot play ${video.dataset.name} (${why}). The cursor still moves over the curves; open the file in a player, or the page in another browser.`));
  };
  video.addEventListener("error", broken);
  if (video.error) broken();
}

/** Choose a message, or none for 0. */
function choose(seq) {
  state.message = messageAt(seq) ? seq : 0;
  tell("message");
  redraw();
  remember();
}

/** Step to the start of the beat before or after the cursor. */
function stepBeat(step) {
  const starts = data.beats.map((beat) => Math.ceil((beat.start * fpsOver) / fpsUnder - 1e-6));
  const to = step > 0 ? starts.find((start) => start > state.frame) : starts.reverse().find((start) => start < state.frame);
  pause();
  if (to !== undefined) setFrame(to);
}

const keys = {
  ArrowLeft: (event) => { pause(); setFrame(state.frame - (event.shiftKey ? 10 : 1)); },
  ArrowRight: (event) => { pause(); setFrame(state.frame + (event.shiftKey ? 10 : 1)); },
  Home: () => { pause(); setFrame(0); },
  End: () => { pause(); setFrame(lastFrame); },
  " ": () => (state.playing ? pause() : play()),
  "[": () => stepBeat(-1),
  "]": () => stepBeat(1),
  n: () => chooseBy(1),
  p: () => chooseBy(-1),
  "+": () => { takeAxis.zoom(0.6, state.time); redraw(); },
  "=": () => keys["+"](),
  "-": () => { takeAxis.zoom(1 / 0.6, state.time); redraw(); },
  0: () => { takeAxis.show(0, takeAxis.end); journalAxis.show(0, journalAxis.end); redraw(); },
  Escape: () => choose(0),
};

document.addEventListener("keydown", (event) => {
  const place = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || place.matches("input[type=search], select")) return;
  if (event.key === " " && place.matches("button, summary, input[type=checkbox]")) return;
  const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action(event);
  remember();
});

/** The address names frame and message, so that it can be handed on. */
let remembering = 0;
function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const place = `#t=${seconds(state.time, 3)}${state.message ? `&m=${state.message}` : ""}`;
    try { history.replaceState(null, "", place); } catch { /* a page that may not change its address stays where it is */ }
  }, 300);
}

/** As tall as there is room beside the curves, however far the page is scrolled. */
function fitStage() {
  const stage = byId("stage");
  const beside = getComputedStyle(stage).position === "sticky";
  const top = Math.max(8, stage.parentElement.getBoundingClientRect().top);
  stage.style.height = beside ? `${Math.max(window.innerHeight - top - 8, 420)}px` : "";
  drawList();
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  setFrame(frameAt((Number(asked.get("t")) || 0) + 0.5 / (fpsOver / fpsUnder)));
  if (asked.has("m")) choose(Number(asked.get("m")));
}

function build() {
  readColours();
  if (takeAxis.end > MOST_AT_FIRST) takeAxis.show(0, MOST_AT_FIRST);
  buildRows();
  buildLanes();
  buildList();
  buildFilm();
  scrubber.max = lastFrame;
  scrubber.addEventListener("input", () => { pause(); setFrame(Number(scrubber.value)); remember(); });
  byId("play").addEventListener("click", keys[" "]);
  byId("back").addEventListener("click", keys.ArrowLeft);
  byId("forth").addEventListener("click", keys.ArrowRight);
  byId("speed").addEventListener("change", () => { if (state.playing) { pause(); play(); } });
  for (const id of ["ghosts", "dots", "order"]) byId(id).addEventListener("change", redraw);
  byId("idle").addEventListener("change", () => {
    for (const row of rows) row.element.classList.toggle("hidden", row.own && !byId("idle").checked);
    redraw();
  });
  for (const button of document.querySelectorAll("[data-time]")) button.addEventListener("click", () => goTo(Number(button.dataset.time)));
  for (const button of document.querySelectorAll("[data-message]")) button.addEventListener("click", () => choose(Number(button.dataset.message)));
  heard.draw.push(placeCursor);
  filterList();
  new ResizeObserver(redraw).observe(byId("timeline"));
  window.addEventListener("resize", fitStage);
  document.addEventListener("scroll", fitStage, { passive: true });
  fitStage();
  const repaint = () => { readColours(); redraw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  const printing = (on) => () => { document.documentElement.classList.toggle("paper", on); readColours(); tell("draw"); };
  window.addEventListener("beforeprint", printing(true));
  window.addEventListener("afterprint", printing(false));
  window.addEventListener("hashchange", readAddress);
  tell("draw");
  readAddress();
  document.documentElement.dataset.ready = "yes";
}

build();
