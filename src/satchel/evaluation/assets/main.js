// Put the sections together.
const matrix = data.order.length > 1 ? matrixSection() : null;
const explorer = classesSection();
const parts = [matrix?.part, explorer.part, errorsSection(), calibrationSection(), trainingSection()].filter(Boolean);
document.getElementById("rest").append(...parts);
matrix?.start();
explorer.start();

const links = new Map([["summary", "Summary"], ...parts.map((part) => [part.id, part.querySelector("h2").textContent])].map(([id, title]) => [id, make("a", { href: `#${id}`, text: title })]));
document.getElementById("sections").append(...[...links.values()].map((link) => make("li", {}, link)));
const visible = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) visible.add(entry.target.id); else visible.delete(entry.target.id);
  const current = [...links.keys()].find((id) => visible.has(id));
  for (const [id, link] of links) if (id === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
}, { rootMargin: "-30% 0px -60% 0px" });
for (const id of links.keys()) watcher.observe(document.getElementById(id));
addEventListener("beforeprint", () => { matrix?.beforePrint(); explorer.beforePrint(); });
addEventListener("afterprint", () => matrix?.afterPrint());
