// Without this everything still works: sliders only don't say in words where they stand while they are moved.
"use strict";

function tell(slider) {
  const value = Number(slider.value);
  const [negative, positive] = [slider.dataset.negative, slider.dataset.positive];
  const size = Math.abs(value) / Number(slider.max);
  const how = size > 2 / 3 ? "strongly" : size > 1 / 3 ? "clearly" : "a little";
  const words = value === 0 ? "neither side" : `${how} ${value > 0 ? positive : negative}`;
  slider.setAttribute("aria-valuetext", words);
  slider.form.querySelector(".stands").textContent = words;
}

document.addEventListener("input", (event) => {
  if (event.target.matches("input[type=range]")) tell(event.target);
});

function prepare(root) {
  root.querySelectorAll("input[type=range]").forEach(tell);
}

document.addEventListener("DOMContentLoaded", () => prepare(document));
document.addEventListener("htmx:afterSettle", () => prepare(document));
