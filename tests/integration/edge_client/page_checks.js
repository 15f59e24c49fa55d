// Runs before the page's own scripts: counts what happens in it, and looks for what can't be read.
window.watched = { faults: [], sockets: [], messages: 0, pictures: 0 };
addEventListener("error", (event) => watched.faults.push(String(event.message)));
addEventListener("unhandledrejection", (event) => watched.faults.push(String(event.reason)));
window.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url);
    watched.sockets.push(this);
    this.addEventListener("message", () => { watched.messages += 1; });
  }
};
const clearRect = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...area) { watched.pictures += 1; clearRect.apply(this, area); };

const LOWEST_CONTRAST = 4.5; // WCAG 2.2, 1.4.3, level AA
const colourParts = (colour) => colour.match(/[\d.]+/g).map(Number);

function luminance(colour) {
  const [red, green, blue] = colourParts(colour).map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function backgroundUnder(element) {
  for (let at = element; at; at = at.parentElement) {
    if (at.classList.contains("stage")) return "rgb(22, 34, 46)"; // the lightest colour of its gradient
    const colour = getComputedStyle(at).backgroundColor;
    if ((colourParts(colour)[3] ?? 1) === 1) return colour;
  }
  return "rgb(255, 255, 255)";
}

const opacityOf = (element) => (element ? Number(getComputedStyle(element).opacity) * opacityOf(element.parentElement) : 1);

function isInView(element) {
  if (!element.checkVisibility() || element.closest(".unseen, noscript, script")) return false;
  const hands = document.body.dataset.hands;
  return !(element.closest("#hint") && hands === "some") && !(element.closest(".sides") && hands === "none");
}

function* piecesOfText() {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (texts.currentNode.textContent.trim() && isInView(element)) yield [texts.currentNode.textContent, element];
  }
}

// Each piece of text that is too faint, with its contrast to what lies under it and its opacity.
window.faintTexts = () => [...piecesOfText()].map(([text, element]) => {
  const [one, other] = [getComputedStyle(element).color, backgroundUnder(element)].map((colour) => luminance(colour) + 0.05);
  return [text, Math.max(one, other) / Math.min(one, other), opacityOf(element)];
}).filter(([, contrast, opacity]) => contrast < LOWEST_CONTRAST || opacity < 1);

// Each piece of text that reaches beyond the window, or beyond its own element or one around it that hides what does.
window.cutTexts = () => [...piecesOfText()].filter(([, element]) => {
  const box = element.getBoundingClientRect();
  const hidden = getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1;
  return hidden || box.left < 0 || box.right > innerWidth;
}).map(([text]) => text);
