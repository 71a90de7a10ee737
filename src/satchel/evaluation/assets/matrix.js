// The confusion matrix: zoom, keyboard, filters, and the documents of a cell.
const MATRIX_LEAST = 3, MATRIX_MOST = 110; // pixels of a cell
const MATRIX_PALE = 0.15; // smallest share of a class that is drawn in full colour, so that few mistakes look few
const MATRIX_PAPER = 660; // pixels across a page of A4 or Letter
const MATRIX_FLAT = 40; // height of names that lie flat above their columns, and of the corner's two lines
/** Letters of a name, those of East Asian scripts counting twice. */
const wide = (name) => [...name].reduce((sum, letter) => sum + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|[^\u0000-\uffff]/u.test(letter) ? 2 : 1), 0);
const dark = matchMedia("(prefers-color-scheme: dark)");

function matrixSection() {
  const state = { pointed: false, paper: 0, errorsOnly: false, order: "confused", focus: "", least: 1, cell: 0, row: 0, column: 0 };
  let rows = [], cell = 20, left = 100, top = 100, letter = 6.4, peak = 1, at = new Map();
  const body = draw("svg", { class: "body" }), leftHead = draw("svg", { class: "left" }), topHead = draw("svg", { class: "top" });
  const corner = make("div", { class: "corner", "aria-hidden": "true" },
    make("span", { class: "across", text: MULTIPLE ? "given →" : "taken for →" }), make("span", { class: "down", text: MULTIPLE ? "missed ↓" : "true ↓" }));
  const grid = make("div", { class: "matrix-grid" }, corner, topHead, leftHead, body);
  const box = make("div", {
    class: "matrix", tabindex: 0, role: "application", "aria-roledescription": "confusion matrix", "aria-describedby": "matrix-help",
    "aria-label": MULTIPLE ? "Confusion matrix: rows are missed labels, columns labels given instead" : "Confusion matrix: rows are true classes, columns what they were taken for",
  }, grid);
  const readout = make("p", { class: "readout", "aria-live": "polite" });
  const panel = make("div", { class: "panel", hidden: true, role: "region", tabindex: -1, "aria-label": "Documents of the chosen cell" });
  const crossRow = draw("rect", { class: "cross" }), crossColumn = draw("rect", { class: "cross" }), cursor = draw("rect", { class: "cursor" });

  /** Which classes are shown, in which order. */
  function choose() {
    let places = data.order.slice();
    if (MULTIPLE && errors.some((one) => one.true === NONE || one.predicted === NONE)) places.push(NONE);
    if (state.focus !== "") {
      const focus = Number(state.focus);
      const near = new Set([focus]);
      for (const one of errors) if (one.true === focus || one.predicted === focus) near.add(one.true).add(one.predicted);
      places = places.filter((place) => near.has(place));
      if (!places.includes(focus)) places.unshift(focus);
    } else if (state.errorsOnly) {
      const busy = new Set();
      for (const one of errors) if (one.count >= state.least) busy.add(one.true).add(one.predicted);
      places = places.filter((place) => busy.has(place));
    }
    const by = {
      list: (one, other) => (classAt(one).number || Infinity) - (classAt(other).number || Infinity),
      weak: (one, other) => (classAt(one).f1 ?? 2) - (classAt(other).f1 ?? 2),
      size: (one, other) => classAt(other).support - classAt(one).support,
    }[state.order];
    if (by) places.sort(by);
    rows = places;
    at = new Map(rows.map((place, index) => [place, index]));
  }

  const shareOf = (one) => ratio(one.count, one.true === NONE ? data.n : classAt(one.true).support);

  function layout() {
    const width = state.paper || box.parentElement?.clientWidth || 800, narrow = width < 560;
    const longest = Math.max(4, ...rows.map((place) => wide(classAt(place).name)));
    letter = rows.length < 12 ? 7.8 : 6.9;
    left = Math.min(Math.max(longest * letter + 14, 84), narrow ? 92 : rows.length < 12 ? 240 : 180);
    const room = width - left - 4;
    const fit = clamp(Math.floor((10 * room) / Math.max(rows.length, 1)) / 10, MATRIX_LEAST, MATRIX_MOST);
    cell = state.cell || fit;
    top = longest * letter + 12 < cell ? MATRIX_FLAT : Math.min(longest * letter + 14, narrow ? 84 : 165);
    return fit;
  }

  /** Shorten a name to pixels by leaving out its middle: names differ at their ends. */
  function short(name, pixels) {
    const room = pixels / (0.6 * headSize());
    if (wide(name) <= room) return name;
    let head = [...name], tail = [];
    while (head.length > tail.length) tail.unshift(head.pop());
    while (head.length + tail.length && wide(head.join("")) + wide(tail.join("")) + 1 > room) (wide(head.join("")) > wide(tail.join("")) ? head.pop() : tail.shift());
    return `${head.join("")}…${tail.join("")}`;
  }

  function render() {
    choose();
    layout();
    const size = cell * rows.length;
    // One pixel more than the cells, for the last rule.
    for (const [element, width, height] of [[body, size + 1, size + 1], [leftHead, left, size + 1], [topHead, size + 1, top]]) {
      fill(element, { width, height, viewBox: `0 0 ${width} ${height}` }, []);
      element.replaceChildren();
    }
    grid.style.gridTemplateColumns = `${left}px auto`;
    corner.style.width = `${left}px`; corner.style.height = `${top}px`;
    // At the size that fits there is nothing to scroll; larger cells scroll within the window.
    box.style.maxHeight = state.cell ? "" : "none";
    const shown = cells.filter((one) => at.has(one.true) && at.has(one.predicted) && (one.true === one.predicted ? !state.errorsOnly : one.count >= state.least));
    peak = Math.max(...shown.filter((one) => one.true !== one.predicted).map(shareOf), MATRIX_PALE);
    drawCells(shown, size);
    drawHeads();
    body.append(crossRow, crossColumn, cursor);
    state.row = clamp(state.row, 0, rows.length - 1); state.column = clamp(state.column, 0, rows.length - 1);
    if (state.pointed) point(state.row, state.column, false);
  }

  function drawCells(shown, size) {
    const turn = dark.matches ? 0.55 : 0.8; // shade above which a number is easier to read in the other colour
    const layer = draw("g", {}), numbers = draw("g", {}), rules = draw("g", {});
    rows.forEach((place, index) => {
      if (place !== NONE && !classAt(place).support) layer.append(draw("rect", { class: "empty", x: 0, y: index * cell, width: size, height: cell }));
    });
    if (cell >= 9) {
      let path = "";
      for (let line = 0; line <= rows.length; line++) path += `M0 ${line * cell}H${size}M${line * cell} 0V${size}`;
      rules.append(draw("path", { class: "rule", d: path }));
    } else rules.append(draw("path", { class: "rule", d: `M0 0H${size}V${size}H0Z` }));
    for (const one of shown) {
      const right = one.true === one.predicted, share = shareOf(one);
      // A square-root scale: an error of 2 % must be seen beside one of 40 %.
      const strength = right ? 0.08 + 0.87 * share : 0.16 + 0.84 * Math.sqrt(share / peak);
      const x = at.get(one.predicted) * cell, y = at.get(one.true) * cell;
      layer.append(draw("rect", { class: right ? "cell-right" : "cell-wrong", x, y, width: cell, height: cell, "fill-opacity": Math.min(strength, 1).toFixed(3) }));
      if (cell >= 22) {
        const kind = `number${strength > turn ? " inverse" : ""}`, middle = { x: x + cell / 2, class: kind };
        const high = cell >= 56; // room for the share as well
        numbers.append(draw("text", { ...middle, y: y + cell / 2 - (high ? 9 : 0), "font-size": high ? 15 : cell >= 34 ? 12 : 10, text: number(one.count) }));
        if (high) numbers.append(draw("text", { ...middle, y: y + cell / 2 + 10, "font-size": 11, text: percent(share, share < 0.1 && !right ? 1 : 0) }));
      }
    }
    body.append(layer, rules, numbers);
  }

  const flat = () => top === MATRIX_FLAT;
  const headSize = () => (rows.length < 12 ? 13 : clamp(cell * 0.9, 7.5, 11.5));

  /** The name of a row, at its place. */
  function rowName(index) {
    return draw("text", { "data-index": index, x: left - 6, y: (index + 0.5) * cell, "text-anchor": "end", "dominant-baseline": "central", "font-size": headSize(), text: short(nameDown(rows[index]), left - 10) });
  }

  /** The name of a column, at its place. */
  function columnName(index) {
    const middle = (index + 0.5) * cell, size = headSize(), name = nameAcross(rows[index]);
    return draw("text", flat()
      ? { "data-index": index, x: middle, y: top - 7, "text-anchor": "middle", "font-size": size, text: name }
      : { "data-index": index, transform: `translate(${middle} ${top - 5}) rotate(-90)`, "dominant-baseline": "central", "font-size": size, text: short(name, top - 10) });
  }

  function drawHeads() {
    // Where cells are smaller than letters, some names are left out; the one pointed at is shown.
    const every = Math.max(1, Math.ceil(10 / cell));
    for (let index = 0; index < rows.length; index += every) { leftHead.append(rowName(index)); topHead.append(columnName(index)); }
  }

  function nameAloud(head, index, nameAt) {
    for (const text of [...head.children]) if (text.classList.contains("extra")) text.remove(); else text.classList.toggle("on", Number(text.dataset.index) === index);
    if (head.querySelector(".on")) return;
    const extra = nameAt(index);
    extra.setAttribute("class", "on extra");
    head.append(extra);
  }

  const nameDown = (place) => (place === NONE ? "nothing missed" : classAt(place).name);
  const nameAcross = (place) => (place === NONE ? "nothing given" : classAt(place).name);

  /** What happened in a cell, in a few words. */
  function happened(truth, given) {
    if (!MULTIPLE) return `${classAt(truth).name} taken for ${classAt(given).name}`;
    return truth === NONE ? `${classAt(given).name} given, nothing missed` : `${classAt(truth).name} missed, ${given === NONE ? "nothing" : classAt(given).name} given`;
  }

  function say(row, column) {
    const truth = classAt(rows[row]), count = countAt(rows[row], rows[column]);
    if (row === column && rows[row] === NONE) return "Nothing missed and nothing given wrongly: correct predictions are in the cells of their labels.";
    if (row === column) return `${truth.name}: ${number(count)} of ${documents(truth.support)} right (${percent(ratio(count, truth.support))}).`;
    const part = truth.support ? `, ${percent(ratio(count, truth.support), 1)} of its ${number(truth.support)}` : "";
    return `${happened(rows[row], rows[column])}: ${documents(count)}${part}.`;
  }

  function point(row, column, aloud) {
    if (!rows.length) return;
    state.row = row; state.column = column; state.pointed = true;
    const size = cell * rows.length;
    fill(crossRow, { x: 0, y: row * cell, width: size, height: cell }, []);
    fill(crossColumn, { x: column * cell, y: 0, width: cell, height: size }, []);
    fill(cursor, { x: column * cell + 1, y: row * cell + 1, width: Math.max(cell - 2, 2), height: Math.max(cell - 2, 2), visibility: "visible" }, []);
    if (aloud) readout.textContent = say(row, column);
    nameAloud(leftHead, row, rowName); nameAloud(topHead, column, columnName);
  }

  function cellUnder(event) {
    const corner = body.getBoundingClientRect();
    const column = Math.floor((event.clientX - corner.left) / cell), row = Math.floor((event.clientY - corner.top) / cell);
    return row >= 0 && column >= 0 && row < rows.length && column < rows.length ? [row, column] : null;
  }

  function open(row, column) {
    const truth = rows[row], given = rows[column], found = documentsOf(truth, given), all = countAt(truth, given);
    const title = truth === given ? `${classAt(truth).name}: correct predictions` : happened(truth, given);
    const which = truth === given && found.length < all ? `The ${number(found.length)} least sure of ${documents(all)}.` : ofAll(found.length, all, all === 1 ? "document" : "documents");
    panel.replaceChildren(
      make("button", { class: "close", type: "button", text: "Close", onclick: () => { panel.hidden = true; box.focus(); } }),
      make("h3", { text: title }), make("p", { class: "soft", text: which }),
      found.length ? documentList(found, 5) : make("p", { class: "soft", text: all ? "None of them is on this page." : "No such document." }));
    panel.hidden = false;
    panel.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  }

  /** The next cell with a mistake in a direction, or the end. */
  function jump(row, column, down, across) {
    do { row += down; column += across; }
    while (row >= 0 && column >= 0 && row < rows.length && column < rows.length && (row === column || !countAt(rows[row], rows[column])));
    return [clamp(row, 0, rows.length - 1), clamp(column, 0, rows.length - 1)];
  }

  function reveal() {
    const x = left + state.column * cell, y = top + state.row * cell;
    if (x - left < box.scrollLeft) box.scrollLeft = x - left; else if (x + cell > box.scrollLeft + box.clientWidth) box.scrollLeft = x + cell - box.clientWidth;
    if (y - top < box.scrollTop) box.scrollTop = y - top; else if (y + cell > box.scrollTop + box.clientHeight) box.scrollTop = y + cell - box.clientHeight;
  }

  function zoom(factor) {
    const fit = layout();
    const middle = [(box.scrollLeft + box.clientWidth / 2) / cell, (box.scrollTop + box.clientHeight / 2) / cell];
    state.cell = factor ? clamp(cell * factor, MATRIX_LEAST, MATRIX_MOST) : 0;
    if (factor && Math.abs(state.cell - fit) < 0.5) state.cell = 0;
    render();
    box.scrollLeft = middle[0] * cell - box.clientWidth / 2; box.scrollTop = middle[1] * cell - box.clientHeight / 2;
  }

  body.addEventListener("pointermove", framed((event) => { const under = cellUnder(event); if (under) point(...under, true); }));
  body.addEventListener("click", (event) => { const under = cellUnder(event); if (under) { point(...under, true); open(...under); } });
  box.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15); } }, { passive: false });
  box.addEventListener("focus", () => { if (rows.length) point(state.row, state.column, true); });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!rows.length || event.altKey || event.metaKey || (event.ctrlKey && step)) return;
    if (step) {
      const next = event.shiftKey ? jump(state.row, state.column, ...step) : [clamp(state.row + step[0], 0, rows.length - 1), clamp(state.column + step[1], 0, rows.length - 1)];
      point(...next, true); reveal();
    } else if (event.key === "Home") { point(state.row, state.row, true); reveal(); }
    else if (event.key === "Enter" || event.key === " ") open(state.row, state.column);
    else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") zoom(0);
    else return;
    event.preventDefault();
  });

  const order = select("Order of classes", [["confused", "confused ones together"], ["list", "as in the list"], ["weak", "weakest first"], ["size", "largest first"]], (value) => { state.order = value; render(); });
  const focus = select("Only one class and its confusions", [["", "all classes"], ...classes.filter((one) => one.support + one.predicted > 0).map((one) => [one.place, one.name]).sort((one, other) => one[1].localeCompare(other[1]))], (value) => { state.focus = value; state.cell = 0; render(); });
  const least = make("input", { type: "number", min: 1, value: 1, size: 4, oninput: () => { state.least = Math.max(1, Number(least.value) || 1); render(); } });
  const only = make("input", { type: "checkbox", onchange: () => { state.errorsOnly = only.checked; render(); } });
  const controls = make("div", { class: "controls" },
    make("label", { class: "check" }, only, "Errors only"), order.label, focus.label,
    make("label", {}, "Documents per cell, at least", least),
    make("div", { class: "group", role: "group", "aria-label": "Zoom" },
      make("button", { type: "button", "aria-label": "Smaller cells", text: "−", onclick: () => zoom(1 / 1.3) }),
      make("button", { type: "button", text: "Fit", onclick: () => zoom(0) }),
      make("button", { type: "button", "aria-label": "Larger cells", text: "+", onclick: () => zoom(1.3) })));

  const swatch = (sort, strength) => draw("svg", { width: 12, height: 12, "aria-hidden": "true" }, draw("rect", { class: sort, width: 12, height: 12, "fill-opacity": strength }));
  const legend = make("div", { class: "legend" },
    make("span", {}, swatch("cell-right", 0.9), "correct predictions"), make("span", {}, swatch("cell-wrong", 0.75), "mistakes, darker the larger their share of the true class"),
    make("span", { class: "soft print-hide", id: "matrix-help", text: "Arrow keys move, with Shift to the next mistake; Enter opens the documents; + and − zoom." }));

  const hidden = data.total_classes - data.order.length;
  const notes = [hidden > 0 ? `The ${number(data.order.length)} of ${number(data.total_classes)} classes with the most mistakes.` : null,
    data.cells_left_out > 0 ? `${number(data.cells_left_out)} pairs of classes with the fewest documents are left out.` : null,
    data.unpaired > 0 ? `${documents(data.unpaired)} with very many wrong labels ${data.unpaired === 1 ? "is" : "are"} left out.` : null,
    MULTIPLE ? "Each label that was missed is paired with each label that was given wrongly in the same document." : null].filter(Boolean).join(" ");
  const pairs = make("ol", { class: "pairs" }, errors.slice(0, 10).map((one) => make("li", {},
    make("button", { class: "link", type: "button", text: happened(one.true, one.predicted), onclick: () => {
      if (!at.has(one.true) || !at.has(one.predicted)) { state.focus = ""; focus.element.value = ""; state.errorsOnly = only.checked = false; state.least = least.value = 1; render(); }
      if (at.has(one.true) && at.has(one.predicted)) { point(at.get(one.true), at.get(one.predicted), true); reveal(); open(state.row, state.column); }
    } }),
    make("span", { class: "soft", text: `${documents(one.count)}${classAt(one.true).support ? `, ${percent(shareOf(one))} of the class` : ""}` }))));
  const side = errors.length ? make("div", {}, make("h3", { text: "Most confused" }), pairs) : null;
  const part = section("confusion", "Confusion matrix", notes ? make("p", { class: "soft", text: notes }) : null, controls, legend,
    make("div", { class: side ? "two" : "" }, make("div", {}, box, readout), side), panel);
  return {
    part,
    start() {
      let width = 0;
      new ResizeObserver(framed(([entry]) => {
        if (Math.abs(entry.contentRect.width - width) < 1) return; // its height is of our own making
        width = entry.contentRect.width;
        render();
      })).observe(box.parentElement);
      dark.addEventListener("change", render);
      render();
      readout.textContent = errors.length ? "Point at a cell, or move with the arrow keys." : "No mistakes.";
    },
    beforePrint() { state.cell = 0; state.paper = MATRIX_PAPER; render(); },
    afterPrint() { state.paper = 0; render(); },
  };
}
