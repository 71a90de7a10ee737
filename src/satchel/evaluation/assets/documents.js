// Lists of documents, with the words that decided marked in their text.
const PAGE = 10;

/** One document: its labels, its prediction, and the deciding part of its text. */
function documentItem(one) {
  const head = make("div", { class: "head" },
    make("span", { class: "which" }, breakable(one.right ? `${namesOf(one.true)} (right)` : `${namesOf(one.true)} → ${namesOf(one.predicted)}`)),
    one.suspect ? make("span", { class: "flag", text: "label suspected" }) : null,
    one.sure === null ? null : make("span", { class: "sure", title: "How sure the model was", text: probability(one.sure) }));
  const item = make("li", { class: "document" }, head, make("div", { class: "title" }, breakable(one.name)));
  if (one.text) item.append(quotation(one));
  return item;
}

function quotation(one) {
  const quote = make("blockquote", {});
  if (one.cut & 1) quote.append("… ");
  let position = 0;
  for (let at = 0; at < one.marks.length; at += 3) {
    const [start, length, strength] = one.marks.slice(at, at + 3);
    quote.append(one.text.slice(position, start));
    const sort = `${strength > 0 ? "for" : "against"}${Math.abs(strength) >= 4 ? " strong" : ""}`;
    quote.append(make("mark", { class: sort, text: one.text.slice(start, start + length) }));
    position = start + length;
  }
  quote.append(one.text.slice(position));
  if (one.cut & 2) quote.append(" …");
  return quote;
}

/** A list that shows some documents and more on request. */
function documentList(found, page = PAGE) {
  const list = make("ul", { class: "documents" });
  const more = make("button", { class: "more", type: "button", onclick: () => extend(true) });
  let shown = 0;
  function extend(byHand) {
    const next = found.slice(shown, shown + page);
    const items = next.map((one) => documentItem(one));
    list.append(...items);
    shown += next.length;
    more.hidden = shown >= found.length;
    more.textContent = `Show ${number(Math.min(page, found.length - shown))} more of ${number(found.length - shown)}`;
    if (byHand && items.length) { items[0].tabIndex = -1; items[0].focus(); }
  }
  extend(false);
  return make("div", {}, list, more);
}

/** What the marks mean, where there are any. */
function markKey() {
  if (!shownDocuments.some((one) => one.marks?.length)) return null;
  const against = MULTIPLE ? "against it" : "for the true class";
  return make("p", { class: "soft" }, "Marked words: ", make("mark", { class: "for", text: "for the prediction" }), " and ",
    make("mark", { class: "against", text: against }), "; underlined ones weigh most.");
}

/** How many documents of a kind the page shows, in words. */
function ofAll(shown, all, what) {
  return shown < all ? `${number(shown)} of ${number(all)} ${what}; all are in predictions.csv.` : `${number(all)} ${what}.`;
}

/** The section of mistakes. */
function errorsSection() {
  if (!data.mistakes) return section("errors", "Errors", make("p", { text: "Every document of the test was predicted correctly." }));
  const state = { kind: "mistakes", text: "", truth: "", given: "", order: "sure" };
  const suspects = shownMistakes.filter((one) => one.suspect).length;
  const holder = make("div", {});
  const about = make("p", { "aria-live": "polite" });
  const kinds = [["mistakes", `Real mistakes (${number(data.mistakes - (data.suspects ?? 0))})`], ["suspects", `Suspected wrong labels (${number(data.suspects ?? 0)})`]];
  const buttons = kinds.map(([kind, text]) => make("button", { type: "button", "aria-pressed": String(kind === state.kind), text, onclick: () => {
    state.kind = kind;
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(kinds[place][0] === kind)));
    update();
  } }));
  const present = (side) => [...new Set(shownMistakes.flatMap((one) => one[side].filter((label) => typeof label === "number")))]
    .map((place) => [place, classAt(place).name]).sort((one, other) => one[1].localeCompare(other[1]));
  const truth = select(MULTIPLE ? "True labels include" : "True class", [["", "any"], ...present("true")], (value) => { state.truth = value; update(); });
  const given = select(MULTIPLE ? "Predicted labels include" : "Taken for", [["", "any"], ...present("predicted")], (value) => { state.given = value; update(); });
  const order = select("Order", [["sure", "surest first"], ["unsure", "least sure first"]], (value) => { state.order = value; update(); });
  const search = make("input", { type: "search", oninput: framed(() => { state.text = search.value.toLowerCase(); update(); }) });

  function update() {
    let found = shownMistakes.filter((one) => one.suspect === (state.kind === "suspects"));
    if (state.truth !== "") found = found.filter((one) => one.true.includes(Number(state.truth)));
    if (state.given !== "") found = found.filter((one) => one.predicted.includes(Number(state.given)));
    if (state.text) found = found.filter((one) => `${one.name}\n${one.text ?? ""}`.toLowerCase().includes(state.text));
    if (state.order === "unsure") found = found.slice().reverse();
    about.textContent = `${number(found.length)} shown. ` + (state.kind === "suspects"
      ? "The model is as sure here as in half of its correct predictions: check the labels before blaming the model."
      : "The model is wrong here, and less sure than in most of its correct predictions.");
    holder.replaceChildren(found.length ? documentList(found) : make("p", { class: "soft", text: "No document fits." }));
  }

  update();
  const intro = ofAll(data.mistakes_shown, data.mistakes, data.mistakes === 1 ? "document was predicted wrongly" : "documents were predicted wrongly");
  return section("errors", "Errors",
    make("p", { class: "soft" }, intro, data.explained ? ` ${documents(data.explained)} of the test ${data.explained === 1 ? "was" : "were"} explained, mistakes and correct predictions in turns, the surest mistakes first.${data.too_long ? ` ${number(data.too_long)} very long ones were not.` : ""}` : ""),
    make("div", { class: "controls" },
      data.suspects ? make("div", { class: "group", role: "group", "aria-label": "Which mistakes" }, buttons) : null,
      truth.label, given.label, data.sure ? order.label : null, make("label", {}, "Search names and texts", search)),
    suspects || data.suspects ? about : null, markKey(), holder);
}
