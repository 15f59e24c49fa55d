// Draws hands as a skeleton, as in a mirror. Knows points and a canvas; nothing of gestures or connections.
const BONES = [[0, 1, 2, 3, 4], [0, 5, 6, 7, 8], [5, 9, 10, 11, 12], [9, 13, 14, 15, 16], [13, 17, 18, 19, 20], [0, 17]];
const TIPS = new Set([4, 8, 12, 16, 20]);
const TINTS = [[124, 196, 255], [255, 159, 178]];
const FADE_MS = 260;
const TRAIL = 16;
const CATCH_UP_MS = 55;

export class Skeleton {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.hands = [0, 1].map(() => ({ target: null, points: null, seen: -Infinity, trail: [] }));
    this.aspect = 4 / 3;
    this.drawn = 0;
  }

  // hands: [left, right], each null or 21 × [x, y, z] in 0..1 of the picture.
  update(hands, aspect) {
    if (aspect) this.aspect = aspect;
    const now = performance.now();
    hands.forEach((points, side) => {
      const hand = this.hands[side];
      if (!points) { hand.target = null; return; }
      if (!hand.points || now - hand.seen > FADE_MS) { hand.points = points.map((p) => [...p]); hand.trail = []; }
      hand.target = points;
      hand.seen = now;
    });
  }

  visible() {
    return performance.now() - Math.max(...this.hands.map((hand) => hand.seen)) < FADE_MS;
  }

  draw() {
    const { canvas, context } = this;
    const scale = Math.min(devicePixelRatio || 1, 2);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const now = performance.now();
    const step = 1 - Math.exp(-(now - this.drawn) / CATCH_UP_MS);
    this.drawn = now;
    // The whole picture is on the stage, so that a hand that leaves the camera's view leaves it here too.
    const fit = Math.min(width / this.aspect, height);
    const left = (width - fit * this.aspect) / 2, top = (height - fit) / 2;
    this.drawGrid(left, top, fit * this.aspect, fit);
    const place = ([x, y]) => [left + (1 - x) * fit * this.aspect, top + y * fit];
    this.hands.forEach((hand, side) => this.drawHand(hand, TINTS[side], place, step, now));
  }

  // Dots over the camera's view, its corners marked.
  drawGrid(left, top, width, height) {
    const { context } = this;
    const columns = 16, rows = Math.round(columns / this.aspect);
    context.fillStyle = "#ffffff0d";
    for (let row = 1; row < rows; row += 1) {
      for (let column = 1; column < columns; column += 1) {
        context.fillRect(left + (width * column) / columns - 1, top + (height * row) / rows - 1, 2, 2);
      }
    }
    const inset = 12, arm = 16;
    context.strokeStyle = "#ffffff26";
    context.lineWidth = 1.5;
    for (const [x, y, right, down] of [[0, 0, 1, 1], [1, 0, -1, 1], [0, 1, 1, -1], [1, 1, -1, -1]]) {
      const cornerX = left + x * width + right * inset, cornerY = top + y * height + down * inset;
      context.beginPath();
      context.moveTo(cornerX + right * arm, cornerY);
      context.lineTo(cornerX, cornerY);
      context.lineTo(cornerX, cornerY + down * arm);
      context.stroke();
    }
  }

  drawHand(hand, tint, place, step, now) {
    if (!hand.points) return;
    const alpha = hand.target ? 1 : Math.max(0, 1 - (now - hand.seen) / FADE_MS);
    if (alpha === 0) { hand.points = null; hand.trail = []; return; }
    if (hand.target) {
      hand.points.forEach((point, index) => {
        for (let axis = 0; axis < 3; axis += 1) point[axis] += (hand.target[index][axis] - point[axis]) * step;
      });
    }
    const { context } = this;
    const points = hand.points.map(place);
    const size = Math.hypot(points[0][0] - points[9][0], points[0][1] - points[9][1]);
    const bone = Math.min(Math.max(size * 0.075, 2.5), 11);
    const colour = (opacity) => `rgba(${tint.join()},${(opacity * alpha).toFixed(3)})`;
    this.drawTrail(hand, place, bone, colour);
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    [0, 5, 9, 13, 17].forEach((index, order) => context[order ? "lineTo" : "moveTo"](...points[index]));
    context.closePath();
    context.fillStyle = colour(0.1);
    context.fill();
    context.shadowColor = colour(0.55);
    context.shadowBlur = bone * 2.4;
    context.strokeStyle = colour(0.92);
    context.lineWidth = bone;
    for (const chain of BONES) {
      context.beginPath();
      chain.forEach((index, order) => context[order ? "lineTo" : "moveTo"](...points[index]));
      context.stroke();
    }
    context.shadowBlur = 0;
    points.forEach(([x, y], index) => {
      // Nearer joints are larger: z is negative towards the camera.
      const near = Math.min(Math.max(1 - hand.points[index][2] * 2.2, 0.7), 1.5);
      context.beginPath();
      context.arc(x, y, bone * (TIPS.has(index) ? 0.86 : 0.6) * near, 0, 2 * Math.PI);
      context.fillStyle = TIPS.has(index) ? `rgba(255,255,255,${alpha})` : `rgba(13,20,28,${0.9 * alpha})`;
      context.fill();
    });
  }

  drawTrail(hand, place, bone, colour) {
    hand.trail.push([hand.points[8][0], hand.points[8][1]]);
    if (hand.trail.length > TRAIL) hand.trail.shift();
    const { context } = this;
    context.lineCap = "round";
    for (let index = 1; index < hand.trail.length; index += 1) {
      context.beginPath();
      context.moveTo(...place(hand.trail[index - 1]));
      context.lineTo(...place(hand.trail[index]));
      context.strokeStyle = colour((0.3 * index) / TRAIL);
      context.lineWidth = bone * 0.8 * (index / TRAIL);
      context.stroke();
    }
  }
}
