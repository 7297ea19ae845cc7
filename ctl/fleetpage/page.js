"use strict";
// Search and sorting; everything else is in the page already.
(() => {
  const body = document.getElementById("rows");
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of rows) {
      const fits = words.every((word) => one.text.includes(word));
      if (one.row.hidden === fits) one.row.hidden = !fits;
      if (fits) shown++;
    }
    count.textContent = shown === rows.length ? `${rows.length} Macs` : `${shown} of ${rows.length} Macs`;
  };
  let soon = 0;
  search.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(filter, 80); });
  search.closest(".filter").hidden = false;

  const headings = [...document.querySelectorAll(".macs thead th")];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const compare = new Intl.Collator("en", { numeric: true }).compare;
      const keys = new Map(rows.map((one) => [one, one.row.cells[column].dataset.key ?? one.row.cells[column].textContent]));
      rows.sort((a, b) => compare(keys.get(a), keys.get(b)) * (down ? -1 : 1));
      body.append(...rows.map((one) => one.row));
    });
  });
})();
