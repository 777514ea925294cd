// Keeps a page of the dashboard live: progress bars and log lines from events, everything else rendered by the server.

import { bodyOf, holdsTyped, keepForms, settle } from "./forms.js";
import { Live } from "./live.js";
import { addLine, log } from "./log.js";
import { locale, say, texts, words } from "./texts.js";

const FINAL = new Set(["SUCCESS", "FAILURE", "REVOKED", "DEAD"]);
const REFRESH_EVERY = 1_000;
const LEFT_WITHIN = 3_000; // a page that leads on is gone by then, or its reader chose to stay

const main = document.querySelector("main");
const notice = document.getElementById("notice");
const connection = document.getElementById("connection");
const announcer = document.getElementById("announce");
const steps = new Map(); // job → the step it was seen in
const percents = new Map(); // job → the newest percentage, which outlives a refresh
const rendered = new Map(); // fragment → how the server gave it last

// -- what the server renders -----------------------------------------------------------------------------------

let refreshTimer = null;
let refreshedAt = 0;
let refreshing = false;

function refreshSoon() {
  if (refreshTimer !== null) return;
  const wait = Math.max(150, refreshedAt + REFRESH_EVERY - Date.now());
  refreshTimer = setTimeout(refresh, wait);
}

async function refresh() {
  refreshTimer = null;
  if (refreshing) return refreshSoon();
  refreshing = true;
  refreshedAt = Date.now();
  try {
    const answer = await fetch(main.dataset.refresh ?? location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) return loggedOut();
    if (answer.ok && notice.querySelector("a")) notice.hidden = true;
    if (answer.ok) replaceFragments(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The connection is gone; the page is refreshed when it is back.
  } finally {
    refreshing = false;
  }
}

function replaceFragments(fresh) {
  for (const old of document.querySelectorAll("[data-fragment]")) {
    const next = fresh.getElementById(old.id);
    if (!next || rendered.get(old.id) === next.outerHTML) continue;
    rendered.set(old.id, next.outerHTML);
    const focused = old.contains(document.activeElement) ? pathOf(document.activeElement) : null;
    const open = [...old.querySelectorAll("details[open]")].map((details) => pathOf(details));
    const chosen = [...old.querySelectorAll("input[name=chosen]:checked")].map((box) => box.value);
    keepForms(old, next);
    old.replaceWith(next);
    for (const path of open) document.querySelector(path)?.setAttribute("open", "");
    for (const box of next.querySelectorAll("input[name=chosen]")) box.checked = chosen.includes(box.value);
    if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
  }
  dress();
  follow();
}

function rememberFragments() {
  for (const fragment of document.querySelectorAll("[data-fragment]")) rendered.set(fragment.id, fragment.outerHTML);
}

/** A selector that finds the same control after its fragment was rendered again. */
function pathOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  for (const name of ["data-send", "data-bulk", "href", "value", "name"]) {
    const value = element.getAttribute(name);
    if (value) return `${element.localName}[${name}="${CSS.escape(value)}"]`;
  }
  const parent = element.closest("[id]");
  return parent ? `#${CSS.escape(parent.id)} ${element.localName}` : "main";
}

/** Local times, and bars that are further than the record was when the page was made. */
function dress() {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[datetime]:not([data-local])")) {
    time.textContent = format.format(new Date(time.dateTime));
    time.dataset.local = "";
  }
  for (const [job, event] of percents) showProgress(job, event);
}

// -- what events tell ------------------------------------------------------------------------------------------

function onEvent(event) {
  if (log && followed) addLine(event, lineOf(event));
  event.arrived = Date.now();
  percents.set(event.job_id, event);
  const known = showProgress(event.job_id, event);
  const before = steps.get(event.job_id);
  steps.set(event.job_id, event.current_step);
  const news = event.type === "state" || (before !== undefined && before !== event.current_step);
  if (news) tell(event);
  if (news || before === undefined) {
    if (known || log || "newest" in main.dataset) refreshSoon();
  }
  if (FINAL.has(event.status)) forget(event.job_id);
}

function showProgress(job, event) {
  const bars = document.querySelectorAll(`[data-job="${CSS.escape(job)}"]`);
  for (const bar of bars) {
    bar.querySelector("progress").value = event.progress;
    bar.querySelector("[data-percent]").textContent = `${Math.round(event.progress)} %`;
    bar.querySelector("[data-step]").textContent = words(event.current_step || event.status || "");
    bar.querySelector("[data-eta]").textContent = leftOf(event);
  }
  return bars.length > 0;
}

/** What ended is told by the server from now on; a page that is open for days keeps nothing of it. */
function forget(job) {
  percents.delete(job);
  steps.delete(job);
}

/** The estimate runs down between two events; one that has run out is not shown. */
function leftOf(event) {
  return event.eta ? left(event.eta - (Date.now() - event.arrived) / 1_000) : "";
}

setInterval(() => {
  for (const [job, event] of percents) {
    if (!event.eta) continue;
    for (const eta of document.querySelectorAll(`[data-job="${CSS.escape(job)}"] [data-eta]`)) eta.textContent = leftOf(event);
  }
}, 1_000);

function left(seconds) {
  if (!(seconds > 0)) return "";
  if (seconds < 90) return say(texts.seconds_left, { number: Math.ceil(seconds) });
  return say(texts.minutes_left, { number: Math.round(seconds / 60) });
}

/** Speak of a change of step or state, not of every percent. */
function tell(event) {
  const bar = document.querySelector(`[data-job="${CSS.escape(event.job_id)}"] progress`);
  const what = bar?.dataset.what ?? "";
  if (what) announcer.textContent = `${what}: ${words(event.status ?? event.current_step)}`;
}

function lineOf(event) {
  if (event.type === "state") return [words(event.status ?? ""), event.message].filter(Boolean).join(": ");
  if (event.type === "log") return event.message;
  const moved = steps.get(event.job_id) !== event.current_step;
  return event.message || (moved ? words(event.current_step) : "");
}

// -- the connection --------------------------------------------------------------------------------------------

const live = new Live({
  onEvent,
  onState(state, again) {
    connection.textContent = state === "lost" ? texts.lost : again ? texts.again : texts.live;
    connection.classList.toggle("lost", state === "lost");
    if (again) refreshSoon();
  },
  onLoggedOut: loggedOut,
});
let followed;

/** Watch what this page shows: its newest job, or all of them, until one of its own begins. */
function follow() {
  const job = (main.dataset.live === "job" && document.querySelector("[data-live-job]").dataset.liveJob) || null;
  if (job === followed) return;
  if (log && followed) log.replaceChildren();
  followed = job;
  live.watch(job);
}

// -- what a person does ----------------------------------------------------------------------------------------

async function send(control, address, body) {
  const buttons = control.matches("button") ? [control] : control.querySelectorAll("button");
  for (const button of buttons) button.setAttribute("aria-busy", "true");
  notice.hidden = true;
  let leaving = false;
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    if (control.dataset.match) headers["If-Match"] = `"${control.dataset.match}"`;
    const answer = await fetch(address, {
      method: control.dataset.method ?? "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (answer.status === 401) return loggedOut();
    if (answer.status === 409 || answer.status === 412) showWhatIs(control);
    if (!answer.ok) return complain(reasonOf(await answer.json(), answer.status));
    if (control.dataset.show) showOnce((await answer.json())[control.dataset.show]);
    if (control.dataset.then) {
      leaving = true;
      if (control.matches("form")) settle(control);
      return location.assign(control.dataset.then);
    }
    if (control.matches("form")) {
      control.reset();
      control.closest("details")?.removeAttribute("open");
    }
    refreshSoon();
  } catch {
    complain(texts.away);
  } finally {
    const free = () => buttons.forEach((button) => button.removeAttribute("aria-busy"));
    // Until the next page is there, a second click would send the same again.
    if (leaving) setTimeout(free, LEFT_WITHIN);
    else free();
  }
}

/** What was refused was about an older state than there is, so the page shows that one, whatever it showed before. */
function showWhatIs(control) {
  control.dataset.refused = "";
  rendered.clear();
  refreshSoon();
}

function complain(text) {
  notice.textContent = text;
  notice.hidden = false;
  notice.scrollIntoView({ block: "nearest" });
}

/** What is typed stays; the login is in another tab, and this page goes on after it. */
function loggedOut() {
  if (!holdsTyped()) return location.reload();
  if (!notice.hidden && notice.querySelector("a")) return;
  const link = document.createElement("a");
  link.href = "/login";
  link.target = "_blank";
  link.textContent = texts.login;
  complain(`${texts.logged_out} `);
  notice.append(link);
}

/** Something that will not be shown again. */
function showOnce(text) {
  const place = document.getElementById("shown-once");
  place.textContent = say(texts.once, { text });
  place.hidden = false;
}

/** What a problem document says: its fields, when it names some. */
function reasonOf(problem, status) {
  const fields = (problem.errors ?? []).map((error) => `${error.field}: ${error.message}`);
  return fields.join("; ") || problem.detail || say(texts.refused, { status });
}

/** One call for each chosen row; what is refused is told together at the end. */
async function sendForChosen(button) {
  const chosen = [...document.querySelectorAll("input[name=chosen]:checked")];
  if (chosen.length === 0) return complain(texts.choose);
  button.setAttribute("aria-busy", "true");
  notice.hidden = true;
  const refused = [];
  for (const box of chosen) {
    const address = button.dataset.bulk.replace("{id}", box.value).replace("{job}", box.dataset.ofJob);
    try {
      const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
      if (answer.status === 401) {
        loggedOut();
        break;
      }
      if (answer.ok) box.checked = false;
      else refused.push(`${box.value}: ${reasonOf(await answer.json(), answer.status)}`);
    } catch {
      refused.push(texts.away);
      break;
    }
  }
  if (refused.length > 0) complain(refused.join("; "));
  button.removeAttribute("aria-busy");
  refreshSoon();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-bulk]");
  if (button && !button.hasAttribute("aria-busy")) sendForChosen(button);
});
document.addEventListener("change", (event) => {
  if (event.target.id !== "choose-all") return;
  for (const box of document.querySelectorAll("input[name=chosen]")) box.checked = event.target.checked;
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.send) return;
  event.preventDefault();
  if (!form.querySelector("[aria-busy]")) send(form, form.dataset.send, bodyOf(form));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-send]");
  if (button && !button.hasAttribute("aria-busy")) send(button, button.dataset.send, JSON.parse(button.dataset.body ?? "{}"));
});

// What others did to an article is no event of a job: who comes back to the page sees it as it is now.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && "live" in main.dataset) refreshSoon();
});

if (matchMedia("(max-width: 56rem)").matches) document.querySelector(".menu")?.removeAttribute("open");
rememberFragments();
dress();
follow();
