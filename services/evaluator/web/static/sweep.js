// Keeps the runs up to date by server-sent events. A run that the page does not know, or whose state has other buttons
// by now, loads the page anew; while somebody fills in the form, that waits. Where the server has no room for one more
// page that is kept up to date, or is gone, the page says so and tries again.
"use strict";

const FINAL = new Set(["done", "failed", "cancelled"]);
const AGAIN_MS = 15000;
const form = document.querySelector("form.starter");
const cut = document.querySelector("[data-cut]");
const news = document.querySelector("[data-news]");
let source = null;
let stale = false;

function renew() {
  stale = true;
  const isBusy = form && (form.contains(document.activeElement) || form.querySelector("textarea").value);
  if (!isBusy) location.replace(location.pathname);
}

function listed({ label, number, to }) {
  const line = document.createElement("li");
  const said = to ? document.createElement("a") : line;
  said.textContent = `${number.toLocaleString("en")} × ${label}`;
  if (to) {
    said.href = to;
    line.append(said);
  }
  return line;
}

function show(place, told, kinds) {
  for (const [name, words] of Object.entries(told)) {
    const field = place.querySelector(`[data-told="${name}"]`);
    if (field && field.textContent !== words) field.textContent = words;
  }
  place.querySelector("[data-kinds]").replaceChildren(...kinds.map(listed));
  const bar = place.querySelector("[data-share]");
  if (bar) bar.value = Number(told.share);
}

function hear(event) {
  const { id, told, kinds } = JSON.parse(event.data);
  const place = document.querySelector(`[data-run="${CSS.escape(id)}"]`);
  if (!place) return renew();
  show(place, told, kinds);
  const before = place.dataset.state;
  if (!id || told.state === before) return;
  place.dataset.state = told.state;
  news.textContent = `${place.dataset.name}: ${told.state}`;
  if (FINAL.has(told.state) !== FINAL.has(before) || told.state === "cancelling") renew();
}

function follow() {
  source = new EventSource("/sweep/events");
  source.addEventListener("message", hear);
  source.addEventListener("open", () => (cut.hidden = true));
  source.addEventListener("error", () => {
    cut.hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN_MS);
  });
}

follow();
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => event.persisted && follow());
form?.addEventListener("focusout", () => stale && setTimeout(renew, 500));
