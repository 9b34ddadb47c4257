// What a page can do beside being read. Without scripts, text, equations, code and figures are all
// there; everything here adds to them. Loaded in the head, so that the theme is right at once.

// Light or dark: as the system says, until the reader chooses
const root = document.documentElement;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const kept = { // a browser may refuse to keep anything
  get theme() { try { return localStorage.getItem("theme"); } catch { return null; } },
  set theme(name) { try { localStorage.setItem("theme", name); } catch { /* until the page is left */ } },
};
const isDark = () => (root.dataset.theme ?? (systemIsDark.matches ? "dark" : "light")) === "dark";
if (kept.theme) root.dataset.theme = kept.theme;

// The chapter and section lists stand open beside the text, and folded above it on narrow screens.
const narrow = matchMedia("(max-width: 68rem)");
function foldOnNarrowScreens() {
  for (const list of document.querySelectorAll("details.fold")) list.open = !narrow.matches;
}
narrow.addEventListener("change", foldOnNarrowScreens);

function make(tag, properties, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

function load(script) {
  return new Promise((resolve, reject) => {
    document.head.append(make("script", { src: `assets/${script}`, onload: resolve, onerror: reject }));
  });
}

const placeAt = (hash) => document.getElementById(decodeURIComponent(hash.slice(1)));

// A place inside something folded is unfolded when a link leads there
function unfoldTarget() {
  const place = placeAt(location.hash);
  let fold = place?.closest("details:not([open])");
  if (!fold) return;
  for (; fold; fold = fold.parentElement.closest("details")) fold.open = true;
  place.scrollIntoView();
}
addEventListener("hashchange", unfoldTarget);

function themeSwitch() {
  const button = document.querySelector(".theme");
  const label = () => (button.textContent = isDark() ? "Light" : "Dark");
  button.addEventListener("click", () => {
    kept.theme = root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  systemIsDark.addEventListener("change", label);
  label();
}

// The search, and what it knows, is fetched when it is first opened
function search() {
  let loaded;
  const dialog = document.querySelector(".search");
  const open = () => {
    loaded ??= load("search-index.js").then(() => load("search.js"));
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("input").select();
  };
  document.querySelector(".search-open").addEventListener("click", open);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea");
    const asked = (event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey));
    if (!asked) return;
    event.preventDefault();
    open();
  });
}

// Every section, figure, table and equation shows its address
function anchors() {
  for (const place of document.querySelectorAll("main section[id], main figure[id], main span[id^=eq-]")) {
    const label = place.tagName === "SECTION" ? place.firstElementChild : place.querySelector(":scope > figcaption") ?? place;
    if (place.tagName === "SECTION" && !/^H[2-6]$/.test(label.tagName)) continue;
    const name = { SECTION: "section", SPAN: "equation" }[place.tagName] ?? "figure or table";
    const link = make("a", { className: "anchor", href: "#" + place.id }, "#");
    link.setAttribute("aria-label", `Link to this ${name}`);
    label.append(" ", link);
  }
}

function copyButtons() {
  for (const block of document.querySelectorAll("main div.sourceCode")) {
    const code = block.querySelector("code");
    const button = make("button", { type: "button", className: "copy" }, "Copy");
    button.addEventListener("click", async () => {
      await copy(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    block.append(button);
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a browser that gives no clipboard to pages from a disk
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// A reference to an equation, figure or table shows it: pointed at, focused, or tapped once
function previews() {
  const box = make("div", { className: "preview", hidden: true });
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  let shownFor, byTouch = false;

  const hide = () => {
    box.hidden = true;
    shownFor = undefined;
  };
  const content = (link) => {
    const address = link.getAttribute("href");
    const elsewhere = document.querySelector(`template[data-of="${CSS.escape(address)}"]`);
    if (elsewhere) return elsewhere.content.cloneNode(true);
    const place = address.startsWith("#") && placeAt(address);
    if (!place) return undefined;
    const copied = place.cloneNode(true);
    for (const element of [copied, ...copied.querySelectorAll("[id]")]) element.removeAttribute("id");
    copied.querySelectorAll(".anchor, button").forEach((element) => element.remove());
    return copied;
  };
  const show = (link) => {
    const copied = content(link);
    if (!copied) return;
    shownFor = link;
    box.replaceChildren(copied);
    box.hidden = false;
    const at = link.getBoundingClientRect(), size = box.getBoundingClientRect();
    const above = at.top > size.height + 16;
    box.style.top = `${scrollY + (above ? at.top - size.height - 8 : at.bottom + 8)}px`;
    box.style.left = `${Math.max(12, Math.min(at.left, root.clientWidth - size.width - 12))}px`;
  };

  addEventListener("pointerdown", (event) => {
    byTouch = event.pointerType === "touch";
    if (!box.contains(event.target) && event.target !== shownFor) hide();
  });
  for (const link of document.querySelectorAll("main a.quarto-xref")) {
    link.addEventListener("mouseenter", () => byTouch || show(link));
    link.addEventListener("mouseleave", () => byTouch || hide());
    link.addEventListener("focus", () => byTouch || show(link));
    link.addEventListener("blur", hide);
    link.addEventListener("click", (event) => {
      if (byTouch && shownFor !== link) { // the first tap shows, the second follows the link
        show(link);
        if (shownFor === link) event.preventDefault();
      } else hide();
    });
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

// A list that is longer than the window scrolls along
function bringIntoSight(selector) {
  const entry = document.querySelector(selector), list = entry?.closest(".fold");
  if (list?.scrollHeight > list?.clientHeight) list.scrollTop = entry.offsetTop - list.clientHeight / 2;
}

// Mark the section being read
function markSections() {
  const entries = new Map();
  for (const link of document.querySelectorAll(".sections a")) {
    const section = placeAt(link.hash);
    if (section) entries.set(section, link);
  }
  const mark = () => {
    const seen = [...entries].filter(([section]) => section.getBoundingClientRect().top < 120);
    for (const link of entries.values()) link.removeAttribute("aria-current");
    const link = seen.at(-1)?.[1];
    if (!link) return;
    link.setAttribute("aria-current", "true");
    bringIntoSight(".sections [aria-current]");
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".tools").hidden = false;
  unfoldTarget();
  themeSwitch();
  search();
  anchors();
  copyButtons();
  previews();
  markSections();
  bringIntoSight(".chapters [aria-current]");
  // On a phone the section list closes once it has been used
  document.querySelector(".sections")?.addEventListener("click", (event) => {
    if (event.target.closest("a")) foldOnNarrowScreens();
  });
});
