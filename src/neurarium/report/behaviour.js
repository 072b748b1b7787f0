// The theme button, and filtering and sorting of the scoreboard. The page is complete without it.
"use strict";
const root = document.documentElement;
const button = document.querySelector("#theme");
const isDark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const label = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
button.hidden = false;
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private windows */ }
  label();
});
label();

const board = document.querySelector(".board");
if (board) {
  const rows = [...board.tBodies[0].rows];
  const search = document.querySelector("#search");
  const family = document.querySelector("#family");
  const verdict = document.querySelector("#verdict");
  const shown = document.querySelector("#shown");
  document.querySelector(".filters").hidden = false;
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(
        (!family.value || row.dataset.family === family.value) &&
        (!verdict.value || row.dataset.verdict === verdict.value) &&
        words.every((word) => text.includes(word))
      );
      count += !row.hidden;
    }
    shown.textContent = `${count} of ${rows.length} systems`;
  };
  for (const control of [search, family, verdict]) control.addEventListener("input", filter);
  filter();

  for (const head of board.tHead.rows[0].cells) {
    const key = head.dataset.sort;
    if (!key) continue;
    const sorter = document.createElement("button");
    sorter.type = "button";
    sorter.textContent = head.textContent;
    head.replaceChildren(sorter);
    sorter.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of board.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.dataset[key] ?? "";
      const isNumber = key === "effect" || key === "speed";
      const compare = (a, b) => (isNumber ? value(a) - value(b) : value(a).localeCompare(value(b), "en"));
      rows.sort((a, b) => (value(a) === "") - (value(b) === "") || (up ? compare(a, b) : compare(b, a)));
      board.tBodies[0].append(...rows);
    });
  }
}
