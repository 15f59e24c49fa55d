// The page: two streams in (gestures that happened, the client's state), a calm picture out. It decides nothing.
import { History } from "/static/history.js";
import { Skeleton } from "/static/skeleton.js";
import { chooseLanguage, WORDS } from "/static/words.js";

const byId = (id) => document.getElementById(id);
const EVENTS_SHOWN = 20;
const CLIENT_AWAY_MS = 3000;
const GESTURE_SHOWN_MS = 2500;
const BAR_PITCH = 38;

const skeleton = new Skeleton(byId("hands"));
const history = new History(byId("history"));
const stage = document.querySelector(".stage");
let words = WORDS.en;
let language = "en";
let state = null;
let stateAt = -Infinity;
let screenAway = false;
let shown = { label: "", kind: "" };
let lastModel = null;
let lastEvent = null;
let lastEventAt = -Infinity;

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setLanguage(chosen) {
  language = chosen;
  words = WORDS[chosen];
  document.documentElement.lang = chosen;
  document.querySelectorAll("[data-word]").forEach((element) => setText(element, words[element.dataset.word]));
  document.querySelectorAll("[data-language]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.language === chosen)));
  byId("hands").setAttribute("aria-label", words.handsLabel);
  byId("history").setAttribute("aria-label", words.historyLabel);
  document.querySelectorAll("#events li").forEach((item) => describeEvent(item, item.event));
  render();
}

const readable = (label) => label.replace(/[-_]+/g, " ");
const percent = (share) => `${Math.floor(share * 1000) / 10}`.replace(".", language === "es" ? "," : ".").replace(/^(\d+)$/, "$1") + " %";
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const milliseconds = (value) => `${Math.round(value)} ${words.ms}`;

function clientRuns() {
  return performance.now() - stateAt < CLIENT_AWAY_MS;
}

function renderConnection() {
  const runs = clientRuns() && !screenAway;
  const connection = runs ? state.connection : "none";
  document.body.dataset.connection = connection;
  document.body.dataset.source = (runs && state.source) || "";
  let text = words[connection];
  if (screenAway) text = words.lost;
  else if (connection === "offline" && !state.has_device) text = words.offlineAlone;
  setText(byId("link").querySelector("span"), text);
  setText(byId("source"), runs && state.source ? words[state.source] : words.nobody);
  setMeasure("trip", runs ? state.round_trip_ms : null, words.ms, 0);
  setMeasure("fps", runs ? state.fps : null, words.perSecond, 0);
  setText(byId("model"), runs && lastModel ? `${words.version} ${lastModel}` : words.nobody);
  setText(byId("reason"), runs ? state.reason : "");
}

function setMeasure(id, value, unit, digits) {
  const element = byId(id);
  if (value === null || value === undefined) { setText(element, words.nobody); return; }
  const text = value < 10 && digits === 0 && unit === words.ms ? value.toFixed(1) : value.toFixed(digits);
  const number = language === "es" ? text.replace(".", ",") : text;
  if (element.dataset.text === number + unit && element.childElementCount) return;
  element.dataset.text = number + unit;
  const small = document.createElement("small");
  small.textContent = ` ${unit}`;
  element.replaceChildren(number, small);
}

const rows = new Map();
function renderBars() {
  const bars = (clientRuns() && state.bars) || [];
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
    setText(row.querySelector("span"), percent(share));
  });
}

// What stands in large letters: a gesture that lasts or just happened; else, faintly, what it may become.
function renderGesture() {
  const element = byId("gesture");
  const runs = clientRuns();
  const recent = performance.now() - lastEventAt < GESTURE_SHOWN_MS;
  let next = { label: "", kind: "", detail: "" };
  if (lastEvent && (recent || (runs && state.lasting === lastEvent.gesture))) {
    const by = words.by[lastEvent.source] || "";
    const took = typeof lastEvent.latency_ms === "number" ? `${words.took} ${milliseconds(lastEvent.latency_ms)}` : "";
    const sure = typeof lastEvent.score === "number" ? `${percent(lastEvent.score)} ${words.sure}` : "";
    next = { label: readable(String(lastEvent.gesture ?? "")), kind: runs && state.lasting ? "" : "ended", detail: [sure, by, took].filter(Boolean).join(" · ") };
  } else if (runs && state.belief && state.belief[0] !== "none" && state.belief[1] > 0.4) {
    next = { label: `${readable(state.belief[0])}?`, kind: "thinking", detail: percent(state.belief[1]) };
  }
  if (next.label !== shown.label || next.kind !== shown.kind) {
    element.textContent = next.label;
    element.className = next.kind;
    shown = next;
  }
  setText(byId("detail"), next.detail);
}

function renderHint() {
  document.body.dataset.hands = skeleton.visible() ? "some" : "none";
  setText(byId("hint"), clientRuns() ? words.showHand : words.startClient);
  const hands = (clientRuns() && state.hands) || [null, null];
  document.querySelectorAll(".sides span").forEach((element, side) => element.classList.toggle("seen", Boolean(hands[side])));
}

function render() {
  renderConnection();
  renderBars();
  renderGesture();
  renderHint();
}

function describeEvent(item, event) {
  item.querySelector("b").textContent = readable(String(event.gesture ?? event.character ?? event.key ?? "?"));
  item.querySelector("time").textContent = typeof event.timestamp === "number" ? clock(event.timestamp) : "";
  const parts = [];
  if (typeof event.score === "number") parts.push(percent(event.score));
  if (words[event.source]) parts.push(words[event.source]);
  if (typeof event.latency_ms === "number") parts.push(milliseconds(event.latency_ms));
  item.querySelector("small").textContent = parts.join(" · ");
}

function addEvent(event, isNew) {
  const item = document.createElement("li");
  item.innerHTML = "<b></b><time></time><small></small>";
  item.event = event;
  if (event.source) item.dataset.source = event.source;
  if (isNew) item.classList.add("new");
  describeEvent(item, event);
  const list = byId("events");
  list.prepend(item);
  while (list.childElementCount > EVENTS_SHOWN) list.lastElementChild.remove();
}

function takeGesture(event) {
  if (event.type === "hello") return;
  addEvent(event, true);
  lastEvent = event;
  lastEventAt = performance.now();
  stage.classList.remove("happened");
  byId("gesture").classList.remove("arrived");
  void stage.offsetWidth; // restarts both animations
  stage.classList.toggle("by-device", event.source === "device");
  stage.classList.add("happened");
  render();
  byId("gesture").classList.add("arrived");
}

function takeState(next) {
  if (!next) return;
  state = next;
  stateAt = performance.now();
  lastModel = state.model_version || lastModel;
  skeleton.update(state.hands, state.aspect);
  if (state.source) history.note(state.source, state.round_trip_ms);
  render();
}

function listen(path, take) {
  const stream = new EventSource(path);
  stream.onmessage = (message) => take(JSON.parse(message.data));
  stream.onopen = () => { screenAway = false; render(); };
  stream.onerror = () => { screenAway = true; render(); };
}

async function start() {
  setLanguage(chooseLanguage());
  document.querySelectorAll("[data-language]").forEach((button) => button.addEventListener("click", () => {
    localStorage.setItem("language", button.dataset.language);
    setLanguage(button.dataset.language);
  }));
  const recent = await fetch("/recent").then((answer) => answer.json()).catch(() => []);
  recent.reverse().forEach((event) => addEvent(event, false));
  listen("/events", takeGesture);
  listen("/live", takeState);
  setInterval(() => { render(); history.draw(); }, 500);
  const frame = () => { skeleton.draw(); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}

start();
