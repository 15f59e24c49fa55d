// The page's one connection: a WebSocket, since browsers open six others to a server and no more, over all tabs.
// It comes back by itself, and goes on after the last event that it got.
const RETRY_MS = 1000;
const RETRY_FULL_MS = 10_000;
const SILENT_MS = 40_000;
const TRY_AGAIN_LATER = 1013;

export class Feed {
  // take({id, at, past, gesture} or {state}) for each message; link("up", "away" or "full") when that changes.
  constructor(take, link) {
    this.take = take;
    this.link = link;
    this.lastId = null;
    this.connect();
  }

  connect() {
    const url = new URL("/page", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.lastId !== null) url.searchParams.set("after", this.lastId);
    const socket = new WebSocket(url);
    let silence = 0;
    const watch = () => {
      clearTimeout(silence);
      silence = setTimeout(() => { leave("away", RETRY_MS); socket.close(); }, SILENT_MS);
    };
    const leave = (state, afterMs) => {
      clearTimeout(silence);
      socket.onopen = socket.onmessage = socket.onclose = null;
      setTimeout(() => this.connect(), afterMs);
      this.link(state);
    };
    socket.onopen = () => { watch(); this.link("up"); };
    socket.onclose = ({ code }) => (code === TRY_AGAIN_LATER ? leave("full", RETRY_FULL_MS) : leave("away", RETRY_MS));
    socket.onmessage = ({ data }) => {
      watch();
      const message = JSON.parse(data);
      if (message.id) this.lastId = message.id;
      this.take(message);
    };
    watch();
  }
}
