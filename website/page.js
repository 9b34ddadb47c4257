// What the pages of either engine do, where scripts run.

// What can be scrolled sideways can be scrolled with the keyboard
{
  const BOXES = "pre, .sourceCode, .math.display, .table-scroll, table, .cell-output, .cell-output-display";
  const reach = () => {
    for (const box of document.querySelectorAll(`main :is(${BOXES})`)) {
      const scrolls = getComputedStyle(box).overflowX !== "visible";
      const isCut = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
      if (scrolls && isCut) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("DOMContentLoaded", reach);
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);
}

// On paper everything is unfolded
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("main details:not([open])")) {
    fold.open = true;
    addEventListener("afterprint", () => (fold.open = false), { once: true });
  }
});
