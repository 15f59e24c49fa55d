// The list of gestures that happened, newest first. Labels are others' words: they become text, never markup.
import { clock, milliseconds, percent } from "/static/format.js";

const EVENTS_SHOWN = 20;

export class EventList {
  constructor(list) {
    this.list = list;
  }

  // gesture: as readGesture makes it. isNew: it happened just now, and may move.
  add(gesture, isNew, words, language) {
    const item = document.createElement("li");
    item.append(...["b", "time", "small"].map((name) => document.createElement(name)));
    item.gesture = gesture;
    if (gesture.source) item.dataset.source = gesture.source;
    item.classList.toggle("new", isNew);
    describe(item, words, language);
    this.list.prepend(item);
    while (this.list.childElementCount > EVENTS_SHOWN) this.list.lastElementChild.remove();
  }

  translate(words, language) {
    for (const item of this.list.children) describe(item, words, language);
  }
}

function describe(item, words, language) {
  const { label, time, score, source, latencyMs } = item.gesture;
  const parts = [score !== null && percent(score, language), source && words[source], latencyMs !== null && milliseconds(latencyMs, words)];
  item.querySelector("b").textContent = label;
  item.querySelector("time").textContent = time === null ? "" : clock(time, language);
  item.querySelector("small").textContent = parts.filter(Boolean).join(" · ");
}
