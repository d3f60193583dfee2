// Elements are made here, from texts: no text of a document or a model ever becomes markup.

export const byId = (id) => document.getElementById(id);

/** Return an element. `props` are properties, or attributes where they hold a dash; null and false are left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Return one of the page's icons. */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const CROSS = "M6 6l12 12M18 6 6 18";

/** Ask a person, and return whether they agreed. */
export function confirmed(question, yes) {
  const dialog = byId("confirm");
  byId("confirm-text").textContent = question;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
byId("confirm-yes")?.addEventListener("click", () => byId("confirm").close("yes"));
byId("confirm-no")?.addEventListener("click", () => byId("confirm").close("no"));

export const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export function size(bytes) {
  if (!bytes) return "";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${(bytes / 1000 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}

/** Return where a passage is: file, page, heading. */
export function place({ source, name, page, heading }) {
  const file = name || shortName(source);
  return [file, page ? `page ${page}` : null, heading].filter(Boolean).join(" · ");
}

const UPLOADS = /^(?:.*\/)?[^/]+\/uploads\//;
export const shortName = (source) => source.replace(UPLOADS, "");
