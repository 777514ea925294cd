// One WebSocket to /ws/tasks that comes back by itself and asks for what it missed.

const FIRST_DELAY = 500;
const LONGEST_DELAY = 5_000; // a gateway that restarts is back in seconds, and somebody is looking
const PING_EVERY = 20_000;
const PONG_WITHIN = 8_000;

export class Live {
  /**
   * @param {{
   *   onEvent: (event: object) => void,
   *   onState: (state: "open" | "lost", again: boolean) => void,
   *   onLoggedOut: () => void,
   * }} handlers `again` is true when the connection is back after a loss.
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.job = null;
    this.last = 0;
    this.delay = FIRST_DELAY;
    this.lost = false;
    this.socket = null;
    this.timers = {};
    addEventListener("online", () => this.reopen());
  }

  /** Watch one job from its beginning, or every job from now on (null). */
  watch(job) {
    this.job = job;
    this.last = 0;
    this.reopen();
  }

  reopen() {
    this.close();
    this.delay = FIRST_DELAY;
    this.open();
  }

  close() {
    clearTimeout(this.timers.retry);
    clearInterval(this.timers.ping);
    clearTimeout(this.timers.pong);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  open() {
    const address = new URL("/ws/tasks", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.job) {
      address.searchParams.set("job", this.job);
      address.searchParams.set("since", String(this.last));
    }
    const socket = new WebSocket(address);
    this.socket = socket;
    let opened = false;
    socket.addEventListener("message", (message) => {
      if (socket !== this.socket) return;
      const event = JSON.parse(message.data);
      if (event.type === "connected") {
        opened = true;
        this.connected();
      } else if (event.type === "pong") {
        clearTimeout(this.timers.pong);
      } else if (event.job_id) {
        if (this.job) this.last = event.seq;
        this.handlers.onEvent(event);
      }
    });
    socket.addEventListener("close", (end) => {
      if (socket === this.socket) this.dropped(end.code, opened);
    });
  }

  connected() {
    const again = this.lost;
    this.lost = false;
    this.delay = FIRST_DELAY;
    this.timers.ping = setInterval(() => this.ping(), PING_EVERY);
    this.handlers.onState("open", again);
  }

  ping() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send("ping");
    clearTimeout(this.timers.pong);
    this.timers.pong = setTimeout(() => this.dropped(1006, true), PONG_WITHIN);
  }

  async dropped(code, opened) {
    this.close();
    if (code === 4404) return;
    this.lost = true;
    this.handlers.onState("lost", false);
    if (!opened && (await loggedOut())) this.handlers.onLoggedOut();
    if (this.socket) return;
    const wait = this.delay * (0.75 + Math.random() / 2);
    this.delay = Math.min(LONGEST_DELAY, this.delay * 2);
    this.timers.retry = setTimeout(() => this.open(), wait);
  }
}

/** A refused handshake looks like any lost connection to a page, so it asks. */
async function loggedOut() {
  try {
    const answer = await fetch("/api/jobs?limit=1", { headers: { Accept: "application/json" } });
    return answer.status === 401;
  } catch {
    return false;
  }
}
