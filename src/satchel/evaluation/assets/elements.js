// Elements and numbers, for the report and for the page of a server. Texts only ever become text nodes.
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
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const grouped = new Intl.NumberFormat("en-GB");
const number = (value) => grouped.format(value);
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
/** A probability, never rounded to certainty. */
const probability = (share) => (share > 0.999 ? "> 99.9%" : percent(share, 1));
/** A name that may break after its separators, as children for `make`. */
const breakable = (name) => name.split(/(?<=[./_:-])(?=.)/).flatMap((part, place) => (place ? [document.createElement("wbr"), part] : [part]));
