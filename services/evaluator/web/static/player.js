// Ties the picture of a clip to its player: a line goes with the sound, a click moves it, and the space bar plays.
"use strict";

const LEFT = 44;
const WIDTH = 900;

for (const figure of document.querySelectorAll("[data-player]")) {
  const [drawing, sound, head] = ["svg", "audio", ".playhead"].map((name) => figure.querySelector(name));
  const show = () => {
    const at = LEFT + (sound.duration ? (WIDTH * sound.currentTime) / sound.duration : 0);
    head.setAttribute("x1", at);
    head.setAttribute("x2", at);
    if (!sound.paused) requestAnimationFrame(show);
  };
  for (const name of ["play", "timeupdate", "seeked"]) sound.addEventListener(name, show);
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    const share = ((event.clientX - box.left) * (drawing.viewBox.baseVal.width / box.width) - LEFT) / WIDTH;
    if (sound.duration) sound.currentTime = Math.min(1, Math.max(0, share)) * sound.duration;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.closest("button, a, summary, input, select, textarea, audio")) return;
    event.preventDefault();
    if (sound.paused) sound.play();
    else sound.pause();
  });
}
