"use strict";
// Values where one points, taps, or goes by the arrow keys; columns that sort.
(() => {
  const tip = document.getElementById("tip");
  let at = null;
  const show = (mark) => {
    hide();
    at = mark;
    mark.classList.add("at");
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = mark.getBoundingClientRect(), width = document.documentElement.clientWidth;
    const left = Math.min(Math.max(box.left + box.width / 2 - tip.offsetWidth / 2, 8), width - tip.offsetWidth - 8);
    const above = box.top - tip.offsetHeight - 6;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(above < 0 ? box.bottom + 6 : above) + window.scrollY}px`;
  };
  const hide = () => {
    if (at) at.classList.remove("at");
    at = null;
    tip.hidden = true;
  };
  let pointer = "";
  const over = (event) => {
    const place = `${event.clientX} ${event.clientY}`;
    if (event.type === "pointerover" && place === pointer) return; // the page moved, not the pointer
    pointer = place;
    const mark = event.target.closest("[data-tip]");
    if (mark) show(mark);
    else hide();
  };
  document.addEventListener("pointerover", over);
  document.addEventListener("pointerdown", over);
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const chart = event.target.closest("svg.chart");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!chart || !step) return;
    event.preventDefault();
    const marks = [...chart.querySelectorAll("[data-tip]")];
    const next = at && chart.contains(at) ? marks.indexOf(at) + step : step > 0 ? 0 : marks.length - 1;
    if (marks[next]) show(marks[next]);
  });

  const value = (row, column) => {
    const cell = row.cells[column];
    const number = Number(cell.dataset.value);
    return cell.dataset.value === undefined ? cell.textContent : cell.dataset.value === "" ? -Infinity : number;
  };
  document.querySelectorAll("table.sortable thead th").forEach((head) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const table = head.closest("table"), column = head.cellIndex;
      const order = head.ariaSort === "descending" ? "ascending" : "descending";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const compare = (a, b) => {
        const [left, right] = [value(a, column), value(b, column)];
        return sign * (typeof left === "string" ? left.localeCompare(right) : left - right);
      };
      [...table.tBodies].forEach((body) => body.append(...[...body.rows].sort(compare)));
    });
  });
})();
