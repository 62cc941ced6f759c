// The page of one question: a blind annotator's verdicts wait for an answer, and `e` opens the edit.
"use strict";

const form = document.querySelector("form[data-judge]");
const edit = form.querySelector("[data-edit]");
const waiting = form.querySelectorAll("[data-needs-choice]");
const hint = form.querySelector("[data-hint]");
const opener = form.querySelector("[data-open]");

const isAnswered = () => !("blind" in form.dataset) || form.querySelector("[name=choice]:checked");

function update() {
  for (const button of waiting) button.setAttribute("aria-disabled", String(!isAnswered()));
  if (isAnswered() && "blind" in form.dataset) hint.textContent = "Answered. Is the question sound?";
}

form.addEventListener("change", update);
form.addEventListener("submit", (event) => {
  if (isAnswered() || event.submitter?.value === "pass") return;
  event.preventDefault();
  form.querySelector("[name=choice]").focus();
});
opener.addEventListener("click", () => {
  if (!isAnswered()) return form.querySelector("[name=choice]").focus();
  edit.open = true;
  const taken = form.querySelector("[name=choice]:checked");
  if (taken && !form.querySelector("[name=right]:checked")) form.querySelector(`[name=right][value="${taken.value}"]`).checked = true;
  edit.querySelector("[data-first]").focus();
});
update();
