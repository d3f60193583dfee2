// The models on this machine, to choose from.

import * as api from "./api.js";
import { byId, confirmed, el, size } from "./dom.js";
import { showFault } from "./documents.js";

const TITLES = { chat: "Answers", embeddings: "Search" };
const dialog = byId("models");

async function open() {
  byId("model-lists").replaceChildren(el("p", { className: "quiet", role: "status", textContent: "Looking for models on this machine…" }));
  if (!dialog.open) dialog.showModal();
  try {
    const found = await api.get("/api/models");
    byId("model-lists").replaceChildren(...Object.entries(TITLES).flatMap(([kind, title]) => list(kind, title, found[kind])));
  } catch (error) {
    byId("model-lists").replaceChildren(el("p", { className: "notice bad", textContent: error.message }));
  }
}

function list(kind, title, models) {
  const group = el("div", { role: "radiogroup", "aria-label": title }, ...models.map((model) => choice(kind, model)));
  return [el("h3", { textContent: title }), group];
}

function choice(kind, model) {
  const input = el("input", { type: "radio", name: kind, checked: model.current, disabled: model.fits === false && !model.current });
  input.addEventListener("change", () => choose(kind, model));
  const about = [model.verdict.replace(/\.$/, ""), model.place].filter(Boolean).join(" · ");
  return el(
    "label",
    { className: "choice" },
    input,
    el("span", { className: "name", textContent: model.name }),
    el("span", { className: "quiet", textContent: [model.quantization, size(model.size)].filter(Boolean).join(", ") }),
    el("span", { className: model.fits === false ? "about bad" : "about", textContent: about }),
  );
}

async function choose(kind, model) {
  const question = `Search with ${model.name}? The index is rebuilt with it, which reads all files again.`;
  if (kind === "embeddings" && !(await confirmed(question, "Rebuild the index"))) return open();
  dialog.close();
  await api.post("/api/models", { kind, reference: model.reference }).catch(showFault);
  dispatchEvent(new Event("indexing"));
}

byId("open-models").addEventListener("click", open);
byId("choose-model").addEventListener("click", open);
byId("close-models").addEventListener("click", () => dialog.close());
