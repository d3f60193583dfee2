// Documents: the list, and adding files and folders.

import * as api from "./api.js";
import { byId, confirmed, count, CROSS, el, icon } from "./dom.js";
import { openDocument } from "./viewer.js";

const AT_ONCE = 3;
let shown = 0;

/** Show the files of the index whose names match the filter. */
export async function showDocuments({ more = false } = {}) {
  const words = byId("filter").value;
  const found = await api.get("/api/files", { words, offset: more ? shown : 0 });
  if (words !== byId("filter").value) return;
  const rows = found.files.map(row);
  if (more) byId("documents").append(...rows);
  else byId("documents").replaceChildren(...rows);
  shown = found.offset + found.files.length;
  byId("more-documents").hidden = shown >= found.total;
}

/** Show the numbers of files and passages. */
export function showCounts({ files, passages, unreadable }) {
  const out = unreadable ? `, ${count(unreadable, "file", "files")} left out` : "";
  byId("counts").textContent = files || unreadable ? `${count(files, "file", "files")}, ${count(passages, "passage", "passages")}${out}` : "No documents yet.";
  byId("filter").hidden = files + unreadable < 8;
  byId("update").hidden = !(files || unreadable);
}

function row({ source, name, passages, problem, uploaded }) {
  const [, folder, file] = /^(?:(.*)\/)?(.*)$/s.exec(name);
  const facts = [problem ? problem.replace(/^.*?: /, "Left out: ") : count(passages, "passage", "passages"), folder];
  const about = facts.filter(Boolean).join(" · ");
  const parts = [el("span", { className: "name", textContent: file }), el("span", { className: "about", textContent: about })];
  const main = passages ? el("button", { className: "row-main", title: name }, ...parts) : el("div", { className: "row-main", title: name }, ...parts);
  if (passages) main.addEventListener("click", () => openDocument({ source, id: "" }, main));
  const item = el("li", { className: problem ? "row problem" : "row" }, main);
  if (uploaded) {
    const remove = el("button", { className: "icon-button", "aria-label": `Remove ${name}` }, icon(CROSS));
    remove.addEventListener("click", async () => {
      if (!(await confirmed(`Remove ${name} from your documents?`, "Remove"))) return;
      await api.remove("/api/files", { source }).catch(showFault);
      item.remove();
    });
    item.append(remove);
  }
  return item;
}

export function showFault(error) {
  const close = el("button", { className: "link-button", textContent: "Close" });
  close.addEventListener("click", () => (byId("fault").hidden = true));
  byId("fault").replaceChildren(`${error.message ?? error} `, close);
  byId("fault").hidden = false;
}

/** Send files to the index. Each is `{ name, file }`, where the name has the folders. */
async function add(files) {
  const wanted = files.filter(({ name }) => !name.split("/").some((part) => part.startsWith(".")));
  if (!wanted.length) return showFault("There is nothing to add: the folder is empty, or holds hidden files only.");
  const faults = [];
  let done = 0;
  const show = () => {
    byId("job").hidden = false;
    byId("job-text").textContent = `Adding ${count(wanted.length, "file", "files")}`;
    byId("job-bar").max = wanted.length;
    byId("job-bar").value = done;
  };
  show();
  const waiting = [...wanted];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await api.upload(next.name, next.file).catch((error) => faults.push(error instanceof api.Refused ? error.message : `${next.name} cannot be read.`));
      done++;
      show();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  byId("job").hidden = true;
  if (faults.length) showFault(faults.slice(0, 5).join(" ") + (faults.length > 5 ? ` And ${faults.length - 5} more.` : ""));
  if (faults.length < wanted.length) await api.post("/api/index", { uploads: true }).catch(showFault);
  dispatchEvent(new Event("indexing"));
}

/** Return the files of what was dropped, those in folders too. */
async function dropped(items) {
  const found = [];
  const entries = []; // they can be asked for only now, before anything is awaited
  for (const item of items) {
    const entry = item.webkitGetAsEntry?.();
    const file = entry ? null : item.getAsFile();
    if (entry) entries.push(entry);
    else if (file) found.push({ name: file.name, file });
  }
  const walk = async (entry, folder) => {
    const name = `${folder}${entry.name}`;
    if (entry.isFile) {
      found.push({ name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 each time
      if (!some.length) return;
      for (const inner of some) await walk(inner, `${name}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

const chosen = (input) => {
  const files = [...input.files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  input.value = "";
  return files;
};
for (const kind of ["file", "folder"]) {
  const input = byId(`${kind}-input`);
  for (const button of document.querySelectorAll(`[data-add=${kind}]`)) button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => add(chosen(input)));
}
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  byId("drop").hidden = false;
});
addEventListener("dragleave", (event) => event.relatedTarget || (byId("drop").hidden = true));
addEventListener("drop", async (event) => {
  byId("drop").hidden = true;
  if (!hasFiles(event)) return;
  event.preventDefault();
  await dropped(event.dataTransfer.items).then(add, showFault);
});
byId("filter").addEventListener("input", () => showDocuments().catch(() => {}));
byId("more-documents").addEventListener("click", () => showDocuments({ more: true }));
byId("update").addEventListener("click", async () => {
  await api.post("/api/index", {}).catch(showFault);
  dispatchEvent(new Event("indexing"));
});
