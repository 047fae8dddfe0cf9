// Without this everything still works. With it, sliders say in words where they stand while they are moved, and after htmx
// replaced the main part, what matters there has the focus.
"use strict";

function tell(slider) {
  const value = Number(slider.value);
  const { negative, positive } = slider.dataset;
  const size = Math.abs(value) / Number(slider.max);
  const how = size > 2 / 3 ? "strongly" : size > 1 / 3 ? "clearly" : "a little";
  const words = value === 0 ? "neither side" : `${how} ${value > 0 ? positive : negative}`;
  slider.setAttribute("aria-valuetext", words);
  slider.form.querySelector(".stands").textContent = words;
}

function tellAll() {
  document.querySelectorAll("input[type=range]").forEach(tell);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("input[type=range]")) tell(event.target);
});
document.addEventListener("DOMContentLoaded", tellAll);
document.addEventListener("htmx:afterSettle", () => {
  tellAll();
  document.querySelector("#main [data-focus]")?.focus({ preventScroll: true });
});
