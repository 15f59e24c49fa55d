// What the screen's server sends, made safe to show: whatever was posted to it, the page gets known types and ranges.
// An event keeps its label, and loses numbers that can't be what they say they are.
const SOURCES = ["cloud", "device"];
const CONNECTIONS = ["connecting", "online", "offline"];
const ADVICE = ["turn_camera"];
const PHASES = ["get_ready", "now", "seen", "missed"];
const MOST_RECORDINGS = 1000, LONGEST_COUNTDOWN_S = 60;
const LABEL_FIELDS = ["gesture", "character", "key"];
const LONGEST_LABEL = 120;
const POINTS = 21;
const BARS_SHOWN = 5;
const LONGEST_DECISION_MS = 60_000;
const YEAR_2000_S = 946_684_800, YEAR_2100_S = 4_102_444_800;

const isNumber = (value, lowest, highest) => typeof value === "number" && value >= lowest && value <= highest;
const isShare = (value) => isNumber(value, 0, 1);
const oneOf = (values, value, otherwise) => (values.includes(value) ? value : otherwise);
const text = (value) => (typeof value === "string" || typeof value === "number" ? shorten(String(value)) : "");

export const readable = (label) => label.replace(/[-_]+/g, " ").trim() || label;

function shorten(long) {
  const characters = Array.from(long.slice(0, 2 * LONGEST_LABEL));
  return characters.length > LONGEST_LABEL ? `${characters.slice(0, LONGEST_LABEL).join("")}…` : characters.join("");
}

// The label of any JSON object: what it names, or else the object itself.
function readLabel(posted) {
  for (const field of LABEL_FIELDS) {
    const value = text(posted[field]).trim();
    if (value) return readable(value);
  }
  return shorten(JSON.stringify(posted));
}

// Unix time in seconds. Some send milliseconds; what is neither gives way to the time at which the screen got it.
function readTime(timestamp, receivedAt) {
  for (const seconds of [timestamp, timestamp / 1000, receivedAt]) if (isNumber(seconds, YEAR_2000_S, YEAR_2100_S)) return seconds;
  return null;
}

export function readGesture(posted, receivedAt) {
  return {
    name: text(posted.gesture),
    label: readLabel(posted),
    score: isShare(posted.score) ? posted.score : null,
    latencyMs: isNumber(posted.latency_ms, 0, LONGEST_DECISION_MS) ? posted.latency_ms : null,
    time: readTime(typeof posted.timestamp === "number" ? posted.timestamp : NaN, receivedAt),
    source: oneOf(SOURCES, posted.source, ""),
  };
}

const isPoint = (point) => Array.isArray(point) && point.length === 3 && point.every((value) => isNumber(value, -100, 100));
const readHand = (hand) => (Array.isArray(hand) && hand.length === POINTS && hand.every(isPoint) ? hand : null);
const isGuess = (guess) => Array.isArray(guess) && typeof guess[0] === "string" && isShare(guess[1]);
const readGuess = ([label, share]) => [shorten(label), share];

// Where the teaching of a gesture is: recording number of count, the seconds of its countdown.
function readLesson(lesson) {
  if (typeof lesson !== "object" || lesson === null || !PHASES.includes(lesson.phase)) return null;
  const { phase, number, count, seconds } = lesson;
  if (!isNumber(number, 1, MOST_RECORDINGS) || !isNumber(count, 1, MOST_RECORDINGS)) return null;
  return { gesture: readable(text(lesson.gesture)), phase, number, count, seconds: isNumber(seconds, 0, LONGEST_COUNTDOWN_S) ? seconds : 0 };
}

export function readState(posted) {
  if (typeof posted !== "object" || posted === null) return null;
  const hands = Array.isArray(posted.hands) ? posted.hands : [];
  return {
    hands: [readHand(hands[0]), readHand(hands[1])],
    aspect: isNumber(posted.aspect, 0.1, 10) ? posted.aspect : null,
    bars: (Array.isArray(posted.bars) ? posted.bars : []).filter(isGuess).slice(0, BARS_SHOWN).map(readGuess),
    belief: isGuess(posted.belief) ? readGuess(posted.belief) : null,
    lasting: text(posted.lasting),
    source: oneOf(SOURCES, posted.source, ""),
    modelVersion: text(posted.model_version),
    connection: oneOf(CONNECTIONS, posted.connection, "connecting"),
    hasDevice: posted.has_device === true,
    reason: typeof posted.reason === "string" ? posted.reason.slice(0, 400) : "",
    roundTripMs: isNumber(posted.round_trip_ms, 0, 3_600_000) ? posted.round_trip_ms : null,
    fps: isNumber(posted.fps, 0, 1000) ? posted.fps : null,
    lesson: readLesson(posted.lesson),
    advice: oneOf(ADVICE, posted.advice, ""),
  };
}
