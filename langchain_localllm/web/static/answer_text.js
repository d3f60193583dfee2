// An answer as elements: paragraphs, lists, code, bold and italic text, its citations as buttons, and a mark after each sentence
// that no passage supports. Links and pictures stay text.

import { el } from "./dom.js";

const INLINE = /(`[^`\n]+`)|\*\*([^*\n]+)\*\*|\*([^*\s][^*\n]*)\*|\[(\d{1,9}(?:\s*[,;]\s*\d{1,9})*)\]|\[\?\]/g;
const ITEM = /^\s*(?:([-*+•])|(\d{1,3})[.)])\s+(.*)$/;

/** Fill an element with an answer. `cite(number)` returns the button for a citation, or null where the number has no source. */
export function showAnswer(node, text, cite) {
  node.replaceChildren(...blocks(text.trim(), cite));
}

function blocks(text, cite) {
  const found = [];
  text.split(/^[ \t]*(?:```|~~~).*$/m).forEach((part, number) => {
    if (number % 2) found.push(el("pre", {}, el("code", { textContent: part.replace(/^\n|\n$/g, "") })));
    else for (const block of part.split(/\n\s*\n/)) if (block.trim()) found.push(...paragraphs(block.trim(), cite));
  });
  return found;
}

function paragraphs(block, cite) {
  const found = [];
  let list = null;
  let lines = [];
  const flush = () => {
    if (lines.length) found.push(el("p", {}, ...lines.flatMap((line, place) => [...(place ? [el("br")] : []), ...inline(line, cite)])));
    lines = [];
  };
  for (const line of block.split("\n")) {
    const item = ITEM.exec(line);
    if (item) {
      flush();
      const tag = item[1] ? "UL" : "OL";
      if (list?.tagName !== tag) found.push((list = el(tag, tag === "OL" ? { start: Number(item[2]) } : {})));
      list.append(el("li", {}, ...inline(item[3], cite)));
    } else {
      list = null;
      lines.push(line.replace(/^#{1,6}\s+/, ""));
    }
  }
  flush();
  return found;
}

function inline(text, cite) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const before = text.slice(end, match.index);
    found.push(match[0].startsWith("[") ? before.replace(/ +$/, "\u00a0") : before); // a mark stays on the line of its sentence
    end = match.index + match[0].length;
    if (match[1]) found.push(el("code", { textContent: match[1].slice(1, -1) }));
    else if (match[2]) found.push(el("strong", {}, ...inline(match[2], cite)));
    else if (match[3]) found.push(el("em", {}, ...inline(match[3], cite)));
    else if (match[0] === "[?]") found.push(unsupported());
    else found.push(...match[4].split(/\D+/).map((number) => cite(Number(number)) ?? `[${number}]`));
  }
  found.push(text.slice(end));
  return found;
}

const UNSUPPORTED = "No passage supports this sentence";
const unsupported = () => el("span", { className: "unsupported", role: "img", title: UNSUPPORTED, "aria-label": UNSUPPORTED, textContent: "?" });
