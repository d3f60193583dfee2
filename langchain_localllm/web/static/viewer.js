// The document next to the conversation: the passage of a citation, highlighted within its document.

import * as api from "./api.js";
import { byId, count, el, place, shortName } from "./dom.js";

let opener = null;
let opened = 0; // requests of documents that were opened before are dropped
let pictureAddress = "";

/** Open a document at a passage. `cited` has source, id, quote, passage, page and heading, if they are known. */
export async function openDocument(cited, button = null) {
  opener = button;
  const number = ++opened;
  byId("viewer").hidden = false;
  byId("viewer-title").textContent = shortName(cited.source);
  byId("viewer-place").textContent = place(cited).split(" · ").slice(1).join(" · ");
  byId("viewer-body").replaceChildren(el("p", { className: "quiet", textContent: "Opening…" }));
  byId("viewer").focus();
  document.querySelectorAll(".source[aria-pressed]").forEach((node) => node.setAttribute("aria-pressed", String(node === button)));
  try {
    const found = await api.get("/api/document", { source: cited.source, passage: cited.id ?? "" });
    if (number !== opened) return;
    byId("viewer-title").textContent = found.name;
    const body = byId("viewer-body");
    body.replaceChildren();
    if (/\.pdf$/i.test(cited.source)) showPage(cited, found, number);
    const text = el("div");
    body.append(text);
    showPassages(text, found, cited);
    (body.querySelector("mark") ?? body.querySelector(".found"))?.scrollIntoView({ block: "center" });
    if (/\.pdf$/i.test(cited.source)) body.scrollTop = 0;
  } catch (error) {
    if (number === opened) showKept(cited, error.message);
  }
}

export function closeViewer() {
  if (byId("viewer").hidden) return false;
  byId("viewer").hidden = true;
  opened++;
  document.querySelectorAll(".source[aria-pressed]").forEach((node) => node.setAttribute("aria-pressed", "false"));
  (opener?.isConnected ? opener : byId("question")).focus();
  return true;
}

/** Show the page of a PDF file as a picture, above its text. */
async function showPage(cited, found, number) {
  const page = cited.page ?? found.shown[0]?.page;
  if (!page) return;
  const image = el("img", { alt: `Page ${page} of ${found.name}${cited.quote ? ", with the cited sentence highlighted" : ""}`, hidden: true });
  byId("viewer-body").prepend(image);
  try {
    const blob = await api.picture("/api/page", { source: cited.source, page, quote: cited.quote ?? "" });
    if (number !== opened) return;
    URL.revokeObjectURL(pictureAddress);
    pictureAddress = URL.createObjectURL(blob);
    image.src = pictureAddress;
    image.hidden = false;
  } catch {
    image.replaceWith(el("p", { className: "quiet", textContent: "The page cannot be drawn; its text is below." }));
  }
}

function showPassages(text, found, cited) {
  let first = found.offset;
  let end = found.offset + found.shown.length;
  const earlier = el("button", { className: "small-button", textContent: "Show earlier passages" });
  const later = el("button", { className: "small-button", textContent: "Show later passages" });
  const about = el("p", { className: "quiet" });
  const update = () => {
    earlier.hidden = first === 0;
    later.hidden = end >= found.passages;
    about.textContent = first === 0 && end >= found.passages ? "" : `Passages ${first + 1} to ${end} of ${count(found.passages, "passage", "passages")}`;
  };
  const load = async (offset, length) => {
    const more = await api.get("/api/document", { source: cited.source, offset });
    return more.shown.slice(0, length);
  };
  const list = el("div", {}, ...passages(found.shown, cited));
  earlier.addEventListener("click", async () => {
    const start = Math.max(0, first - 30);
    list.prepend(...passages(await load(start, first - start), cited));
    first = start;
    update();
  });
  later.addEventListener("click", async () => {
    const more = await load(end, 30);
    list.append(...passages(more, cited));
    end += more.length;
    update();
  });
  update();
  text.append(earlier, about, list, later);
}

function passages(shown, cited) {
  let before = null;
  return shown.flatMap((each) => {
    const title = [each.page ? `Page ${each.page}` : null, each.heading].filter(Boolean).join(" · ");
    const head = title && title !== before ? [el("h3", { textContent: title })] : [];
    before = title;
    const isCited = cited.id && each.id === cited.id;
    return [...head, el("div", { className: isCited ? "text found" : "text" }, ...(isCited ? marked(each.text, cited.quote) : [each.text]))];
  });
}

/** Return a text with a quote marked, however its spaces differ. */
function marked(text, quote) {
  const words = (quote ?? "").split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"));
  const match = words.length ? new RegExp(words.join("\\s+")).exec(text) : null;
  if (!match) return [el("mark", { textContent: text })];
  return [text.slice(0, match.index), el("mark", { textContent: match[0] }), text.slice(match.index + match[0].length)];
}

/** Show the passage that the conversation keeps, where its document is not in the index any more. */
function showKept(cited, reason) {
  const kept = cited.passage ? [el("div", { className: "text found" }, ...marked(cited.passage, cited.quote))] : [];
  byId("viewer-body").replaceChildren(el("p", { className: "notice bad", textContent: reason }), ...kept);
}
