// Leaves what is not chosen out of a filter's address.
"use strict";

const form = document.querySelector("form[data-filter]");
form.addEventListener("submit", () => {
  for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
});
addEventListener("pageshow", () => {
  for (const field of form.elements) field.disabled = false;
});
