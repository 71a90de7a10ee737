// What all parts of the page use. Labels and texts only ever become text nodes.
const data = JSON.parse(document.getElementById("data").textContent);
const NONE = -1;
const MULTIPLE = data.task === "multiple";
const SVG = "http://www.w3.org/2000/svg";

/** Make an element; `on...` names are listeners, `text` is its text, children may be strings. */
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element, as `make` does. */
function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const grouped = new Intl.NumberFormat("en-GB");
const number = (value) => grouped.format(value);
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
/** A probability, never rounded to certainty. */
const probability = (share) => (share > 0.999 ? "> 99.9%" : percent(share, 1));
const documents = (count) => `${number(count)} document${count === 1 ? "" : "s"}`;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The 95 % score interval of a share (Wilson 1927). */
function wilson(successes, trials) {
  if (!trials) return [0, 1];
  const z = 1.959963984540054, share = successes / trials, spread = (z * z) / trials;
  const centre = (share + spread / 2) / (1 + spread);
  const half = Math.sqrt(share * (1 - share) * spread + (spread * spread) / 4) / (1 + spread);
  return [successes ? centre - half : 0, successes === trials ? 1 : centre + half];
}

const ratio = (top, bottom) => (bottom ? top / bottom : 0);

/** Classes with their figures; `place` is the index in data.classes, `number` the class's own. */
const classes = data.classes.map((row, place) => {
  const [hits, support, predicted] = row.counts;
  return {
    ...row, place, hits, support, predicted,
    precision: ratio(hits, predicted), recall: ratio(hits, support), f1: ratio(2 * hits, support + predicted),
    mistakes: support - hits + (predicted - hits),
  };
});
const nothing = { place: NONE, number: "", name: "no label", support: 0, predicted: 0, hits: 0 };
const classAt = (place) => (place === NONE ? nothing : classes[place]);
const nameOf = (label) => (typeof label === "number" ? classAt(label).name : label);
/** A name that may break after its separators, as children for `make`. */
const breakable = (name) => name.split(/(?<=[./_:-])(?=.)/).flatMap((part, place) => (place ? [document.createElement("wbr"), part] : [part]));
const namesOf = (labels) => (labels.length ? labels.map(nameOf).join(", ") : "no label");

/** Cells of the confusion matrix, most documents first. */
const cells = [];
for (let at = 0; at < data.cells.length; at += 3) {
  cells.push({ true: data.cells[at], predicted: data.cells[at + 1], count: data.cells[at + 2] });
}
cells.sort((one, other) => other.count - one.count);
const errors = cells.filter((cell) => cell.true !== cell.predicted);
const cellKey = (row, column) => row * 100003 + column;
const cellOf = new Map(cells.map((cell) => [cellKey(cell.true, cell.predicted), cell]));
const countAt = (row, column) => cellOf.get(cellKey(row, column))?.count ?? 0;

/** Documents as objects; mistakes come first, the surest on top. */
const shownDocuments = data.documents.map((row, index) => {
  const [name, truth, given, sure, suspect, text, cut, marks] = row;
  const right = index >= data.mistakes_shown;
  return { name, true: truth, predicted: given, sure, suspect: Boolean(suspect), text, cut, marks, right };
});
const shownMistakes = shownDocuments.slice(0, data.mistakes_shown);

/** The documents of a cell: of one class, predicted as the other. */
function documentsOf(truth, given) {
  return shownDocuments.filter((one) => {
    if (!MULTIPLE) return one.true[0] === truth && one.predicted[0] === given;
    if (truth === given) return one.true.includes(truth) && one.predicted.includes(truth);
    const missed = one.true.filter((label) => !one.predicted.includes(label));
    const extra = one.predicted.filter((label) => !one.true.includes(label));
    const hasMissed = truth === NONE ? missed.length === 0 : missed.includes(truth);
    const hasExtra = given === NONE ? extra.length === 0 : extra.includes(given);
    return !one.right && hasMissed && hasExtra;
  });
}

/** A section of the page with its heading; the navigation lists it. */
function section(id, title, ...children) {
  return make("section", { id, "aria-labelledby": `${id}-title` }, make("h2", { id: `${id}-title`, text: title }), ...children);
}

/** A labelled select; choices are [value, text]. */
function select(label, choices, onchange) {
  const element = make("select", { onchange: () => onchange(element.value) }, choices.map(([value, text]) => make("option", { value, text })));
  return { element, label: make("label", {}, label, element) };
}

/** A share with its interval as a small bar. */
function meter(share, [low, high]) {
  return draw("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("rect", { class: "track", width: 100, height: 10 }),
    draw("rect", { class: "value", width: 100 * share, height: 10 }),
    draw("rect", { class: "range", x: 100 * low, y: 4, width: Math.max(100 * (high - low), 0.5), height: 2 }));
}

/** Call a function at most once per frame. */
function framed(action) {
  let waiting = false;
  return (...given) => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; action(...given); });
  };
}
