// The page: what the server is doing, the keyboard, dark and light.

import * as api from "./api.js";
import { ask, currentConversation, openConversation, setOnConversation, stop } from "./chat.js";
import { showCounts, showDocuments, showFault } from "./documents.js";
import { byId, count } from "./dom.js";
import { showConversations } from "./history.js";
import "./models.js";
import { closeViewer } from "./viewer.js";

const BUSY = 400;
const IDLE = 4000;
const LOST = 1500;
const TINY = "tiny-chat.gguf";
let timer = null;
let before = "";
let faultBefore = "";
let linksBefore = "";

// --- what the server is doing ---

async function poll() {
  clearTimeout(timer);
  let wait = IDLE;
  try {
    const state = await api.get("/api/state");
    byId("connection").hidden = true;
    showState(state);
    if (state.job) wait = BUSY;
  } catch (error) {
    wait = LOST;
    byId("connection").textContent =
      error.status === 401
        ? "localllm was started again. Open the address that it printed now."
        : "The connection to localllm is lost. Is it still running? This page continues when it answers.";
    byId("connection").hidden = false;
  }
  timer = setTimeout(poll, wait);
}

function showState({ job, documents, models, fault, report }) {
  showCounts(documents);
  byId("model-name").textContent = models.chat;
  byId("tiny").hidden = models.chat !== TINY;
  byId("empty-text").textContent = documents.passages
    ? `${count(documents.files, "document is", "documents are")} ready. Ask anything that they answer.`
    : "Add files or folders, or drop them on this page: text, Markdown, PDF, Word, HTML, mail and more.";
  byId("empty-add").hidden = Boolean(documents.files || documents.unreadable || job);
  showJob(job);
  if (fault && fault !== faultBefore) showFault(fault);
  faultBefore = fault;
  const links = (report?.outside_links ?? []).join(", ");
  if (links && links !== linksBefore) showFault(`Left out, since they are links that lead out of your folders: ${links}.`);
  linksBefore = links;
  const isLarge = documents.files > 500; // its list is shown again only when the job is done
  const now = JSON.stringify([job && isLarge ? "" : documents, report?.seconds]);
  if (now !== before) showDocuments().catch(() => {});
  before = now;
}

function showJob(job) {
  if (!job) {
    if (byId("job").dataset.of === "server") byId("job").hidden = true;
    return;
  }
  byId("job").dataset.of = "server";
  byId("job").hidden = false;
  const { progress } = job;
  const bar = byId("job-bar");
  if (progress?.all_bytes) {
    bar.max = progress.all_bytes;
    bar.value = progress.bytes;
  } else bar.removeAttribute("value");
  byId("job-text").textContent = progress
    ? `${job.name}: ${progress.files.toLocaleString("en")} of ${count(progress.all_files, "file", "files")}, ${count(progress.passages, "passage", "passages")}`
    : `${job.name}…`;
}

addEventListener("indexing", poll);

// --- asking ---

function submit() {
  const question = byId("question").value.trim();
  if (!question || byId("send").hidden) return;
  byId("question").value = "";
  ask(question);
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
byId("question").addEventListener("keydown", (event) => {
  // 229: Enter that ends a composition, which Safari reports after its end
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229)
    return;
  event.preventDefault();
  submit();
});
if (!CSS.supports("field-sizing", "content"))
  byId("question").addEventListener("input", ({ target }) => {
    target.style.height = "auto";
    target.style.height = `${target.scrollHeight}px`;
  });
byId("stop").addEventListener("click", stop);
byId("new-conversation").addEventListener("click", () => {
  openConversation("");
  showMenu(false);
  byId("question").focus();
});
setOnConversation(() => {
  const key = currentConversation();
  history.replaceState(null, "", key ? `#${key}` : location.pathname + location.search);
  showConversations().catch(() => {});
});

// --- the page ---

function showMenu(open) {
  byId("sidebar").classList.toggle("open", open);
  byId("menu").setAttribute("aria-expanded", String(open));
}
byId("menu").addEventListener("click", () => showMenu(!byId("sidebar").classList.contains("open")));
byId("conversations").addEventListener("click", (event) => event.target.closest(".row-main") && showMenu(false));
byId("documents").addEventListener("click", (event) => event.target.closest("button.row-main") && showMenu(false));
byId("close-viewer").addEventListener("click", closeViewer);
addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && !closeViewer()) showMenu(false);
  const isTyping = /^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName);
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    byId("question").focus();
  }
});

const root = document.documentElement;
const setTheme = (theme) => theme && (root.dataset.theme = theme);
setTheme(localStorage.getItem("theme"));
byId("theme").addEventListener("click", () => {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  setTheme(isDark ? "light" : "dark");
  localStorage.setItem("theme", root.dataset.theme);
});

poll();
openConversation(/^#[0-9a-f]{16}$/.test(location.hash) ? location.hash.slice(1) : "");
byId("question").focus();
