// Use a report as a person would, in Debian's Chromium, and take pictures of it.
//
//     apt-get install chromium && npm install playwright-core
//     node scripts/check_report_page.mjs report/report.html screenshots
//
// The first thing that does not work ends it with exit status 1.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const [page_file, pictures = "screenshots"] = process.argv.slice(2);
assert.ok(page_file, "expected the path of a report.html");
const address = `file://${path.resolve(page_file)}`;
fs.mkdirSync(pictures, { recursive: true });
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "report-check-"));
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const looks = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true, isMobile: true },
};

for (const [look, settings] of Object.entries(looks)) {
  const context = await chromium.launchPersistentContext(path.join(profile, look), {
    executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"], ...settings,
  });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => { if (!request.url().startsWith("file:")) faults.push(`request: ${request.url()}`); });
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  const start = Date.now();
  await page.goto(address);
  await page.waitForSelector("#classes tbody tr");
  console.log(`${look}: drawn after ${Date.now() - start} ms`);
  await page.waitForTimeout(100);
  const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(width <= 0, `${look}: the page is ${width} pixels wider than the window`);
  await page.screenshot({ path: path.join(pictures, `${look}-first-screen.png`) });
  await page.screenshot({ path: path.join(pictures, `${look}.png`), fullPage: true });
  await use(page, look);
  assert.deepEqual(faults, [], `${look}: faults`);
  await context.close();
}
fs.rmSync(profile, { recursive: true, force: true });
console.log(`all well; pictures are in ${pictures}`);

async function use(page, look) {
  const summary = await page.locator("#summary").boundingBox();
  if (look !== "phone") assert.ok(summary.height <= 800, `the summary is ${summary.height} pixels high`);
  await classes(page);
  if (await page.locator("#confusion").count()) await matrix(page, look);
  if (await page.locator("#errors .document").count()) await mistakes(page);
  if (look === "light") {
    await page.pdf({ path: path.join(pictures, "print.pdf"), format: "A4", printBackground: true });
    assert.ok(fs.statSync(path.join(pictures, "print.pdf")).size > 10_000);
  }
}

async function classes(page) {
  const figures = async (column) => (await page.locator(`#classes tbody tr td:nth-child(${column})`).allTextContents()).filter((text) => text !== "–").map(Number);
  const sorted = (values) => values.every((value, place) => !place || values[place - 1] <= value);
  assert.ok(sorted(await figures(3)), "the table begins with the weakest class");
  for (const direction of ["ascending", "descending"]) {
    await page.locator("#classes thead button", { hasText: "Precision" }).click();
    assert.equal(await page.locator("#classes th[aria-sort]").getAttribute("aria-sort"), direction);
    const values = await figures(4);
    assert.ok(sorted(direction === "ascending" ? values : values.reverse()), `precision is ${direction}`);
  }
  const rows = page.locator("#classes tbody tr");
  const name = await rows.last().locator("button").textContent();
  await page.locator("#classes input[type=search]").fill(name);
  await page.waitForFunction((wanted) => [...document.querySelectorAll("#classes tbody button")].every((one) => one.textContent.includes(wanted)), name);
  await rows.first().locator("button").click();
  assert.ok((await page.locator("#classes .detail h3").textContent()).startsWith(await rows.first().locator("button").textContent()));
  assert.equal(await rows.first().locator("button").getAttribute("aria-expanded"), "true");
  await page.locator("#classes input[type=search]").fill("");
  await page.waitForFunction(() => document.querySelectorAll("#classes tbody tr").length > 1 || document.querySelectorAll("#classes tbody tr").length === 1);
}

async function matrix(page, look) {
  const data = await page.evaluate(() => JSON.parse(document.getElementById("data").textContent));
  const box = page.locator("#confusion .matrix"), readout = page.locator("#confusion .readout"), panel = page.locator("#confusion .panel");
  const marked = () => page.locator("#confusion .body .cell-wrong").count();
  const all = await page.locator("#confusion .body rect.cell-right, #confusion .body rect.cell-wrong").count();
  await page.locator("#confusion input[type=checkbox]").check();
  assert.equal(await page.locator("#confusion .body .cell-right").count(), 0, "errors only leaves no right answers");
  await page.locator("#confusion input[type=checkbox]").uncheck();
  assert.equal(await page.locator("#confusion .body rect.cell-right, #confusion .body rect.cell-wrong").count(), all);
  for (const order of ["list", "weak", "size", "confused"]) await page.locator("#confusion select").first().selectOption(order);
  if ((await marked()) + data.order.length < 40) await page.getByLabel("Smaller cells").click(); // few classes fill their room
  const before = Number(await page.locator("#confusion .body").getAttribute("width"));
  await page.getByLabel("Larger cells").click();
  assert.ok(Number(await page.locator("#confusion .body").getAttribute("width")) > before, "zoomed in");
  await page.screenshot({ path: path.join(pictures, `${look}-zoomed.png`) });
  await page.getByRole("button", { name: "Fit" }).click();
  // The keyboard: to the next mistake, open it, close it.
  await box.focus();
  await box.press("Home");
  for (let times = 0; times < 3; times++) await box.press("Shift+ArrowRight");
  for (let times = 0; times < 3; times++) await box.press("ArrowDown");
  assert.match(await readout.textContent(), /documents?/);
  await box.press("Enter");
  assert.ok(await panel.isVisible(), "Enter opens the documents");
  await panel.getByRole("button", { name: "Close" }).click();
  assert.ok(!(await panel.isVisible()));
  if (!(await marked())) return;
  // The pointer: the cell of the most frequent mistake, and its documents.
  await page.locator("#confusion .pairs button").first().click();
  assert.ok(await panel.isVisible(), "a pair opens its documents");
  const shown = await panel.locator(".document").count();
  assert.ok(shown > 0 || data.mistakes_shown < data.mistakes, "the pair has documents");
  await page.screenshot({ path: path.join(pictures, `${look}-cell.png`) });
  await panel.getByRole("button", { name: "Close" }).click();
  const wrong = page.locator("#confusion .body .cell-wrong").first();
  await wrong.scrollIntoViewIfNeeded();
  const at = await wrong.boundingBox();
  await page.mouse.move(at.x + at.width / 2, at.y + at.height / 2);
  await page.waitForTimeout(50);
  const said = await readout.textContent();
  assert.match(said, /\d/, "the readout follows the pointer");
  await page.mouse.click(at.x + at.width / 2, at.y + at.height / 2);
  assert.ok(await panel.isVisible(), "a click opens the documents");
  await panel.getByRole("button", { name: "Close" }).click();
  const focus = page.locator("#confusion select").nth(1);
  await focus.selectOption(String(data.cells[0]));
  assert.ok((await page.locator("#confusion .left text").count()) >= 1);
  await focus.selectOption("");
}

async function mistakes(page) {
  const holder = page.locator("#errors");
  const first = await holder.locator(".document .title").first().textContent();
  await holder.locator("input[type=search]").fill(first.slice(0, 12));
  await page.waitForTimeout(80);
  assert.ok((await holder.locator(".document").count()) >= 1, "the search finds what is there");
  await holder.locator("input[type=search]").fill("nothing has this text zqzq");
  await page.waitForTimeout(80);
  assert.equal(await holder.locator(".document").count(), 0);
  await holder.locator("input[type=search]").fill("");
  await page.waitForTimeout(80);
  const tabs = holder.getByRole("button", { name: /Suspected/ });
  if (await tabs.count()) {
    await tabs.click();
    assert.equal(await holder.locator(".document").count(), await holder.locator(".document .flag").count(), "suspects stand apart");
    await holder.getByRole("button", { name: /mistakes/ }).click();
  }
  const more = holder.locator("button.more");
  if (await more.isVisible()) {
    const before = await holder.locator(".document").count();
    await more.click();
    assert.ok((await holder.locator(".document").count()) > before, "more are shown");
  }
}
