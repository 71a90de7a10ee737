// Curves and diagrams, each with its figures as a table.
// Letters keep their size on a phone, where the plane is narrower.
const WIDTH = innerWidth < 600 ? 330 : 480, HEIGHT = innerWidth < 600 ? 260 : 320, EDGE = { left: 66, right: 18, top: 12, bottom: 44 };

/** A plane with axes; x and y map values to pixels. */
function plane({ x: [xLow, xHigh], y: [yLow, yHigh], xTicks, yTicks, xName, yName, xText = percent, yText = percent, logarithmic = false, label, height = HEIGHT }) {
  const turn = logarithmic ? Math.log : (value) => value;
  const x = (value) => EDGE.left + ((turn(value) - turn(xLow)) / (turn(xHigh) - turn(xLow) || 1)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (value) => height - EDGE.bottom - ((value - yLow) / (yHigh - yLow || 1)) * (height - EDGE.top - EDGE.bottom);
  const svg = draw("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label });
  for (const tick of yTicks) svg.append(draw("line", { class: "gridline", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(tick), y2: y(tick) }), draw("text", { x: EDGE.left - 6, y: y(tick) + 4, "text-anchor": "end", text: yText(tick) }));
  for (const tick of xTicks) svg.append(draw("text", { x: x(tick), y: height - EDGE.bottom + 17, "text-anchor": "middle", text: xText(tick) }));
  svg.append(draw("path", { class: "axis", d: `M${EDGE.left} ${height - EDGE.bottom}H${WIDTH - EDGE.right}` }),
    draw("text", { x: (EDGE.left + WIDTH - EDGE.right) / 2, y: height - 6, "text-anchor": "middle", text: xName }),
    draw("text", { transform: `translate(12 ${(height - EDGE.bottom + EDGE.top) / 2}) rotate(-90)`, "text-anchor": "middle", text: yName }));
  return { svg, x, y, height };
}

const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** Round steps for an axis. */
function steps(low, high, wanted = 5) {
  const raw = (high - low) / wanted || 1, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * unit).find((each) => each >= raw);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-6; at++) found.push(at * step);
  return found;
}

function table(caption, header, rows) {
  return make("details", { class: "data print-hide" }, make("summary", { text: caption }), make("div", { class: "scroll" }, make("table", { class: "list" },
    make("thead", {}, make("tr", {}, header.map((text) => make("th", { scope: "col", class: "n", text })))),
    make("tbody", {}, rows.map((row) => make("tr", {}, row.map((text) => make("td", { class: "n", text }))))))));
}

/** Mark the point nearest to the pointer and show its values; returns the line of text. */
function follow(chart, points, say) {
  const hair = draw("line", { class: "hair", visibility: "hidden", y1: EDGE.top, y2: chart.height - EDGE.bottom }), spot = draw("circle", { class: "spot", r: 3.5, visibility: "hidden" });
  const said = make("p", { class: "readout soft print-hide", text: " " });
  chart.svg.append(hair, spot);
  chart.svg.addEventListener("pointermove", framed((event) => {
    const edge = chart.svg.getBoundingClientRect(), at = ((event.clientX - edge.left) / edge.width) * WIDTH;
    let best = 0;
    points.forEach(([x], place) => { if (Math.abs(x - at) < Math.abs(points[best][0] - at)) best = place; });
    const [x, y] = points[best];
    fill(hair, { x1: x, x2: x, visibility: "visible" }, []); fill(spot, { cx: x, cy: y, visibility: "visible" }, []);
    said.textContent = say(best);
  }));
  return said;
}

function reliabilityFigure() {
  const found = data.calibration, bins = found.count.length, tenths = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const chart = plane({ x: [0, 1], y: [0, 1], xTicks: tenths, yTicks: tenths, xName: "probability that the model gave", yName: MULTIPLE ? "share that has the label" : "share that is right", label: `Reliability diagram: calibration error ${(100 * found.error).toFixed(1)} points` });
  found.count.forEach((count, bin) => {
    if (!count) return;
    const low = bin / bins, wide = chart.x(1 / bins) - chart.x(0) - 1.5, right = found.accuracy[bin], sure = found.confidence[bin];
    const top = Math.min(right, sure), few = count < 20 ? 0.45 : 1; // few predictions: more of it is chance
    chart.svg.append(draw("rect", { class: "bar", opacity: few, x: chart.x(low), y: chart.y(top), width: wide, height: chart.y(0) - chart.y(top) }, draw("title", { text: `${number(count)} predictions given ${percent(sure, 1)} on average: ${percent(right, 1)} right` })));
    chart.svg.append(draw("rect", { class: "gap", opacity: few, x: chart.x(low), y: chart.y(Math.max(right, sure)), width: wide, height: Math.abs(chart.y(right) - chart.y(sure)) }));
  });
  chart.svg.append(draw("path", { class: "ideal", d: `M${chart.x(0)} ${chart.y(0)}L${chart.x(1)} ${chart.y(1)}` }));
  const most = Math.max(...found.count);
  const counts = plane({ x: [0, 1], y: [0, most], xTicks: [], yTicks: [0, most], yText: number, xName: "predictions by probability", yName: "", label: "How many predictions have each probability", height: 110 });
  found.count.forEach((count, bin) => counts.svg.append(draw("rect", { class: "count", x: counts.x(bin / bins), y: counts.y(count), width: counts.x(1 / bins) - counts.x(0) - 1.5, height: counts.y(0) - counts.y(count) })));
  const off = 100 * found.error, chance = 100 * found.chance;
  const mood = off < 2 * chance || off < 1 ? "mean about what they say" : found.gap > found.error / 2 ? "are too high" : found.gap < -found.error / 2 ? "are too low" : "are off in both directions";
  return make("figure", {}, make("figcaption", {}, make("h3", { text: "Do the probabilities mean what they say?" }),
    `They ${mood}: ${off.toFixed(1)} points off on average (chance alone would give ${chance.toFixed(1)}). Orange is the gap between the probability and the share that is right.`),
  chart.svg, counts.svg, table("The figures", ["predictions", "mean probability", "share right"], found.count.map((count, bin) => [number(count), count ? percent(found.confidence[bin], 1) : "–", count ? percent(found.accuracy[bin], 1) : "–"])));
}

function riskFigure() {
  const found = data.risk, most = Math.max(...found.risk, 0.01), high = steps(0, most).at(-1) < most ? most * 1.05 : most;
  const chart = plane({ x: [0, 1], y: [0, high], xTicks: [0, 0.2, 0.4, 0.6, 0.8, 1], yTicks: steps(0, high), yText: (share) => percent(share, high < 0.05 ? 1 : 0), xName: "documents predicted, the surest first", yName: "mistakes among them", label: "Risk and coverage: mistakes left when only the surest predictions are kept" });
  const points = found.coverage.map((share, place) => [chart.x(share), chart.y(found.risk[place])]);
  chart.svg.append(draw("path", { class: "area", d: `${path(points)}L${points.at(-1)[0]} ${chart.y(0)}L${points[0][0]} ${chart.y(0)}Z` }), draw("path", { class: "curve", d: path(points) }));
  const said = follow(chart, points, (place) => `Keep predictions of ${percent(found.confidence[place], 1)} or more: ${percent(found.coverage[place], 1)} of documents, ${percent(found.risk[place], 1)} of them wrong.`);
  const useful = found.at.filter(([risk]) => risk < found.risk.at(-1)).at(-1);
  const text = useful ? `With at most ${percent(useful[0])} mistakes, ${percent(useful[1])} of the documents can be predicted and the others left to people.` : "Even when every prediction is kept, mistakes are few.";
  return make("figure", {}, make("figcaption", {}, make("h3", { text: "What if only the surest predictions are kept?" }), `${text} Read off this test, so choose a threshold with some room.`),
    chart.svg, said, table("The figures", ["mistakes at most", "documents predicted"], found.at.map(([risk, coverage]) => [percent(risk), coverage ? percent(coverage, 1) : "none"])));
}

function calibrationSection() {
  if (!data.calibration) return null;
  return section("calibration", "Calibration", make("div", { class: "charts" }, reliabilityFigure(), data.risk ? riskFigure() : null));
}

/** One log of every network by epoch; dashed on held-out documents. */
function logFigure(name) {
  const lines = data.history.flatMap((logs, network) => [[name, false], [`val_${name}`, true]].filter(([key]) => logs[key]?.length).map(([key, heldOut]) => ({ network, heldOut, values: logs[key] })));
  const all = lines.flatMap((line) => line.values).filter((value) => value !== null);
  if (!all.length) return null;
  const longest = Math.max(...lines.map((line) => line.values.length)), low = Math.min(...all), high = Math.max(...all), room = (high - low || 1) * 0.08;
  const title = name[0].toUpperCase() + name.slice(1);
  const chart = plane({ x: [1, Math.max(longest, 2)], y: [low - room, high + room], xTicks: steps(1, longest, 8).filter(Number.isInteger), yTicks: steps(low - room, high + room), xText: String, yText: (value) => value.toFixed(2), xName: "epoch", yName: "", label: `${title} by epoch` });
  const called = (line) => `network ${line.network + 1}${line.heldOut ? ", held-out documents" : ", training documents"}`;
  for (const line of lines) {
    const points = line.values.map((value, epoch) => [chart.x(epoch + 1), value === null ? null : chart.y(value)]).filter(([, y]) => y !== null);
    const faint = (1 - (0.65 * line.network) / data.history.length).toFixed(2);
    chart.svg.append(draw("path", { class: "curve", "stroke-opacity": faint, "stroke-dasharray": line.heldOut ? "6 4" : null, d: path(points) }, draw("title", { text: called(line) })),
      ...points.map(([x, y]) => draw("circle", { class: "dot", "fill-opacity": faint, r: 2.5, cx: x, cy: y })));
  }
  const kinds = [lines.some((line) => line.heldOut) ? "solid on training documents, dashed on held-out ones" : "on training documents", data.history.length > 1 ? `networks 1 to ${data.history.length} from dark to light` : null].filter(Boolean).join("; ");
  return make("figure", {}, make("figcaption", {}, make("h3", { text: title }), make("span", { class: "soft", text: `${kinds[0].toUpperCase()}${kinds.slice(1)}.` })), chart.svg,
    table("The figures", ["", ...Array.from({ length: longest }, (_, epoch) => `epoch ${epoch + 1}`)], lines.map((line) => [called(line), ...line.values.map((value) => (value === null ? "–" : value.toFixed(4)))])));
}

function learningFigure() {
  const points = data.learning.slice().sort((one, other) => one[0] - other[0]), shares = points.map(([, share]) => share);
  const low = Math.min(...shares), high = Math.max(...shares), room = (high - low || 0.01) * 0.1, ends = [points[0][0], points.at(-1)[0]];
  const chart = plane({ x: ends[0] === ends[1] ? [ends[0] - 1, ends[1] + 1] : ends, y: [low - room, high + room], xTicks: points.map(([count]) => count), yTicks: steps(low - room, high + room), xText: number, yText: (share) => percent(share, 1), xName: "training documents", yName: "accuracy", logarithmic: ends[0] > 0 && ends[1] > ends[0], label: "Learning curve" });
  const at = points.map(([count, share]) => [chart.x(count), chart.y(share)]);
  chart.svg.append(draw("path", { class: "curve", d: path(at) }), ...at.map(([x, y]) => draw("circle", { class: "dot", r: 3.5, cx: x, cy: y })));
  const [before, last] = points.slice(-2), gain = last && before ? 100 * (last[1] - before[1]) : 0;
  const text = last ? `The last step, from ${number(before[0])} to ${number(last[0])} documents, brought ${gain.toFixed(1)} points: ${gain > 0.5 ? "more documents should still help." : "more documents of the same kind will bring little."}` : "";
  return make("figure", {}, make("figcaption", {}, make("h3", { text: "What would more documents bring?" }), text), chart.svg, table("The figures", ["documents", "accuracy"], points.map(([count, share]) => [number(count), percent(share, 1)])));
}

function trainingSection() {
  const figures = [];
  const logs = [...new Set(data.history.flatMap((each) => Object.keys(each).map((name) => name.replace(/^val_/, ""))))];
  figures.push(...logs.map(logFigure).filter(Boolean));
  if (data.learning.length) figures.push(learningFigure());
  const trials = data.trials.length ? [make("h3", { text: "What was tried" }), make("p", { class: "soft", text: `Measured on documents held out of the training part; ✓ marks what the model uses.${data.trials_left_out ? ` ${number(data.trials_left_out)} more are in report.json.` : ""}` }),
    make("div", { class: "scroll" }, make("table", { class: "list" }, make("thead", {}, make("tr", {}, ["Setting", "Measure", "Value", "Used"].map((text, place) => make("th", { scope: "col", class: place === 2 ? "n" : null, text })))),
      make("tbody", {}, data.trials.map(([name, metric, value, chosen]) => make("tr", {}, make("td", { class: "name", text: name }), make("td", { text: metric }), make("td", { class: "n", text: value.toFixed(4) }), make("td", { text: chosen ? "✓" : "" }))))))] : [];
  const settings = data.training.length ? [make("h3", { text: "Settings" }), make("dl", { class: "settings" }, data.training.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]))] : [];
  if (!figures.length && !trials.length && !settings.length) return null;
  return section("training", "Training", figures.length ? make("div", { class: "charts" }, figures) : null, ...trials, ...settings);
}
