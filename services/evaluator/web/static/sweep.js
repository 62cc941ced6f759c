// Keeps the runs up to date by server-sent events. A run that the page does not know, or whose state has other buttons
// by now, loads the page anew; while somebody fills in the form, that waits.
"use strict";

const FINAL = new Set(["done", "failed", "cancelled"]);
const form = document.querySelector("form.starter");
let stale = false;

function renew() {
  stale = true;
  const isBusy = form && (form.contains(document.activeElement) || form.querySelector("textarea").value);
  if (!isBusy) location.replace(location.pathname);
}

const source = new EventSource("/sweep/events");
source.addEventListener("message", (event) => {
  const { id, told } = JSON.parse(event.data);
  const place = document.querySelector(`[data-run="${CSS.escape(id)}"]`);
  if (!place) return renew();
  for (const [name, words] of Object.entries(told)) {
    const field = place.querySelector(`[data-told="${name}"]`);
    if (field && field.textContent !== words) field.textContent = words;
  }
  const bar = place.querySelector("[data-share]");
  if (bar) bar.value = Number(told.share);
  if (id && told.state !== place.dataset.state) {
    const before = place.dataset.state;
    place.dataset.state = told.state;
    if (FINAL.has(told.state) !== FINAL.has(before) || told.state === "cancelling") renew();
  }
});
addEventListener("pagehide", () => source.close());
form?.addEventListener("focusout", () => stale && setTimeout(renew, 500));
