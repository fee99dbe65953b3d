// Connects each section on samples: its filters, its list, the opened sample, links to it, the table of cells.
// DataTables sorts, searches and turns pages; everything shown was written into the page beforehand.
"use strict";

(() => {
  const LAYOUT = { topStart: "search", topEnd: "pageLength", bottomStart: "info", bottomEnd: "paging" };

  /** The sample and cell that the address names, or null. */
  function linked() {
    const parts = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
    const match = /^#sample=([^&]*)/.exec(location.hash);
    return match ? { key: match[1], cell: parts.get("cell") } : null;
  }

  /** Whether a letter of `right` and one of `turned` are what a filter asks for. */
  function fits(verdict, right, turned, changed) {
    switch (verdict) {
      case "right": return right === "1";
      case "wrong": return right === "0";
      case "error": return right === "e";
      case "fell": return turned === "-";
      case "rose": return turned === "+";
      case "changed": return changed;
      default: return right !== " ";
    }
  }

  function connect(root) {
    const told = JSON.parse(root.querySelector(".answers-of-cells").textContent);
    const list = root.querySelector("table.listing");
    const viewer = root.querySelector(".viewer");
    const articles = new Map();
    for (const article of root.querySelectorAll(".gallery > article")) articles.set(article.dataset.key, article);
    for (const one of root.querySelectorAll("template")) {
      const article = one.content.firstElementChild;
      articles.set(article.dataset.key, article);
    }
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const selects = { benchmark: part("benchmark"), cell: part("cell"), verdict: part("verdict") };
    const cell = () => told.cells.indexOf(selects.cell.value);
    const answerColumn = [...list.tHead.rows[0].cells].findIndex((th) => th.textContent === "answer of the cell");

    /** Whether a sample fits the filters: with no cell chosen, whether the answer of any cell does. */
    function wanted(sample) {
      if (selects.benchmark.value && sample.benchmark !== selects.benchmark.value) return false;
      const at = cell();
      const places = at < 0 ? told.cells.keys() : [at];
      for (const place of places) {
        const given = sample.given[place];
        const changed = given !== sample.unpruned;
        if (given >= 0 && fits(selects.verdict.value, sample.right[place], sample.turned[place], changed)) return true;
      }
      return false;
    }

    const table = new DataTable(list, {
      layout: LAYOUT,
      order: [],
      pageLength: 10,
      columnDefs: [{ targets: answerColumn, visible: false }],
      language: { search: "search text ", zeroRecords: "no sample fits" },
    });
    table.search.fixed("filters", (_text, _row, index) => wanted(told.samples[index]));

    /** Show the rows that fit, with the chosen cell's answers. */
    function filter() {
      const at = cell();
      table.column(answerColumn).visible(at >= 0);
      table.rows().every(function () {
        const sample = told.samples[this.index()];
        const row = at < 0 || sample.given[at] < 0
          ? null
          : articles.get(sample.key).querySelector(`[data-answer="${sample.given[at]}"] td`);
        const text = document.createElement("bdi");
        text.textContent = row ? row.textContent : "";
        table.cell(this.index(), answerColumn).node().replaceChildren(text);
        table.cell(this.index(), answerColumn).invalidate("dom");
      });
      table.draw();
      mark();
    }

    /** Mark the chosen cell's answer in the opened sample. */
    function mark() {
      const sample = told.samples.find((one) => one.key === viewer.dataset.key);
      const given = sample && cell() >= 0 ? sample.given[cell()] : -1;
      for (const row of viewer.querySelectorAll("[data-answer]")) {
        const chosen = Number(row.dataset.answer) === given;
        row.classList.toggle("chosen", chosen);
        if (chosen) row.closest("details")?.setAttribute("open", "");
      }
    }

    function address(key) {
      const chosen = selects.cell.value;
      return `#sample=${key}${chosen ? `&cell=${encodeURIComponent(chosen)}` : ""}`;
    }

    function keysInOrder() {
      return table.rows({ search: "applied", order: "applied" }).indexes().toArray().map((at) => told.samples[at].key);
    }

    function open(key) {
      const bar = document.createElement("div");
      bar.className = "bar";
      for (const [text, act] of [["previous", () => step(-1)], ["next", () => step(1)], ["close", close]]) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.addEventListener("click", act);
        bar.append(button);
      }
      viewer.replaceChildren(bar, articles.get(key).cloneNode(true));
      viewer.dataset.key = key;
      viewer.hidden = false;
      for (const link of list.querySelectorAll("a")) {
        if (link.hash.slice("#sample=".length) === key) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      mark();
      viewer.scrollIntoView({ block: "nearest" });
      viewer.querySelector("h4").focus({ preventScroll: true });
    }

    function step(by) {
      const keys = keysInOrder();
      const next = keys[keys.indexOf(viewer.dataset.key) + by];
      if (next !== undefined) location.hash = address(next);
    }

    function close() {
      const key = viewer.dataset.key;
      viewer.hidden = true;
      viewer.replaceChildren();
      delete viewer.dataset.key;
      history.replaceState(null, "", location.pathname + location.search);
      [...list.querySelectorAll("a")].find((link) => link.hash.slice("#sample=".length) === key)?.focus();
    }

    /** Open what the address names, if it is of this model. */
    function follow() {
      const named = linked();
      if (!named || !articles.has(named.key)) return;
      if (named.cell !== null && named.cell !== selects.cell.value && told.cells.includes(named.cell)) {
        selects.cell.value = named.cell;
        filter();
      }
      open(named.key);
      // The address tells the chosen cell, too, so that it can be passed on.
      history.replaceState(null, "", address(named.key));
    }

    for (const select of Object.values(selects)) select.addEventListener("change", filter);
    selects.cell.addEventListener("change", () => {
      if (viewer.dataset.key) history.replaceState(null, "", address(viewer.dataset.key));
    });
    viewer.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const act = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), Escape: close }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    window.addEventListener("hashchange", follow);
    connectCells(root.querySelector(".all-cells"));
    for (const controls of root.querySelectorAll(".controls")) controls.hidden = false;
    follow();
  }

  /** Give the table of all cells a filter for each axis that has several values. */
  function connectCells(box) {
    const element = box.querySelector("table");
    const controls = box.querySelector(".controls");
    const heads = [...element.tHead.rows[0].cells];
    const table = new DataTable(element, { layout: LAYOUT, order: [], pageLength: 10, language: { search: "search text " } });
    heads.forEach((head, place) => {
      if (!head.dataset.filter) return;
      const column = table.column(place);
      const values = [...new Set(column.data().toArray())];
      if (values.length < 2) return;
      const label = document.createElement("label");
      const select = document.createElement("select");
      select.append(new Option("all", ""));
      for (const value of values) {
        const cell = new DOMParser().parseFromString(value, "text/html").body.textContent;
        select.append(new Option(cell || "none", cell));
      }
      select.addEventListener("change", () => {
        const chosen = select.selectedOptions[0];
        column.search.fixed("filter", select.selectedIndex ? (text) => text === chosen.value : null).draw();
      });
      label.append(`${head.dataset.filter} `, select);
      controls.append(label);
    });
  }

  document.querySelectorAll(".samples").forEach(connect);
})();
