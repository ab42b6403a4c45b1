"use strict";
// Tables are sorted by the buttons in their headers: numbers by their values, words as words; again turns the order round.
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th");
    const table = header.closest("table");
    const column = header.cellIndex;
    const order = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", order);
    const key = (row) => {
      const cell = row.cells[column];
      return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
    };
    const before = (a, b) => {
      const [one, two] = [key(a), key(b)];
      // What has no number, such as a dash, stands behind what has one.
      if (typeof one !== typeof two) return typeof one === "number" ? -1 : 1;
      const sign = order === "ascending" ? 1 : -1;
      return sign * (typeof one === "number" ? one - two : one.localeCompare(two, "en"));
    };
    const body = table.tBodies[0];
    body.append(...Array.from(body.rows).sort(before));
    document.getElementById("sorted").textContent = `${table.caption.textContent}: by ${button.textContent}, ${order}`;
  });
}
