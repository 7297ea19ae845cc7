"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const [LOG, LINE, AT, LEVEL, CLASS, EVENT, ATTEMPT, ORIGIN, BEGINS, TEXT] = Array(10).keys();
  const rowHeight = 24;

  // Light and dark, and the zone of the times.
  for (const hidden of document.querySelectorAll(".controls, .filter, .viewport")) hidden.hidden = false;
  const scheme = byId("scheme");
  const dark = () => document.documentElement.dataset.scheme
    ? document.documentElement.dataset.scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const showScheme = () => scheme.setAttribute("aria-pressed", String(dark()));
  scheme.addEventListener("click", () => { document.documentElement.dataset.scheme = dark() ? "light" : "dark"; showScheme(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showScheme);
  showScheme();
  let utc = false;
  byId("utc").addEventListener("click", () => {
    utc = !utc;
    byId("utc").setAttribute("aria-pressed", String(utc));
    for (const time of document.querySelectorAll("time[data-utc]")) {
      time.dataset.local ??= time.textContent;
      time.textContent = utc ? time.dataset.utc : time.dataset.local;
    }
    draw(true);
  });

  // The list of lines. Only the rows that show are in the document.
  const grid = byId("grid"), sizer = byId("sizer"), count = byId("count"), whole = byId("whole");
  let shown = data.lines.map((_, index) => index), active = -1, searched = null;
  const option = (select, value, text) => { const one = document.createElement("option"); one.value = value; one.textContent = text; select.append(one); };
  data.logs.forEach((name, index) => option(byId("log"), index, name));
  for (const number of new Set(data.lines.map((line) => line[ATTEMPT]).filter(Boolean))) option(byId("attempt"), number, "attempt " + number);

  const clock = (at) => at === null ? "" : new Date(at + (utc ? 0 : data.offset * 60000)).toISOString().slice(11, 23);
  const cell = (row, name, text) => { const span = document.createElement("span"); span.className = name; span.setAttribute("role", "gridcell"); span.textContent = text; row.append(span); };
  const drawn = new Map();
  function draw(anew) {
    if (anew) { for (const row of drawn.values()) row.remove(); drawn.clear(); }
    const from = Math.max(0, Math.floor(grid.scrollTop / rowHeight) - 10);
    const to = Math.min(shown.length, Math.ceil((grid.scrollTop + grid.clientHeight) / rowHeight) + 10);
    for (const [at, row] of drawn) if ((at < from || at >= to) && at !== active) { row.remove(); drawn.delete(at); }
    for (let at = from; at < to; at++) if (!drawn.has(at)) drawRow(at);
  }
  function drawRow(at) {
    const line = data.lines[shown[at]], row = document.createElement("div");
    row.className = ["line", data.names[line[CLASS]], data.levels[line[LEVEL]] || ""].join(" ").trim();
    row.id = "row-" + at;
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", at + 1);
    row.setAttribute("aria-selected", String(at === active));
    row.style.top = at * rowHeight + "px";
    cell(row, "at", clock(line[AT]));
    cell(row, "from", data.names[line[ORIGIN]] || data.logs[line[LOG]].split(/[/!]/).pop());
    cell(row, "text", line[TEXT].slice(line[BEGINS]).split("\n", 1)[0].slice(0, 500));
    grid.append(row);
    drawn.set(at, row);
  }
  function filter() {
    const words = byId("search").value.toLowerCase(), kind = byId("class").value, log = byId("log").value, attempt = byId("attempt").value;
    if (words && !searched) searched = data.lines.map((line) => line[TEXT].toLowerCase());
    shown = [];
    data.lines.forEach((line, index) => {
      const name = data.names[line[CLASS]];
      if (kind === "known" ? !line[EVENT] : kind === "error" ? line[LEVEL] < 3 : kind && name !== kind) return;
      if (log !== "" && line[LOG] !== Number(log) || attempt !== "" && line[ATTEMPT] !== Number(attempt)) return;
      if (words && !searched[index].includes(words)) return;
      shown.push(index);
    });
    active = -1;
    grid.removeAttribute("aria-activedescendant");
    whole.hidden = true;
    sizer.style.height = shown.length * rowHeight + "px";
    grid.setAttribute("aria-rowcount", shown.length);
    count.textContent = shown.length === data.lines.length ? `${shown.length} lines` : `${shown.length} of ${data.lines.length} lines`;
    grid.scrollTop = 0;
    draw(true);
  }
  function choose(at, open) {
    if (!shown.length) return;
    active = Math.min(Math.max(at, 0), shown.length - 1);
    const top = active * rowHeight;
    if (top < grid.scrollTop) grid.scrollTop = top;
    if (top + rowHeight > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + rowHeight - grid.clientHeight;
    draw(true);
    if (!drawn.has(active)) drawRow(active);
    grid.setAttribute("aria-activedescendant", "row-" + active);
    if (!open && whole.hidden) return;
    const line = data.lines[shown[active]];
    byId("whole-place").textContent = `${data.logs[line[LOG]]}, line ${line[LINE]}`;
    byId("whole-text").textContent = line[TEXT];
    whole.hidden = false;
  }
  grid.addEventListener("scroll", () => draw(false), { passive: true });
  grid.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(grid.clientHeight / rowHeight) - 1);
    const move = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: shown.length - 1, Enter: active, " ": active }[event.key];
    if (move === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    choose(move, event.key === "Enter" || event.key === " ");
  });
  grid.addEventListener("click", (event) => {
    const row = event.target.closest(".line");
    if (row) choose(Number(row.id.slice(4)), true);
  });
  let waiting;
  byId("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  for (const id of ["class", "log", "attempt"]) byId(id).addEventListener("change", filter);

  // Links to a line open it in the list.
  function goTo(hash) {
    const target = /^#line-(\d+)-(\d+)$/.exec(hash);
    if (!target) {
      const details = hash.length > 1 && byId(hash.slice(1))?.closest("details");
      if (details) details.open = true;
      return;
    }
    const [log, number] = target.slice(1).map(Number);
    byId("search").value = byId("class").value = byId("log").value = byId("attempt").value = "";
    filter();
    const index = data.lines.findIndex((line) => line[LOG] === log && line[LINE] === number);
    if (index < 0) return;
    byId("lines").scrollIntoView();
    grid.focus({ preventScroll: true });
    choose(index, true);
    grid.scrollTop = Math.max(0, active * rowHeight - grid.clientHeight / 2);
  }
  addEventListener("hashchange", () => goTo(location.hash));
  for (const link of document.querySelectorAll("a.to-line")) link.addEventListener("click", () => { if (location.hash === link.hash) goTo(link.hash); });
  filter();
  goTo(location.hash);
})();
