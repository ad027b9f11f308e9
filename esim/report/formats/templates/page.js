"use strict";
// Sorts tables by a click on a heading, and reads values off figures under the pointer.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
  if (body.rows.length < 3) continue;
  heads.forEach((head, at) => {
    if (head.tagName !== "TH") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[at].dataset.v ?? row.cells[at].textContent.trim();
      const unknown = (text) => text === "" || text === "\u2013";
      const rows = [...body.rows].sort((one, other) => {
        const a = value(one), b = value(other);
        if (unknown(a) || unknown(b)) return unknown(a) - unknown(b);
        const order = Number.isNaN(a - b) ? a.localeCompare(b, "en", { numeric: true }) : a - b;
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });
}
for (const svg of document.querySelectorAll("svg[data-x]")) {
  const axes = [svg.dataset.x, svg.dataset.y].map((text) => JSON.parse(text));
  const told = svg.parentNode.appendChild(document.createElement("output"));
  const shown = (axis, share) => {
    const value = axis.low + share * (axis.high - axis.low);
    const digits = axis.percent ? (100 * value).toFixed(1) + " %" : String(+value.toPrecision(4));
    return axis.label ? axis.label + " " + digits : digits;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const shares = axes.map((axis, i) => (at[i] - axis.from) / (axis.to - axis.from));
    const inside = shares.every((share) => share >= 0 && share <= 1);
    told.textContent = inside ? axes.map((axis, i) => shown(axis, shares[i])).join(", ") : "";
  });
  svg.addEventListener("pointerleave", () => { told.textContent = ""; });
}
