// What a person does with the HTML report, in a real Chromium; `page.py` makes the pages and calls this.
//
// Every check opens a page of its own and notes what Chromium asks for, complains of and throws: a check
// passes only if nothing but the file itself was asked for and nothing was complained of.

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    playwright: { type: "string" },
    chromium: { type: "string" },
    only: { type: "string", default: "" },
    list: { type: "boolean", default: false },
  },
});
const [broken, everything] = positionals;
const { chromium } = createRequire(options.playwright + "/")(options.playwright);
const checks = [];

function check(sentence, settings, run) {
  checks.push({ sentence, settings, run });
}

class Failed extends Error {}

function due(condition, what) {
  if (!condition) throw new Failed(what);
}

function same(seen, wanted, what) {
  const [one, other] = [seen, wanted].map((it) => JSON.stringify(it));
  due(one === other, `${what}: ${one}, not ${other}`);
}

// A page whose network is a trap: `wrongs` is what must stay empty.
async function opened(browser, settings, file) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...settings });
  context.setDefaultTimeout(10_000);
  const wrongs = [];
  await context.route("**/*", (route) => {
    if (route.request().url().split("#")[0] === pathToFileURL(file).href) return route.continue();
    wrongs.push(`it asked for ${route.request().url()}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrongs.push(`the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrongs.push(`it threw: ${error}`));
  page.on("dialog", (dialog) => {
    wrongs.push(`it asked the person: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("popup", () => wrongs.push("it opened a window"));
  await page.goto(pathToFileURL(file).href);
  return { page, wrongs, context };
}

const shown = (page) => page.locator("details.step:visible");
const steps = (page) => page.locator("details.step");

check("a failing run is rendered: the verdict, the cause, the plan's line, the exchange, the curl line", { file: broken }, async ({ page }) => {
  due(/^Failed on demo-broken-contract in .*: of \d+ steps \d+ failed, \d+ were blocked/.test(await page.locator("h1").innerText()), await page.locator("h1").innerText());
  const first = page.locator("article.failure").first();
  for (const part of [".cause", "figure.frame mark", "table.assertions tr.failed", ".phases .bar", ".exchange", "pre.command"]) {
    due(await first.locator(part).first().isVisible(), `the first failure shows no ${part}`);
  }
  due((await first.locator("pre.command").innerText()).startsWith("curl -sS "), "there is no curl line");
  due((await first.locator("pre.command").innerText()).includes("$API_KEY"), "the curl line does not name the key's variable");
  due(await page.locator("#failures .clusters li").first().innerText().then((text) => /\d+ steps[^]*Why: /.test(text)), "the group has no cause");
});

check("every part of the page can be reached from its head, and every link inside leads somewhere", { file: everything }, async ({ page }) => {
  const links = await page.locator("nav[aria-label] a").all();
  due(links.length >= 7, `there are only ${links.length} links in the head`);
  for (const link of links) {
    await link.click();
    const target = page.locator(await link.getAttribute("href"));
    due(await target.isVisible(), `${await link.innerText()} leads to nothing that is seen`);
    due(await target.evaluate((it) => Math.abs(it.getBoundingClientRect().top) < innerHeight), `${await link.innerText()} is not scrolled to`);
  }
  const lost = await page.locator("a[href^='#']").evaluateAll((all) => all.map((it) => it.hash).filter((hash) => !document.getElementById(hash.slice(1))));
  same(lost, [], "links lead nowhere");
  const outside = await page.locator("a").evaluateAll((all) => all.map((it) => it.getAttribute("href")).filter((href) => !href.startsWith("#")));
  same(outside, [], "links lead outside");
});

check("what was flaky, skipped, blocked, repeated and in cases is told, with its reason", { file: everything }, async ({ page }) => {
  due((await page.locator("#flaky").innerText()).includes("2 attempts: 503 Service Unavailable, then 200 OK"), await page.locator("#flaky").innerText());
  const idle = await page.locator("#idle").innerText();
  due(idle.includes("not <b>today</b>") && idle.includes("blocked by hostile"), idle);
  same(await page.locator("#matrices table.cases tbody tr").count(), 2, "rows of the table of cases");
  same(await page.locator("#matrices table.cases tbody td").count(), 4, "cells of the table of cases");
  const many = page.locator("#latency tr", { hasText: "/many" });
  due((await many.innerText()).includes("60m 00s"), `the budget is missing: ${await many.innerText()}`);
  due(await many.locator("svg.spark polyline").isVisible(), "thirty times are no line");
  same(await page.locator(".diff mark").allInnerTexts(), ["2", "3"], "letters that differ");
});

check("words filter the steps, and Escape shows all again", { file: broken }, async ({ page }) => {
  const all = await steps(page).count();
  await page.keyboard.press("/");
  await page.keyboard.type("failed 401");
  const kept = await shown(page).allInnerTexts();
  due(kept.length > 0 && kept.length < all, `${kept.length} of ${all} are shown`);
  due(kept.every((text) => text.includes("failed") && text.includes("401")), kept.join("\n"));
  same(await page.locator("#found").innerText(), `${kept.length} of ${all}`, "it says how many");
  await page.keyboard.type(" no such step");
  same(await shown(page).count(), 0, "steps that nothing fits");
  same(await page.locator("section.plan:visible").count(), 0, "plans without a step");
  await page.keyboard.press("Escape");
  same(await shown(page).count(), all, "steps after Escape");
});

check("steps are shown by verdict, also without scripts", { file: everything, javaScriptEnabled: false }, async ({ page }) => {
  const all = await steps(page).count();
  for (const [label, mark, wanted] of [["did not pass", "failed", 1], ["not evidenced", "skipped", 2], ["flaky", "flaky", 1]]) {
    await page.getByLabel(label).check();
    same(await shown(page).count(), wanted, `steps under “${label}”`);
    due((await shown(page).first().innerText()).includes(mark), await shown(page).first().innerText());
  }
  await page.getByLabel("all").check();
  same(await shown(page).count(), all, "steps under “all”");
});

check("a step opens by a click and by the keyboard, and shows what was sent", { file: everything }, async ({ page }) => {
  const step = steps(page).filter({ hasText: "Many at once" });
  due(!(await step.locator(".inside").isVisible()), "it is open from the beginning");
  await step.locator("summary").click();
  due(await step.locator(".exchange").isVisible(), "a click shows no exchange");
  await step.locator("summary").press("Enter");
  due(!(await step.locator(".inside").isVisible()), "Enter does not close it");
  await step.locator("summary").press("Space");
  due(await step.locator(".exchange").isVisible(), "Space does not open it");
});

check("a link to a step that somebody sent opens the step, even where a filter hides it", { file: everything }, async ({ page }) => {
  const id = await steps(page).filter({ hasText: "Many at once" }).getAttribute("id");
  await page.keyboard.press("/");
  await page.keyboard.type("nothing fits this");
  await page.getByLabel("flaky").check();
  await page.evaluate((hash) => { location.hash = hash; }, id);
  await page.locator(`#${id} .exchange`).waitFor();
  await page.goto(page.url());
  await page.reload();
  due(await page.locator(`#${id} .exchange`).isVisible(), "opened by its address it is closed");
  due(await page.locator(`#${id}`).evaluate((it) => it.getBoundingClientRect().top < innerHeight), "it is not scrolled to");
});

check("the keyboard alone goes through the page: to the results, along the failures, into the filter", { file: broken }, async ({ page }) => {
  await page.keyboard.press("Tab");
  same(await page.evaluate(() => document.activeElement.textContent), "To the results", "the first thing to be reached");
  due(await page.locator("a.skip").evaluate((it) => it.getBoundingClientRect().left >= 0), "it is not seen when it is reached");
  const ids = await page.locator("article.failure").evaluateAll((all) => all.map((it) => it.id));
  const focused = () => page.evaluate(() => document.activeElement.id);
  for (const [key, wanted] of [["n", ids[0]], ["n", ids[1]], ["p", ids[0]], ["p", ids[0]]]) {
    await page.keyboard.press(key);
    same(await focused(), wanted, `where ${key} leads`);
  }
  await page.keyboard.press("/");
  same(await focused(), "filter", "where / leads");
  await page.keyboard.type("n");
  same(await page.locator("#filter").inputValue(), "n", "what is typed into the filter");
  const unreachable = await page.locator("pre, .scroll").evaluateAll((all) => all.filter((it) => {
    it.closest("details")?.setAttribute("open", "");
    return (it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1) && it.tabIndex < 0;
  }).map((it) => it.className));
  same(unreachable, [], "what scrolls and cannot be reached by the keyboard");
});

check("what a server would like to be in the page is text", { file: everything }, async ({ page }) => {
  same(await page.evaluate(() => window.owned ?? null), null, "what its script did");
  same(await page.locator("img, iframe, object, link, form, base").count(), 0, "elements that load something");
  same(await page.locator("script").count(), 1, "scripts");
  due((await page.locator("article.failure").innerText()).includes("<script>window.owned = 1</script>"), "the text is gone");
});

check("the policy of the page lets nothing else run or load", { file: everything, complains: true }, async ({ page, wrongs }) => {
  const blocked = await page.evaluate(async () => {
    const seen = [];
    document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
    const inline = document.createElement("script");
    inline.textContent = "window.owned = 5";
    const image = document.createElement("img");
    image.src = "http://127.0.0.1:9/x.png";
    const button = document.createElement("button");
    button.setAttribute("onclick", "window.owned = 6");
    document.body.append(inline, image, button);
    button.click();
    await fetch("http://127.0.0.1:9/").catch(() => {});
    await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
    return { seen: [...new Set(seen)].sort(), owned: window.owned ?? null };
  });
  same(blocked, { seen: ["connect-src", "img-src", "script-src-attr", "script-src-elem"], owned: null }, "what was blocked");
  same(wrongs.filter((it) => it.startsWith("it asked")), [], "what left the page");
});

check("a page that loads or complains is noticed by these checks", { file: everything, complains: true, damage: (text) => text.replace(/<meta http-equiv[^>]*>/, "").replace("</main>", "<img src='http://127.0.0.1:9/x.png'><script>nothing.here()</script></main>") }, async ({ page, wrongs }) => {
  await page.locator("img").waitFor({ state: "attached" });
  due(wrongs.some((it) => it.startsWith("it asked for http://127.0.0.1:9/x.png")), `not the image: ${wrongs}`);
  due(wrongs.some((it) => it.startsWith("it threw: ReferenceError")), `not the error: ${wrongs}`);
});

check("without scripts the page is whole, but for the field that needs one", { file: broken, javaScriptEnabled: false }, async ({ page }) => {
  const text = await page.locator("body").innerText();
  for (const part of ["Failures", "Latency by endpoint", "When each step ran", "Not evidenced", "Environment", "All steps"]) {
    due(text.includes(part), `${part} is missing`);
  }
  due(!(await page.locator("#filter").isVisible()), "a field is shown that does nothing");
  const step = steps(page).filter({ hasText: "passed" }).first();
  await step.locator("summary").click();
  due(await step.locator(".exchange").isVisible(), "a step does not open");
});

for (const [name, file] of [["a failing run", broken], ["a hostile server", everything]]) {
  for (const colorScheme of ["light", "dark"]) {
    check(`the page of ${name} fits a phone, and all of its words can be read, in ${colorScheme} colours`, { file, colorScheme, viewport: { width: 390, height: 844 } }, async ({ page }) => {
      await page.locator("details").evaluateAll((all) => all.forEach((it) => { it.open = true; }));
      same(await page.evaluate(() => document.documentElement.scrollWidth), 390, "how wide it is");
      const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      due((Number(dark.match(/\d+/)[0]) < 64) === (colorScheme === "dark"), `its back is ${dark}`);
      same(await page.evaluate(faint), [], "words of too little contrast");
    });
  }
}

check("words that are too faint are noticed by these checks", { file: broken, damage: (text) => text.replaceAll("--dim:#59636e", "--dim:#b0b0b0") }, async ({ page }) => {
  due((await page.evaluate(faint)).some((it) => it.startsWith("P.quiet")), "grey on white is not noticed");
});

// Words whose contrast is below what WCAG 2.2 asks of text (AA, 4.5:1), each class once.
function faint() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const painted = (colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    const light = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  };
  const found = new Map();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const backs = [];
    for (let it = element; it; it = it.parentElement) backs.unshift(getComputedStyle(it).backgroundColor);
    const style = getComputedStyle(element);
    const key = `${style.color} on ${backs.join(" ")}`;
    if (found.has(key)) continue;
    const [back, text] = [painted(backs), painted([...backs, style.color])];
    const ratio = (Math.max(back, text) + 0.05) / (Math.min(back, text) + 0.05);
    found.set(key, ratio < 4.5 ? `${element.tagName}.${element.className} “${element.textContent.trim().slice(0, 30)}” ${ratio.toFixed(2)}` : null);
  }
  return [...found.values()].filter(Boolean);
}

check("on paper there is no navigation, every failure is whole, and nothing is cut", { file: broken, viewport: { width: 700, height: 900 } }, async ({ page }) => {
  await page.emulateMedia({ media: "print" });
  for (const part of ["nav[aria-label]", "fieldset.show", "p.filter", "a.skip"]) {
    due(!(await page.locator(part).isVisible()), `${part} is printed`);
  }
  const failures = await page.locator("article.failure").all();
  for (const failure of failures) {
    due(await failure.locator(".exchange").isVisible() && await failure.locator("pre.command").isVisible(), "a failure is printed in part");
  }
  const bar = page.locator("#waterfall .waterfall li").first();
  due(await bar.evaluate((it) => it.getBoundingClientRect().height > 0), "the steps of the waterfall are not printed");
  const cut = await page.locator("article.failure pre").evaluateAll((all) => all.filter((it) => it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1).length);
  same(cut, 0, "blocks that are cut");
  const paper = await page.pdf({ format: "A4" });
  due(paper.subarray(0, 5).toString() === "%PDF-" && paper.length > 20_000, `the paper is ${paper.length} bytes`);
});

async function passes(browser, { sentence, settings, run }) {
  const { file: original, damage, complains, ...context } = settings;
  const begin = performance.now();
  const took = () => `(${((performance.now() - begin) / 1000).toFixed(1)} s)`;
  let file = original;
  if (damage) {
    file = original.replace(/\.html$/, "-damaged.html");
    writeFileSync(file, damage(readFileSync(original, "utf8")));
  }
  let at;
  try {
    at = await opened(browser, context, file);
    await run(at);
    if (!complains) same(at.wrongs, [], "what went wrong beside it");
    console.log(`ok   ${sentence} ${took()}`);
    return true;
  } catch (error) {
    console.log(`FAIL ${sentence} ${took()}\n${error instanceof Failed ? error.message : error.stack}`);
    return false;
  } finally {
    await at?.context.close();
  }
}

const chosen = checks.filter((it) => it.sentence.toLowerCase().includes(options.only.toLowerCase()));
if (options.list) {
  for (const { sentence } of chosen) console.log(sentence);
} else if (chosen.length === 0) {
  console.log(`no check is called \`${options.only}\``);
  process.exitCode = 2;
} else {
  // Chromium's own sandbox does not start for root; what it opens here is a file of ours.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: options.chromium, args });
  let failed = 0;
  for (const one of chosen) failed += (await passes(browser, one)) ? 0 : 1;
  await browser.close();
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}
