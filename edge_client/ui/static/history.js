// The last two minutes as a strip: its height is the square root of the round trip, its colour who answered. Gaps are gaps.
const SPAN_MS = 120_000;
const CEILING_MS = 250;
const COLOURS = { cloud: "#5fd4c4", device: "#f5b95f" };

export class History {
  constructor(canvas) {
    this.canvas = canvas;
    this.samples = [];
  }

  note(source, tripMs) {
    const now = Date.now();
    const second = Math.floor(now / 1000) * 1000;
    const last = this.samples[this.samples.length - 1];
    const height = source === "cloud" ? Math.min(Math.sqrt((tripMs || 0) / CEILING_MS), 1) : 0;
    if (last && last.time === second) Object.assign(last, { source, height: Math.max(last.height, height) });
    else this.samples.push({ time: second, source, height });
    while (this.samples.length && this.samples[0].time < now - SPAN_MS) this.samples.shift();
  }

  draw() {
    const { canvas } = this;
    const scale = Math.min(devicePixelRatio || 1, 2);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const slot = width / (SPAN_MS / 1000);
    const newest = Math.floor(Date.now() / 1000) * 1000;
    context.fillStyle = "#1b2633";
    context.fillRect(0, height - 2, width, 2);
    for (const { time, source, height: share } of this.samples) {
      if (!COLOURS[source]) continue;
      const x = width - ((newest - time) / 1000 + 1) * slot;
      const bar = source === "cloud" ? 6 + share * (height - 8) : 6;
      context.fillStyle = COLOURS[source];
      context.fillRect(x, height - bar, Math.max(slot - 0.8, 1), bar);
    }
  }
}
