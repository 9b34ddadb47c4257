// The search. Loaded, with its index, when the search is first opened.
//
// Every word of the query must stand in a passage, letter by letter: `-0.0017`, `da_prev` and
// `notation.sigmoid` are found as they are typed. A title comes before a heading, a heading before
// an exported name, a name before prose, prose before code; within one kind whole words come first.
{
  const SHOWN = 40, AROUND = 70;
  const dialog = document.querySelector(".search");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ol");
  const status = dialog.querySelector("[role=status]");

  // One character for one, so that a place in the folded text is the same place in the text
  const fold = (text) => text.toLowerCase().replace(/[\u2212\u2010\u2011\u2013]/g, "-").replace(/\s/g, " ");
  const passages = searchIndex.passages.map(([page, kind, place, section, text], order) => ({
    page: searchIndex.pages[page], kind, place, section, text, order, folded: fold(text),
    context: fold(`${searchIndex.pages[page][1]} ${section}`),
  }));

  const isWord = (character) => character !== undefined && /[\p{L}\p{N}_]/u.test(character);
  function wholeWord(text, word) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      if (!isWord(text[at - 1]) && !isWord(text[at + word.length])) return true;
    }
    return false;
  }

  // Better results have the smaller score; undefined where a word is missing
  function score(passage, query, terms, asWritten) {
    const inText = terms.filter((term) => passage.folded.includes(term));
    if (!inText.length) return undefined;
    if (!terms.every((term) => passage.folded.includes(term) || passage.context.includes(term))) return undefined;
    const label = passage.kind === 2 ? fold(passage.section) : passage.folded;
    let points = 100 * passage.kind;
    if (passage.kind < 3 && passage.section === asWritten) points -= 2000;
    else if (label === query) points -= 1000;
    else if (passage.folded.includes(query)) points -= 20;
    points -= 10 * inText.length / terms.length;
    if (inText.every((term) => wholeWord(passage.folded, term))) points -= 30;
    return points;
  }

  // A number is found without the brackets and commas that were copied with it
  const termsOf = (query) => query.split(" ").filter(Boolean).map((term) => {
    const bare = term.replace(/^[[(,;]+|[\]),;]+$/g, "");
    return /^[-+]?[\d.]+(e[-+]?\d+)?$/.test(bare) ? bare : term;
  });

  function search(query, asWritten) {
    const terms = termsOf(query);
    return passages
      .map((passage) => [score(passage, query, terms, asWritten), passage])
      .filter(([points]) => points !== undefined)
      .sort(([a, one], [b, other]) => a - b || one.order - other.order)
      .map(([, passage]) => passage);
  }

  // The part of the passage around the first match, with all matches marked
  function excerpt(passage, query) {
    const terms = passage.folded.includes(query) ? [query] : termsOf(query);
    const first = Math.min(...terms.map((t) => passage.folded.indexOf(t)).filter((at) => at >= 0));
    const start = first > AROUND ? passage.text.lastIndexOf(" ", first - AROUND / 2) + 1 : 0;
    const end = Math.min(passage.text.length, Math.max(start, first) + 2 * AROUND);
    const line = make("span", { className: "passage" });
    if (start) line.append("… ");
    let at = start;
    while (at < end) {
      const [next, term] = terms
        .map((t) => [passage.folded.indexOf(t, at), t])
        .filter(([place]) => place >= 0 && place < end)
        .sort(([a], [b]) => a - b)[0] ?? [end, ""];
      line.append(passage.text.slice(at, next));
      if (!term) break;
      at = next + term.length;
      line.append(make("mark", {}, passage.text.slice(next, at)));
    }
    if (end < passage.text.length) line.append(" …");
    return line;
  }

  function show() {
    let query = fold(input.value).trim().replace(/ +/g, " ");
    let found = search(query, input.value.trim());
    const name = query.match(/^[\w.]+\.([a-z_]\w*)$/)?.[1]; // rs.sigmoid: the name behind the last dot
    if (!found.length && name) found = search((query = name));
    list.replaceChildren(...found.slice(0, SHOWN).map((passage) => {
      const [href, title] = passage.page;
      const address = href + (passage.place ? "#" + encodeURIComponent(passage.place) : "");
      const where = passage.kind && passage.section ? `${title} › ${passage.section}` : title;
      const shown = [make("span", { className: "where" }, where), excerpt(passage, query)];
      return make("li", {}, make("a", { href: address }, ...shown));
    }));
    const count = found.length === 1 ? "1 passage" : `${found.length || "No"} passages`;
    const cut = found.length > SHOWN ? `, the first ${SHOWN} shown` : "";
    status.textContent = query && `${count} with “${query}”${cut}`;
  }

  input.addEventListener("input", show);
  dialog.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Enter" && event.target === input) links[0]?.click();
    else if (event.key === "ArrowDown") (links[at + 1] ?? links.at(-1))?.focus();
    else if (event.key === "ArrowUp") (links[at - 1] ?? input).focus();
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    if (event.target.closest("a")) dialog.close();
  });
  show();
  dialog.dataset.ready = "yes";
}
