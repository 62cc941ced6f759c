// Makes the tables with `data-sort` sortable: each head with `data-sort-as` becomes a button. Rows that are `data-fixed`
// keep their place, each body is sorted for itself, and the third press restores the order of the page.
"use strict";

for (const table of document.querySelectorAll("table[data-sort]")) {
  const bodies = [...table.tBodies].map((body) => [body, [...body.rows]]);
  const heads = [...table.querySelectorAll("thead th[data-sort-as]")];
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.classList.add("sortable");
    button.addEventListener("click", () => {
      const orders = head.dataset.sortAs === "number" ? ["descending", "ascending"] : ["ascending", "descending"];
      const order = orders[orders.indexOf(head.getAttribute("aria-sort")) + 1] ?? null;
      for (const other of heads) other.removeAttribute("aria-sort");
      if (order) head.setAttribute("aria-sort", order);
      for (const [body, rows] of bodies) body.append(...(order ? sorted(rows, head, order) : rows));
    });
  }
}

function sorted(rows, head, order) {
  const at = head.cellIndex;
  const isNumber = head.dataset.sortAs === "number";
  const sign = order === "ascending" ? 1 : -1;
  const fixed = rows.filter((row) => "fixed" in row.dataset);
  const value = (row) => {
    const cell = row.cells[at];
    if (!isNumber) return cell.textContent.trim();
    return cell.dataset.value === undefined ? NaN : Number(cell.dataset.value);
  };
  const compare = (one, other) => {
    if (!isNumber) return sign * one.localeCompare(other);
    return Number.isNaN(one) - Number.isNaN(other) || sign * (one - other);
  };
  const free = rows.filter((row) => !("fixed" in row.dataset)).map((row) => [value(row), row]);
  free.sort(([one], [other]) => compare(one, other));
  return [...fixed, ...free.map(([, row]) => row)];
}
