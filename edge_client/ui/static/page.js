// The page: one feed in (gestures that happened, the client's state), a calm picture out. It decides nothing.
import { EventList } from "/static/events.js";
import { Feed } from "/static/feed.js";
import { milliseconds, percent } from "/static/format.js";
import { History } from "/static/history.js";
import { readable, readGesture, readState } from "/static/messages.js";
import { Skeleton } from "/static/skeleton.js";
import { chooseLanguage, WORDS } from "/static/words.js";

const byId = (id) => document.getElementById(id);
const CLIENT_AWAY_MS = 3000;
const GESTURE_SHOWN_MS = 2500;
const BAR_PITCH = 38;
const LONG_LABEL = 24;
const LESSON_SIGNS = { now: "●", seen: "✓", missed: "✗" };

const skeleton = new Skeleton(byId("hands"));
const history = new History(byId("history"));
const events = new EventList(byId("events"));
const stage = document.querySelector(".stage");
let words = WORDS.en;
let language = "en";
let state = null;
let stateAt = -Infinity;
let link = "up";
let shown = { label: "", kind: "" };
let lastModel = "";
let lastGesture = null;
let lastGestureAt = -Infinity;

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setLanguage(chosen) {
  language = chosen;
  words = WORDS[chosen];
  document.documentElement.lang = chosen;
  document.querySelectorAll("[data-word]").forEach((element) => setText(element, words[element.dataset.word]));
  document.querySelectorAll("[data-label]").forEach((element) => element.setAttribute("aria-label", words[element.dataset.label]));
  document.querySelectorAll("[data-language]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.language === chosen)));
  events.translate(words, language);
  render();
}

function clientRuns() {
  return performance.now() - stateAt < CLIENT_AWAY_MS;
}

function renderConnection() {
  const runs = clientRuns() && link === "up";
  const connection = runs ? state.connection : "none";
  document.body.dataset.connection = connection;
  document.body.dataset.source = runs ? state.source : "";
  let text = words[connection];
  if (link !== "up") text = words[link];
  else if (runs && state.lesson) text = words.teaching;
  else if (connection === "offline" && !state.hasDevice) text = words.offlineAlone;
  setText(byId("link").querySelector("span"), text);
  setText(byId("source"), runs && state.source ? words[state.source] : words.nobody);
  setMeasure("trip", runs ? state.roundTripMs : null, words.ms);
  setMeasure("fps", runs ? state.fps : null, words.perSecond);
  setText(byId("model"), runs && lastModel ? `${words.version} ${lastModel}` : words.nobody);
  setText(byId("reason"), runs ? state.reason : "");
}

function setMeasure(id, value, unit) {
  const element = byId(id);
  if (value === null) { setText(element, words.nobody); return; }
  const digits = value < 10 && unit === words.ms ? 1 : 0;
  const number = value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (element.dataset.text === number + unit && element.childElementCount) return;
  element.dataset.text = number + unit;
  const small = document.createElement("small");
  small.textContent = ` ${unit}`;
  element.replaceChildren(number, small);
}

const rows = new Map();
function renderBars() {
  const bars = clientRuns() ? state.bars : [];
  const list = byId("bars");
  const kept = new Set(bars.map(([label]) => label));
  for (const [label, row] of rows) if (!kept.has(label)) { row.remove(); rows.delete(label); }
  bars.forEach(([label, share], order) => {
    let row = rows.get(label);
    if (!row) {
      row = document.createElement("li");
      row.innerHTML = '<div class="name"><b></b><span></span></div><div class="track"><div class="fill"></div></div>';
      row.querySelector("b").textContent = readable(label);
      row.classList.toggle("rest", label === "none");
      rows.set(label, row);
      list.append(row);
    }
    row.classList.toggle("last", order === 4);
    row.style.transform = `translateY(${order * BAR_PITCH}px)`;
    row.querySelector(".fill").style.transform = `scaleX(${share})`;
    setText(row.querySelector("span"), percent(share, language));
  });
}

// What stands in large letters: the countdown of a gesture that is taught; a gesture that lasts or just happened; else, faintly, what it may become.
function renderGesture() {
  const element = byId("gesture");
  const runs = clientRuns();
  const recent = performance.now() - lastGestureAt < GESTURE_SHOWN_MS;
  let next = { label: "", kind: "", detail: "" };
  if (runs && state.lesson) {
    const { gesture, phase, number, count, seconds } = state.lesson;
    next = { label: LESSON_SIGNS[phase] || String(seconds), kind: `lesson ${phase}`, detail: `${gesture} ${number}/${count}: ${words.lesson[phase]}` };
  } else if (lastGesture && (recent || (runs && state.lasting && state.lasting === lastGesture.name))) {
    const { label, score, source, latencyMs } = lastGesture;
    const detail = [score !== null && `${percent(score, language)} ${words.sure}`, source && words.by[source], latencyMs !== null && `${words.took} ${milliseconds(latencyMs, words)}`];
    next = { label, kind: runs && state.lasting ? "" : "ended", detail: detail.filter(Boolean).join(" · ") };
  } else if (runs && state.belief && state.belief[0] !== "none" && state.belief[1] > 0.4) {
    next = { label: `${readable(state.belief[0])}?`, kind: "thinking", detail: percent(state.belief[1], language) };
  }
  if (next.label !== shown.label || next.kind !== shown.kind) {
    element.textContent = next.label;
    element.className = next.kind;
    element.classList.toggle("long", next.label.length > LONG_LABEL);
    shown = next;
  }
  setText(byId("detail"), next.detail);
}

function renderHint() {
  document.body.dataset.hands = skeleton.visible() ? "some" : "none";
  setText(byId("hint"), clientRuns() ? words.showHand : words.startClient);
  setText(byId("advice"), (clientRuns() && words.advice[state.advice]) || "");
  const hands = clientRuns() ? state.hands : [null, null];
  document.querySelectorAll(".sides span").forEach((element, side) => element.classList.toggle("seen", hands[side] !== null));
}

function render() {
  renderConnection();
  renderBars();
  renderGesture();
  renderHint();
}

// A screen reader says decided gestures and nothing else. A new node is said even if it reads as the one before.
function announce(label) {
  const spoken = document.createElement("span");
  spoken.textContent = label;
  byId("announcement").replaceChildren(spoken);
}

function takeGesture(gesture, isPast) {
  events.add(gesture, !isPast, words, language);
  if (isPast) return;
  lastGesture = gesture;
  lastGestureAt = performance.now();
  announce(gesture.label);
  stage.classList.remove("happened");
  byId("gesture").classList.remove("arrived");
  void stage.offsetWidth; // restarts both animations
  stage.classList.toggle("by-device", gesture.source === "device");
  stage.classList.add("happened");
  render();
  byId("gesture").classList.add("arrived");
}

function takeState(next) {
  if (next === null) return;
  state = next;
  stateAt = performance.now();
  lastModel = state.modelVersion || lastModel;
  skeleton.update(state.hands, state.aspect);
  if (state.source) history.note(state.source, state.roundTripMs);
  render();
}

function take(message) {
  if (message.gesture) takeGesture(readGesture(message.gesture, message.at), message.past);
  else if (message.state) takeState(readState(message.state));
}

function chooseOnClick(button) {
  button.addEventListener("click", () => {
    try { localStorage.setItem("language", button.dataset.language); } catch { /* a browser that keeps nothing */ }
    setLanguage(button.dataset.language);
  });
}

setLanguage(chooseLanguage());
document.querySelectorAll("[data-language]").forEach(chooseOnClick);
new Feed(take, (next) => { link = next; render(); });
setInterval(() => { render(); history.draw(); }, 500);
// The next picture is asked for first: one that can't be drawn doesn't end the rest.
const frame = () => { requestAnimationFrame(frame); skeleton.draw(); };
requestAnimationFrame(frame);
