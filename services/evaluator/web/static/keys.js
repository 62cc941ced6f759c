// Single keys for whatever says so by `data-key`: links are followed, buttons pressed, and fields entered. None counts
// while somebody writes, or with a modifier.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("textarea, input:not([type=radio], [type=checkbox])")) wanted.focus();
  else wanted.click();
});
