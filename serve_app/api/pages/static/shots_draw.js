// The drawings of the page: the skeleton of a frame, and joint angles over time with release and delay.
const SIDES = ["left", "right"];
const BONES = [["left_shoulder", "right_shoulder"], ["left_hip", "right_hip"], ...SIDES.flatMap((side) =>
  [["shoulder", "elbow"], ["elbow", "wrist"], ["wrist", "index"], ["wrist", "pinky"], ["shoulder", "hip"], ["hip", "knee"],
    ["knee", "ankle"], ["ankle", "heel"], ["heel", "foot_index"]].map((pair) => pair.map((part) => `${side}_${part}`)))];
const SEEN = 0.3;

export const pointsOf = (frame) => new Map(frame.keypoints.map((point) => [point.name, point]));

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
// A custom property with light-dark() is only resolved where a property uses it.
const resolved = (name) => {
  const probe = document.createElement("i");
  probe.style.color = colour(name);
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

export function drawPose(canvas, frame, aspect) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!frame) return;
  const height = Math.min(canvas.height, canvas.width / aspect), width = height * aspect;
  const place = (point) => [(canvas.width - width) / 2 + point.x * width, (canvas.height - height) / 2 + point.y * height];
  const points = pointsOf(frame), seen = (name) => points.get(name)?.v >= SEEN;
  pen.strokeStyle = resolved("--line");
  pen.strokeRect((canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  pen.lineWidth = 4;
  pen.lineCap = "round";
  for (const [first, second] of BONES) {
    if (!seen(first) || !seen(second)) continue;
    pen.strokeStyle = resolved(second.startsWith("left") ? "--knee" : "--elbow");
    pen.beginPath();
    pen.moveTo(...place(points.get(first)));
    pen.lineTo(...place(points.get(second)));
    pen.stroke();
  }
  pen.fillStyle = resolved("--ink");
  for (const point of points.values()) {
    if (point.v < SEEN) continue;
    pen.beginPath();
    pen.arc(...place(point), 4, 0, 7);
    pen.fill();
  }
}

// The angle in degrees at the middle one of three points, null where one isn't seen.
function angle(points, names, aspect) {
  const [a, b, c] = names.map((name) => points.get(name));
  if (![a, b, c].every((point) => point?.v >= SEEN)) return null;
  const u = [(a.x - b.x) * aspect, a.y - b.y], v = [(c.x - b.x) * aspect, c.y - b.y];
  const lengths = Math.hypot(...u) * Math.hypot(...v);
  return lengths ? Math.acos(Math.max(-1, Math.min(1, (u[0] * v[0] + u[1] * v[1]) / lengths))) * 180 / Math.PI : null;
}

export function anglesOf(frames, hand, aspect) {
  const chains = { knee: ["hip", "knee", "ankle"], elbow: ["shoulder", "elbow", "wrist"], wrist: ["elbow", "wrist", "index"] };
  return Object.fromEntries(Object.entries(chains).map(([joint, parts]) =>
    [joint, frames.map((frame) => angle(pointsOf(frame), parts.map((part) => `${hand}_${part}`), aspect))]));
}

export function drawChart(canvas, state, words) {
  const pen = canvas.getContext("2d"), { frames } = state;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!frames.length) return;
  const first = frames[0].time_sec, span = frames.at(-1).time_sec - first || 1;
  const x = (time) => 40 + (time - first) / span * (canvas.width - 50), y = (degrees) => 190 - degrees;
  pen.font = "14px system-ui";
  pen.fillStyle = resolved("--quiet");
  pen.strokeStyle = resolved("--line");
  for (const degrees of [0, 90, 180]) {
    pen.fillText(`${degrees}°`, 2, y(degrees) + 5);
    line(pen, [[40, y(degrees)], [canvas.width - 10, y(degrees)]], 1);
  }
  if (state.answer) {
    const { legs, arm } = state.answer.events;
    pen.globalAlpha = 0.3;
    pen.fillStyle = resolved("--accent");
    pen.fillRect(Math.min(x(legs), x(arm)), 10, Math.max(2, Math.abs(x(arm) - x(legs))), 180);
    pen.globalAlpha = 1;
    pen.fillText(`${state.answer.metrics.delay_ms} ms`, Math.min(x(legs), x(arm)) + 4, 206);
  }
  for (const [joint, values] of Object.entries(anglesOf(frames, state.answer?.hand.side ?? "right", state.aspect))) {
    pen.strokeStyle = resolved(`--${joint}`);
    let run = [];
    values.forEach((value, number) => {
      if (value === null) { line(pen, run, 2.5); run = []; } else run.push([x(frames[number].time_sec), y(value)]);
    });
    line(pen, run, 2.5);
  }
  pen.strokeStyle = pen.fillStyle = resolved("--ink");
  if (state.release !== null) {
    pen.setLineDash([6, 4]);
    line(pen, [[x(state.release), 4], [x(state.release), 192]], 2);
    pen.setLineDash([]);
    pen.fillText(words.release_line, Math.min(x(state.release) + 4, canvas.width - 60), 16);
  }
  line(pen, [[x(frames[state.at].time_sec), 4], [x(frames[state.at].time_sec), 212]], 1);
}

function line(pen, places, width) {
  if (places.length < 2) return;
  pen.lineWidth = width;
  pen.beginPath();
  places.forEach((place, number) => (number ? pen.lineTo(...place) : pen.moveTo(...place)));
  pen.stroke();
}
