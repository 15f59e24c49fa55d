// The service's answer as a person reads it: the shots, the hand, labels, measures, advice and doubts.
function element(tag, content, parent, className = "") {
  const made = document.createElement(tag);
  made.textContent = content;
  if (className) made.className = className;
  parent.append(made);
  return made;
}

// Fill a place with an answer; `choose` is called with the number of the shot that a person picks.
export function tell(place, answer, words, choose) {
  const inList = place.querySelector(".shots")?.contains(document.activeElement);
  place.replaceChildren();
  listShots(place, answer, words, choose);
  if (inList) place.querySelector("[aria-current]")?.focus();
  const figures = element("div", "", place, "figures");
  for (const [value, name] of [[answer.metrics.ite, "ITE"], [`${answer.metrics.delay_ms} ms`, words.delay_ms]]) {
    element("small", name, element("div", value, figures));
  }
  const { side, confidence } = answer.hand, facts = element("dl", "", place, "facts");
  const sure = `${words[side]}, ${words.sure} ${percent(confidence)}`;
  const type = answer.shot_type ? words[answer.shot_type] : words.not_seen;
  for (const [name, value] of [[words.hand, sure], [words.shot_type, type]]) {
    element("dt", name, facts);
    element("dd", value, facts);
  }
  for (const [label, share] of Object.entries(answer.probabilities)) showLabel(place, answer, words, label, share);
  showAdvice(place, answer, words);
  showMeasures(place, answer.angles, words);
  const told = Object.values(answer.unknown); // stands beside its label already
  for (const doubt of answer.doubts) {
    if (!told.some((reason) => doubt.startsWith(reason))) element("p", doubt, place, "doubt");
  }
  element("p", words[`source_${answer.source}`], place, "doubt");
}

const percent = (share) => `${Math.round(share * 100)}\u00a0%`;

function listShots(place, answer, words, choose) {
  element("h2", words.shots, place);
  const list = element("ol", "", place, "shots");
  answer.shots.forEach(({ release_time_sec: time }, number) => {
    const button = element("button", `${words.shot} ${number + 1}: ${time.toFixed(2)} s`, element("li", "", list));
    button.type = "button";
    if (time === answer.release_time_sec) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => choose(number, time));
  });
}

function showLabel(place, answer, words, label, share) {
  const bar = element("div", "", place, share === null ? "bar unseen" : "bar"), name = words[label];
  element("span", name, bar);
  if (share === null) {
    element("b", words.not_seen, bar);
    element("small", answer.unknown[label], bar);
    return;
  }
  Object.assign(element("meter", "", bar), { min: 0, max: 1, high: 0.5, optimum: 0, value: share, ariaLabel: name });
  element("b", percent(share), bar);
}

function showAdvice(place, answer, words) {
  for (const advice of answer.recommendations) {
    const box = element("div", "", place, "advice");
    element("strong", advice.title, box);
    element("p", advice.description, box);
  }
  const unknown = Object.values(answer.probabilities).includes(null);
  if (!answer.labels.length) element("p", unknown ? words.nothing_seen : words.nothing, place);
}

function showMeasures(place, angles, words) {
  element("h2", words.angles, place);
  const table = element("table", "", place, "angles");
  for (const [name, measure] of Object.entries(angles)) {
    const row = element("tr", "", table);
    element("th", words[name], row).scope = "row";
    if (!measure) { element("td", words.not_seen, row, "unseen"); continue; }
    const [digits, unit] = name.endsWith("_deg") ? [0, "°"] : [2, `\u00a0${words.bodies}`];
    element("td", `${measure.value.toFixed(digits)} ± ${measure.spread.toFixed(digits)}${unit}`, row);
  }
}
