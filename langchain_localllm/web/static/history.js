// The list of conversations.

import * as api from "./api.js";
import { currentConversation, openConversation } from "./chat.js";
import { byId, confirmed, CROSS, el, icon } from "./dom.js";

/** Show the conversations that are on disk. */
export async function showConversations() {
  const found = await api.get("/api/conversations");
  byId("conversations").replaceChildren(...found.map(row));
  byId("no-conversations").hidden = Boolean(found.length);
  byId("delete-all").hidden = !found.length;
}

function row({ id, title, updated }) {
  const name = title || "(damaged)";
  const when = new Date(updated * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const isCurrent = id === currentConversation();
  const open = el("button", { className: "row-main", title: name, "aria-current": isCurrent ? "true" : null }, el("span", { className: "name", textContent: name }), el("span", { className: "about", textContent: when }));
  open.addEventListener("click", () => openConversation(id));
  const remove = el("button", { className: "icon-button", "aria-label": `Delete the conversation: ${name}` }, icon(CROSS));
  remove.addEventListener("click", async () => {
    if (!(await confirmed(`Delete the conversation “${name}”?`, "Delete"))) return;
    await api.remove(`/api/conversations/${id}`);
    if (id === currentConversation()) await openConversation("");
    else await showConversations();
  });
  return el("li", { className: isCurrent ? "row current" : "row" }, open, remove);
}

byId("delete-all").addEventListener("click", async () => {
  if (!(await confirmed("Delete all conversations?", "Delete all"))) return;
  await api.remove("/api/conversations");
  await openConversation("");
});
