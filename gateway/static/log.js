// The log of a page: its newest lines, followed until its reader scrolls up, and searched.

import { paint } from "./terminal.js";
import { locale } from "./texts.js";

const LOG_LINES = 2_000;

export const log = document.getElementById("log"); // null on pages without one
const searchLog = document.getElementById("log-search");
const followLog = document.getElementById("log-follow");

let pending = [];

/** Show the event's text; an empty one is none. */
export function addLine(event, text) {
  if (!text) return;
  const line = document.createElement("li");
  const time = document.createElement("time");
  const message = document.createElement("span");
  time.dateTime = event.timestamp;
  time.dataset.local = "";
  time.textContent = new Date(event.timestamp).toLocaleTimeString(locale);
  if ("terminal" in log.dataset) paint(message, text);
  else message.textContent = text;
  line.className = `${event.type} ${event.level ?? ""} ${event.stream ?? ""}`;
  line.append(time, message);
  line.hidden = !fits(line);
  if (pending.push(line) === 1) requestAnimationFrame(showLines);
}

function showLines() {
  const atEnd = followLog ? followLog.checked : log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.append(...pending.slice(-LOG_LINES));
  pending = [];
  while (log.childElementCount > LOG_LINES) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

/** Whether a line of the log holds what is searched for. */
function fits(line) {
  const wanted = searchLog?.value.trim().toLowerCase();
  return !wanted || line.textContent.toLowerCase().includes(wanted);
}

searchLog?.addEventListener("input", () => {
  for (const line of log.children) line.hidden = !fits(line);
});
// Who scrolls up wants to read; who scrolls back to the end wants to follow again.
log?.addEventListener("scroll", () => {
  if (followLog) followLog.checked = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
});
