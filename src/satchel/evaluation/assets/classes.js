// The class explorer: a table to sort and search, and what is known of one class.
const ROWS = 100;

function classesSection() {
  const state = { sort: "f1", down: false, text: "", chosen: null, all: false };
  const columns = [
    ["number", "#", true], ["name", "Class", false], ["f1", "F1", true], ["precision", "Precision", true], ["recall", "Recall", true],
    ["support", "Documents", true], ["mistakes", "Mistakes", true],
  ];
  const wide = new Set(["number", "support", "mistakes"]);
  const head = make("tr", {}), rows = make("tbody", {}), about = make("p", { class: "soft", "aria-live": "polite" });
  const more = make("button", { type: "button", class: "more", onclick: () => { state.all = true; update(); } });
  const detail = make("div", { class: "detail", tabindex: -1, role: "region", "aria-label": "The chosen class" });
  const search = make("input", { type: "search", oninput: framed(() => { state.text = search.value.toLowerCase(); update(); }) });
  const headers = columns.map(([key, title, isNumber]) => {
    const cell = make("th", { scope: "col", class: `${isNumber ? "n" : ""}${wide.has(key) ? " wide" : ""}` }, make("button", { type: "button", text: title, onclick: () => {
      state.down = state.sort === key ? !state.down : key === "support" || key === "mistakes";
      state.sort = key;
      update();
    } }));
    head.append(cell);
    return [key, cell];
  });

  function sorted() {
    const found = classes.filter((one) => !state.text || `${one.name} #${one.number}`.toLowerCase().includes(state.text));
    const key = state.sort, turn = state.down ? -1 : 1;
    return found.sort((one, other) => {
      // Classes without test documents have no figures: they come last whatever the order.
      if (key !== "name" && key !== "number" && !one.support !== !other.support) return one.support ? -1 : 1;
      const order = key === "name" ? one.name.localeCompare(other.name) : one[key] - other[key];
      return turn * order || one.number - other.number;
    });
  }

  function update() {
    const found = sorted(), shown = state.all ? found : found.slice(0, ROWS);
    for (const [key, cell] of headers) {
      if (key === state.sort) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending"); else cell.removeAttribute("aria-sort");
    }
    const figure = (one, key) => (key === "precision" ? one.predicted : key === "recall" ? one.support : one.support + one.predicted) ? one[key].toFixed(3) : "–";
    rows.replaceChildren(...shown.map((one) => make("tr", { class: one.place === state.chosen ? "chosen" : null, "data-place": one.place },
      columns.map(([key, , isNumber]) => {
        const kind = `${isNumber ? "n" : "name"}${wide.has(key) ? " wide" : ""}`;
        if (key === "name") return make("td", { class: kind }, make("button", { class: "link", type: "button", "aria-expanded": String(one.place === state.chosen), onclick: () => choose(one.place, true) }, breakable(one.name)), one.unknown ? make("small", { text: " not known to the model" }) : null);
        return make("td", { class: kind, text: ["f1", "precision", "recall"].includes(key) ? figure(one, key) : number(one[key]) });
      }))));
    more.hidden = shown.length === found.length;
    more.textContent = `Show all ${number(found.length)} classes`;
    about.textContent = state.text ? `${number(found.length)} of ${number(classes.length)} classes.` : "";
  }

  function choose(place, byHand) {
    state.chosen = place;
    for (const row of rows.children) {
      const mine = Number(row.dataset.place) === place;
      row.classList.toggle("chosen", mine);
      row.querySelector("button").setAttribute("aria-expanded", String(mine));
    }
    detail.replaceChildren(...classDetail(classAt(place), (other) => choose(other, true)));
    if (byHand) {
      detail.focus({ preventScroll: true });
      if (detail.getBoundingClientRect().top > innerHeight * 0.8 || detail.getBoundingClientRect().top < 0) detail.scrollIntoView({ block: "start" });
    }
  }

  const left = data.total_classes - classes.length;
  const part = section("classes", "Classes",
    left > 0 ? make("p", { class: "soft", text: `The ${number(classes.length)} of ${number(data.total_classes)} classes with the most mistakes; all are in report.json.` }) : null,
    make("div", { class: "controls" }, make("label", {}, "Search classes", search)), about,
    make("div", { class: "explorer" },
      make("div", {}, make("div", { class: "table-box scroll", tabindex: 0, role: "region", "aria-label": "Table of classes" }, make("table", { class: "list" },
        make("caption", { class: "hidden", text: "Precision, recall and F1 of each class" }), make("thead", {}, head), rows)), more),
      detail));
  return {
    part,
    start() { update(); const first = sorted()[0]; if (first) choose(first.place, false); },
    beforePrint() { state.all = classes.length <= 300; update(); },
  };
}

/** What is known of one class. */
function classDetail(one, go) {
  const parts = [make("h3", { text: `${one.name} (#${one.number})` })];
  if (!one.support && !one.predicted) return [...parts, make("p", { text: "The test has no document of this class, and no document was predicted as it." })];
  const figures = [["Precision", "of those given this class, the share that has it", one.hits, one.predicted], ["Recall", "of its documents, the share that is found", one.hits, one.support]];
  parts.push(make("div", { class: "meters" }, figures.flatMap(([name, meaning, hits, all]) => {
    const ends = wilson(hits, all);
    return [make("span", { title: meaning, text: name }), all ? meter(hits / all, ends) : make("span", { class: "soft", text: "no documents" }),
      make("span", { class: "figure", text: all ? `${percent(hits / all)}  (${percent(ends[0])} to ${percent(ends[1])})` : "–" })];
  })));
  parts.push(make("p", { class: "soft", text: `${documents(one.support)} of the test; given to ${number(one.predicted)}. In brackets the 95% intervals.` }));
  if (one.words?.length) {
    parts.push(make("h4", { text: "Words that support it" }),
      make("ul", { class: "words" }, one.words.map(([word, count]) => make("li", { title: `in ${documents(count)}` }, word, make("small", { class: "soft", text: ` ${number(count)}` })))),
      make("p", { class: "soft", text: `What added most to this prediction in ${documents(one.explained)} that were explained; the numbers say in how many of them a word occurs.` }));
  } else if (data.explained) parts.push(make("p", { class: "soft", text: "None of its documents was explained." }));
  const kept = (found) => found.slice(0, 6);
  const taken = kept(errors.filter((cell) => cell.true === one.place)), others = kept(errors.filter((cell) => cell.predicted === one.place));
  const list = (found, side) => make("ul", { class: "confused" }, found.map((cell) => make("li", {}, make("span", { class: "n", text: number(cell.count) }),
    cell[side] === NONE ? make("span", { text: nothing.name }) : make("button", { class: "link", type: "button", text: classAt(cell[side]).name, onclick: () => go(cell[side]) }))));
  if (taken.length) parts.push(make("h4", { text: MULTIPLE ? "Missed, and given instead" : "Its documents were taken for" }), list(taken, "predicted"));
  if (others.length) parts.push(make("h4", { text: MULTIPLE ? "Given wrongly, and missed" : "Taken for it" }), list(others, "true"));
  const wrong = shownMistakes.filter((each) => each.true.includes(one.place) !== each.predicted.includes(one.place));
  if (wrong.length) parts.push(make("h4", { text: "Its mistakes, the surest first" }), markKey(), make("div", { class: "mistakes" }, documentList(wrong, 4)));
  else parts.push(make("p", { text: one.mistakes ? "None of its mistakes is on this page; see predictions.csv." : "No mistakes." }));
  return parts.filter(Boolean);
}
