// The page /shots: look at a keypoints file frame by frame, label it, export it, have it judged by /analyze.
import { tell } from "./shots_answer.js";
import { drawChart, drawPose } from "./shots_draw.js";
import { WORDS } from "./shots_words.js";

const LABELS = ["baja_transferencia", "muneca_adelantada", "pickup_inconsistente", "brazo_no_alineado"];
const get = (id) => document.getElementById(id);
// `given`: the release is the file's or a person's, not found. `shot`: which of the shots found. `asked`: questions sent.
const state = { file: null, frames: [], at: 0, aspect: 16 / 9, release: null, given: false, shot: 0, answer: null, asked: 0,
  playing: false, name: "shot" };
let language = (navigator.language || "es").startsWith("en") ? "en" : "es";
const words = () => WORDS[language];

function speak() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = words()[node.dataset.word];
  get("language").textContent = language === "es" ? "English" : "Español";
  get("language").lang = language === "es" ? "en" : "es";
  get("play").textContent = words()[state.playing ? "pause" : "play"];
  show();
}

function say(text, bad = false) {
  get("message").textContent = text;
  get("message").classList.toggle("bad", bad);
}

function take(file, name) {
  if (!Array.isArray(file?.frames) || !file.frames.length || !file.frames.every((frame) => Array.isArray(frame.keypoints))) {
    say(words().not_keypoints + name, true);
    return;
  }
  const given = file.window?.release_time_sec;
  Object.assign(state, { file, frames: file.frames, at: 0, answer: null, playing: false, release: given ?? null,
    given: (given ?? null) !== null, shot: 0, asked: state.asked + 1,
    aspect: file.width && file.height ? file.width / file.height : 1, name: name.replace(/(\.labeled)?\.json$/, "") });
  get("scrub").max = state.frames.length - 1;
  get("scrub").disabled = false;
  get("release").value = given ?? "";
  get("pre").value = file.window?.pre_ms ?? 500;
  get("post").value = file.window?.post_ms ?? 200;
  const holds = (label) => (Array.isArray(file.labels) ? file.labels.includes(label) : Boolean(file.labels?.[label]));
  for (const label of LABELS) get(`is_${label}`).checked = holds(label);
  get("ite").value = file.targets?.ite ?? "";
  get("delay_ms").value = file.targets?.delay_ms ?? file.targets?.delays_ms ?? "";
  get("answer").replaceChildren();
  get("hint").hidden = true;
  say(`${name}: ${state.frames.length} ${words().frames}`);
  show();
}

async function read(blob) {
  if (/^video\//.test(blob.type)) return say(words().video, true);
  try {
    take(JSON.parse(await blob.text()), blob.name);
  } catch {
    say(words().not_keypoints + blob.name, true);
  }
}

function show() {
  const frame = state.frames[state.at];
  drawPose(get("pose"), frame, state.aspect);
  drawChart(get("chart"), state, words());
  get("scrub").value = state.at;
  get("clock").textContent = frame ? `${state.at + 1}/${state.frames.length}  ${frame.time_sec.toFixed(3)} s` : "";
  for (const id of ["play", "here", "export", "analyse"]) get(id).disabled = !frame;
}

function play(since = null, from = 0) {
  if (!state.playing) return;
  requestAnimationFrame((now) => {
    const begun = since ?? now, start = since === null ? state.frames[state.at].time_sec : from;
    const time = start + (now - begun) / 1000;
    while (state.at < state.frames.length - 1 && state.frames[state.at + 1].time_sec <= time) state.at += 1;
    if (state.at === state.frames.length - 1) toggle();
    show();
    play(begun, start);
  });
}

function toggle() {
  state.playing = !state.playing && state.frames.length > 1;
  if (state.playing && state.at === state.frames.length - 1) state.at = 0;
  get("play").textContent = words()[state.playing ? "pause" : "play"];
  play();
}

const number = (id) => (get(id).value === "" ? null : Number(get(id).value));

function setRelease(time, given) {
  Object.assign(state, { release: time, given });
  get("release").value = time === null ? "" : Number(time.toFixed(3));
  show();
}

function labelled() {
  const [pre, post] = [number("pre") ?? 500, number("post") ?? 200], release = state.release;
  const inside = state.frames.filter((frame) =>
    frame.time_sec >= release - pre / 1000 - 1e-6 && frame.time_sec <= release + post / 1000 + 1e-6);
  const targets = Object.fromEntries(["ite", "delay_ms"].map((id) => [id, number(id)]).filter(([, value]) => value !== null));
  return { ...state.file, version: 1, frames: inside, window: { release_time_sec: release, pre_ms: pre, post_ms: post },
    labels: LABELS.filter((label) => get(`is_${label}`).checked), targets };
}

function exportFile() {
  if (state.release === null) return say(words().no_release, true);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(labelled())], { type: "application/json" }));
  link.download = `${state.name}.labeled.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return say(link.download);
}

async function analyse() {
  const { width, height } = state.file, question = state.asked += 1;
  const body = { frames: state.frames, pre_ms: number("pre") ?? 500, post_ms: number("post") ?? 200,
    hand: get("hand").value, speed: number("speed") };
  if (state.given) body.release_time_sec = state.release; else body.shot = state.shot;
  if (width && height) Object.assign(body, { width, height });
  try {
    const reply = await fetch("analyze", { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "Accept-Language": language } });
    const answer = await reply.json();
    if (question !== state.asked) return null; // another was asked since
    if (!reply.ok && body.shot) { // with another hand or speed there may be fewer shots: the first one, then
      state.shot = 0;
      return await analyse();
    }
    if (!reply.ok) throw new Error(answer.error);
    state.answer = answer;
    say("");
    setRelease(answer.release_time_sec, state.given);
    tell(get("answer"), answer, words(), choose);
  } catch (error) {
    if (question !== state.asked) return null;
    state.answer = null;
    get("answer").replaceChildren();
    say(error.message, true);
  }
  return show();
}

async function choose(shot, time) {
  if (state.given) state.release = time; else state.shot = shot;
  const after = state.frames.findIndex((frame) => frame.time_sec >= time - 1e-6);
  state.at = after < 0 ? state.frames.length - 1 : after;
  await analyse();
}

function press(event) {
  if (!state.frames.length || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, select, button, a")) return; // these have keys of their own
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) {
    if (state.playing) toggle();
    state.at = Math.max(0, Math.min(state.frames.length - 1, state.at + step));
    show();
  } else if (event.key === " ") toggle();
  else return;
  event.preventDefault();
}

async function example() {
  const operation = (await (await fetch("openapi.json")).json()).paths["/analyze"].post;
  take(operation.requestBody.content["application/json"].example, "example.json");
  await analyse();
}

for (const label of LABELS) {
  const row = document.createElement("label"), box = document.createElement("input"), name = document.createElement("span");
  Object.assign(box, { type: "checkbox", id: `is_${label}` });
  name.dataset.word = label;
  row.append(box, name);
  get("labels").append(row);
}
get("language").addEventListener("click", () => {
  language = language === "es" ? "en" : "es";
  speak();
  if (state.answer) analyse(); // its sentences are the service's
});
get("file").addEventListener("change", (event) => event.target.files[0] && read(event.target.files[0]));
get("example").addEventListener("click", example);
get("play").addEventListener("click", toggle);
get("scrub").addEventListener("input", (event) => { state.playing = false; state.at = Number(event.target.value); speak(); });
get("here").addEventListener("click", () => setRelease(state.frames[state.at].time_sec, true));
get("release").addEventListener("input", () => {
  Object.assign(state, { release: number("release"), given: number("release") !== null, shot: 0 });
  show();
});
for (const id of ["hand", "speed"]) get(id).addEventListener("change", () => state.file && analyse());
document.addEventListener("keydown", press);
get("export").addEventListener("click", exportFile);
get("analyse").addEventListener("click", analyse);
const drop = get("drop");
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
});
speak();
if (location.hash === "#example") example();
