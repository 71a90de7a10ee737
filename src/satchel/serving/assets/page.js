// The page of a server. Labels, texts and cards only ever become text nodes.
"use strict";
const TOP = 8;
const EXPLAINED = 100000;
const LARGEST_FILE = 4000000;
const UNKNOWN_SHOWN = 20;
const WORDS_SHOWN = 8;
const FAINTEST = 0.05;
const STRONG = 0.45;
const byId = (id) => document.getElementById(id);
const form = byId("form"), text = byId("text"), results = byId("results"), statusLine = byId("status");
let models = [];
let asked = 0;

/** Say one line, or nothing. */
function say(message) {
  statusLine.textContent = message;
  statusLine.hidden = !message;
}

/** Ask the server; an error becomes one that can be shown. */
async function ask(path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (byId("token").value) headers.Authorization = `Bearer ${byId("token").value}`;
  let response;
  try {
    response = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("The server does not answer.");
  }
  if (response.status === 401) {
    byId("token-label").hidden = false;
    byId("token").focus();
    throw new Error("This server asks for its token.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(`The server refused: ${answer.error.message}`);
  return answer;
}

/** A bar from 0 to a share. */
function bar(share) {
  return draw("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("rect", { class: "track", width: 100, height: 10 }), draw("rect", { class: "value", width: 100 * share, height: 10 }));
}

/** Names with a bar and a figure each. */
function meters(rows) {
  return make("div", { class: "meters" }, rows.map(([name, share, figure, given]) => [
    make("span", { class: given ? "given" : null, dir: "auto" }, breakable(name)), bar(share), make("span", { class: "figure", text: figure })]));
}

/** The text, its words marked. */
function quotation(content, explanation, unknown) {
  const points = Array.from(content);
  const cut = (start, end) => points.slice(start, end).join("");
  const largest = Math.max(...explanation.words.map((word) => Math.abs(word.value)), 0) || 1;
  const marks = explanation.words.filter((word) => Math.abs(word.value) / largest >= FAINTEST).map((word) => {
    const kind = `${word.value > 0 ? "for" : "against"}${Math.abs(word.value) / largest >= STRONG ? " strong" : ""}`;
    return { start: word.start, end: word.end, kind, title: `${word.value > 0 ? "+" : "−"}${Math.abs(word.value).toFixed(2)}` };
  });
  const taken = new Set(marks.map((mark) => mark.start));
  let place = 0;
  for (const span of unknown) {
    while (place < marks.length && marks[place].end <= span.start) place += 1;
    // A word within a marked one is not marked a second time.
    if (place < marks.length && marks[place].start < span.end) continue;
    if (!taken.has(span.start)) marks.splice(place, 0, { ...span, kind: "unknown", title: "not known to the model" });
  }
  const quote = make("blockquote", { class: "quote", dir: "auto", tabindex: 0, "aria-label": "The text with its words marked" });
  let position = 0;
  for (const mark of marks) {
    quote.append(cut(position, mark.start), make("mark", { class: mark.kind, title: mark.title, text: cut(mark.start, mark.end) }));
    position = mark.end;
  }
  quote.append(cut(position));
  return quote;
}

/** The strongest words of one side. */
function words(explanation, side) {
  const sums = new Map();
  for (const token of explanation.tokens) {
    const word = token.text.trim().split(/\s+/).join(" ").toLowerCase();
    if (word && (token.value > 0) === side) sums.set(word, (sums.get(word) ?? 0) + token.value);
  }
  const rows = [...sums].sort((one, other) => Math.abs(other[1]) - Math.abs(one[1])).slice(0, WORDS_SHOWN);
  if (!rows.length) return null;
  return [make("h3", { text: side ? `For ${explanation.label}` : explanation.against === null ? `Against ${explanation.label}` : `For ${explanation.against} instead` }),
    make("ul", { class: "words" }, rows.map(([word, value]) => make("li", { dir: "auto" }, word, " ", make("small", { text: Math.abs(value).toFixed(2) }))))];
}

/** What is said of words that the model does not know. */
function unknownWords(content, unknown) {
  if (!unknown.length) return null;
  const points = Array.from(content);
  const names = [...new Set(unknown.map((span) => points.slice(span.start, span.end).join("").toLowerCase()))];
  const more = names.length > UNKNOWN_SHOWN ? ` and ${number(names.length - UNKNOWN_SHOWN)} more` : "";
  return make("p", { class: "soft unknown-words" }, `${names.length === 1 ? "One word is" : `${number(names.length)} words are`} not known to the model: ${names.slice(0, UNKNOWN_SHOWN).join(", ")}${more}.`);
}

/** The answer of one model. */
function resultOf(model, content, prediction) {
  const several = prediction.labels ?? null;
  const given = new Set(several ? several.map((one) => one.label) : [prediction.label]);
  const verdict = several
    ? (several.length ? several.map((one) => one.label).join(", ") : "No label: none reaches its threshold")
    : prediction.label;
  const explanation = prediction.explanation;
  const unknown = prediction.unknown ?? [];
  return make("section", { class: "result", "aria-label": `Answer of ${model}` },
    make("p", { class: "kicker", text: model }),
    make("h2", { class: "answer", dir: "auto" }, breakable(verdict)),
    prediction.known ? null : make("p", { class: "notice", text: "The model knows no word of this text: the probabilities are those of the labels in training." }),
    meters(prediction.top.map((one) => [one.label, one.probability, probability(one.probability), given.has(one.label)])),
    explanation ? [
      words(explanation, true), words(explanation, false),
      make("h3", { text: "In the text" }),
      make("p", { class: "soft" }, "Marked: ", make("mark", { class: "for", text: `for ${explanation.label}` }), " and ",
        make("mark", { class: "against", text: explanation.against === null ? "against it" : `for ${explanation.against}` }),
        "; underlined words weigh most", unknown.length ? [", ", make("mark", { class: "unknown", text: "dotted" }), " ones are unknown."] : "."),
      unknownWords(content, unknown), quotation(content, explanation, unknown)]
      : make("p", { class: "soft", text: "The text is too long to be explained." }));
}

async function label() {
  const content = text.value;
  if (!content.trim()) {
    say("Type or paste a text first, or drop a file.");
    text.focus();
    return;
  }
  const names = [byId("model").value, byId("other").value].filter((name, place, all) => name && all.indexOf(name) === place);
  const current = (asked += 1);
  byId("submit").disabled = true;
  say("");
  try {
    if (!models.length) await describe();
    const explain = Array.from(content).length <= EXPLAINED;
    const answers = await Promise.all((names.length ? names : [models[0].name]).map((model) => ask("predict", { texts: [content], model, top: TOP, explain })));
    if (current !== asked) return;
    results.classList.toggle("compared", answers.length > 1);
    results.replaceChildren(...answers.map((answer) => resultOf(answer.model, content, answer.predictions[0])));
    await describe();
  } catch (error) {
    results.replaceChildren();
    say(error.message);
  } finally {
    byId("submit").disabled = false;
  }
}

/** A card in Markdown: headings, tables, lists and paragraphs. */
function cardOf(source) {
  const holder = make("div", { class: "card" });
  for (const block of source.split(/\n{2,}/)) {
    const lines = block.split("\n").filter((line) => line.trim());
    if (!lines.length) continue;
    while (lines.length && /^#+ /.test(lines[0])) holder.append(make("h4", { text: lines.shift().replace(/^#+ /, "") }));
    if (!lines.length) continue;
    if (lines.every((line) => line.startsWith("|"))) {
      const rows = lines.filter((line) => !/^[|\s:-]+$/.test(line)).map((line) => line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim()));
      const cells = (row, tag) => make("tr", {}, row.map((cell) => make(tag, { text: plain(cell) })));
      holder.append(make("div", { class: "scroll" }, make("table", { class: "list" }, make("thead", {}, cells(rows[0], "th")), make("tbody", {}, rows.slice(1).map((row) => cells(row, "td"))))));
    } else if (lines.every((line) => /^[-*] /.test(line))) {
      holder.append(make("ul", {}, lines.map((line) => make("li", { text: plain(line.slice(2)) }))));
    } else holder.append(make("pre", { text: plain(lines.join("\n")) }));
  }
  return holder;
}

/** Text without the marks of Markdown. */
const plain = (markdown) => markdown.replace(/\\([\\|`*_#<>\[\]])/g, "$1").replace(/`([^`]*)`/g, "$1").replace(/\*\*([^*]*)\*\*/g, "$1");

/** What is known of one model. */
function modelSection(model) {
  const recent = Object.entries(model.recent).sort((one, other) => other[1] - one[1]);
  const total = recent.reduce((sum, [, count]) => sum + count, 0);
  const labels = `${number(model.labels.length)} labels, ${model.task === "multiple" ? "any number" : "one"} per document`;
  const open = byId("models").querySelector(`[data-name="${CSS.escape(model.name)}"] details[open]`) !== null;
  return make("section", { class: "model", "data-name": model.name, "aria-label": `Model ${model.name}` },
    make("h2", {}, breakable(model.name)),
    make("p", { class: "facts", text: `${labels}, trained on ${number(model.documents)} documents.` }),
    model.failure ? make("p", { class: "notice", text: `A newer file was refused, and this one answers: ${model.failure}` }) : null,
    model.scores.length ? make("dl", { class: "tiles" }, model.scores.map((score) => make("div", { class: "tile" },
      make("dt", { text: `${score.name.replaceAll("_", " ")}, ${score.part}` }), make("dd", {}, make("b", { text: score.value.toFixed(3) }))))) : make("p", { class: "soft", text: "Its file has no test figures: satchel train writes them." }),
    total ? [make("h3", { text: total === 1 ? "The last label given" : `The last ${number(total)} labels given` }),
      meters(recent.slice(0, TOP).map(([name, count]) => [name, count / total, `${number(count)} · ${percent(count / total)}`, false]))] : null,
    make("details", { open }, make("summary", { text: "Card of the model" }), cardOf(model.card)));
}

async function describe() {
  models = (await ask("models")).models;
  const names = models.map((model) => model.name);
  const choose = (element, choices) => {
    const chosen = element.value;
    element.replaceChildren(...choices.map(([value, shown]) => make("option", { value, text: shown })));
    if (choices.some(([value]) => value === chosen)) element.value = chosen;
  };
  choose(byId("model"), names.map((name) => [name, name]));
  choose(byId("other"), [["", "no other"], ...names.map((name) => [name, name])]);
  byId("other-label").hidden = names.length < 2;
  byId("models").replaceChildren(...models.map(modelSection));
}

async function read(file) {
  if (file.size > LARGEST_FILE) {
    say(`Expected a file of at most ${number(LARGEST_FILE)} bytes, found ${number(file.size)}: open a smaller one.`);
    return;
  }
  const content = new TextDecoder().decode(await file.arrayBuffer());
  if (content.includes("\0")) {
    say(`${file.name} is not a text file.`);
    return;
  }
  text.value = content;
  await label();
}

form.addEventListener("submit", (event) => { event.preventDefault(); label(); });
text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); label(); } });
byId("clear").addEventListener("click", () => { asked += 1; text.value = ""; results.replaceChildren(); say(""); text.focus(); });
byId("file").addEventListener("change", (event) => { if (event.target.files.length) read(event.target.files[0]); event.target.value = ""; });
for (const name of ["model", "other"]) byId(name).addEventListener("change", () => { if (results.childElementCount) label(); });
byId("token").addEventListener("change", () => { say(""); describe().catch((error) => say(error.message)); });
for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => form.classList.remove("over"));
document.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files.length) read(event.dataTransfer.files[0]); });
describe().catch((error) => say(error.message));
