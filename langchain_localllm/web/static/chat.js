// The conversation: asking, streaming, stopping, citations.

import * as api from "./api.js";
import { showAnswer } from "./answer_text.js";
import { byId, count, el, place } from "./dom.js";
import { openDocument } from "./viewer.js";

let conversation = "";
let running = null; // the AbortController of the answer in progress
let onChange = () => {};

export const setOnConversation = (listener) => (onChange = listener);
export const currentConversation = () => conversation;

/** Show a conversation, or an empty page. */
export async function openConversation(key) {
  stop();
  conversation = key;
  byId("turns").replaceChildren();
  byId("empty").hidden = Boolean(key);
  onChange();
  if (!key) return;
  try {
    const { turns } = await api.get(`/api/conversations/${key}`);
    if (conversation !== key) return;
    for (const turn of turns) new TurnView(turn.question).finish(turn);
  } catch (error) {
    byId("turns").replaceChildren(el("li", { className: "notice bad", textContent: error.message }));
  }
}

export function stop() {
  running?.abort();
}

export async function ask(question) {
  if (running) return;
  const mine = (running = new AbortController());
  const asked = conversation;
  byId("empty").hidden = true;
  setBusy(true);
  const view = new TurnView(question);
  const turn = { question, answer: "", citations: [], passages: [], omitted: [], invalid_citations: [], unsupported: [], status: "stopped", fault: "" };
  try {
    for await (const event of api.stream("/api/ask", { question, conversation: asked }, mine.signal)) {
      if (event.conversation && conversation === asked) {
        conversation = event.conversation;
        onChange();
      }
      merge(turn, event);
      view.update(turn);
    }
  } catch (error) {
    if (error.name !== "AbortError") Object.assign(turn, { status: "failed", fault: faultOf(error) });
  }
  turn.model ??= byId("model-name").textContent;
  view.finish(turn);
  running = null;
  setBusy(false);
  onChange();
}

const faultOf = (error) => (error instanceof api.Refused ? error.message : "The connection to localllm was lost.");

function merge(turn, event) {
  for (const [name, value] of Object.entries(event)) {
    if (typeof turn[name] === "string" && name === "answer") turn.answer += value;
    else if (Array.isArray(turn[name])) turn[name] = [...turn[name], ...value];
    else turn[name] = value;
  }
}

function setBusy(busy) {
  byId("send").hidden = busy;
  byId("stop").hidden = !busy;
  if (!busy && document.activeElement === document.body) byId("question").focus();
}

class TurnView {
  constructor(question) {
    this.answer = el("div", { className: "answer", "aria-busy": "true" });
    this.sources = el("div", { className: "sources" });
    this.rest = el("div");
    this.status = el("p", { className: "quiet", textContent: "Searching your documents…" });
    const heading = el("h3", { className: "visually-hidden", textContent: "Question and answer" });
    this.node = el("li", { className: "turn" }, heading, el("p", { className: "asked", textContent: question }), this.status, this.answer, this.sources, this.rest);
    byId("turns").append(this.node);
    this.node.scrollIntoView({ block: "end" });
    this.cards = new Map();
  }

  update(turn) {
    this.turn = turn;
    this.waiting ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = null;
    const { turn } = this;
    const box = byId("conversation");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    this.status.textContent = turn.passages.length ? "Reading the passages…" : "Searching your documents…";
    this.status.hidden = Boolean(turn.answer) || this.isFinished;
    for (const cited of turn.citations) if (!this.cards.has(cited.marker)) this.addSource(cited);
    showAnswer(this.answer, turn.answer, (number) => this.citation(number));
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  citation(number) {
    const found = this.cards.get(number);
    if (!found) return null;
    const label = `Source ${number}: ${place(found.cited)}`;
    const button = el("button", { className: "cite", textContent: number, title: place(found.cited), "aria-label": label });
    button.addEventListener("click", () => openDocument(found.cited, button));
    return button;
  }

  addSource(cited) {
    const card = sourceButton(cited, cited.quote, `${cited.marker}`);
    this.cards.set(cited.marker, { cited, card });
    this.sources.append(card);
  }

  finish(turn) {
    this.isFinished = true;
    this.turn = turn;
    this.draw();
    this.answer.setAttribute("aria-busy", "false");
    if (turn.fault) this.rest.append(el("p", { className: "fault", role: "alert", textContent: turn.fault }));
    else if (!turn.answer.trim() && turn.status === "done") this.rest.append(el("p", { className: "quiet", textContent: "The model gave no answer." }));
    this.rest.append(below(turn), ...details(turn));
  }
}

function sourceButton(cited, text, number = "") {
  const parts = number ? [el("span", { className: "number", textContent: number })] : [];
  const button = el(
    "button",
    { className: "source", "aria-pressed": "false" },
    ...parts,
    el("span", { className: "place", textContent: place(cited) }),
    el("span", { className: "quote", textContent: text }),
  );
  button.addEventListener("click", () => openDocument(cited, button));
  return button;
}

const CUTS = { length: "Cut: the answer reached its longest length", repetition: "Cut: the answer repeated itself" };

const speed = (number) => (number < 100 ? number : Math.round(number).toLocaleString("en"));

/** Return the line under an answer: model, tokens, speed, time, and whether it was stopped. */
function below(turn) {
  const facts = [
    turn.status === "stopped" ? "Stopped" : null,
    turn.model,
    turn.tokens?.completion ? count(turn.tokens.completion, "token", "tokens") : null,
    turn.tokens_per_second ? `${speed(turn.tokens_per_second)} tokens per second` : null,
    turn.timings?.total ? `${turn.timings.total.toFixed(1)} s` : null,
    CUTS[turn.finish_reason],
    turn.status === "done" && turn.answer && !turn.refused && !turn.citations.length ? "No passage supports this answer" : null,
  ];
  return el("p", { className: "below" }, ...facts.filter(Boolean).map((fact) => el("span", { textContent: fact })));
}

/** Return what can be opened under an answer: what is not supported, and passages that the model had or that did not fit. */
function details(turn) {
  const invalid = turn.invalid_citations.map((each) => el("li", { textContent: `[${each.marker}] ${each.reason}` }));
  const doubtful = (turn.unsupported ?? []).map(({ text, missing }) =>
    el("li", { textContent: missing.length ? `${text} The passages do not contain ${missing.join(", ")}.` : text }),
  );
  const lists = [
    [doubtful, `${count(doubtful.length, "sentence", "sentences")} without support`],
    [invalid, count(invalid.length, "invalid citation", "invalid citations")],
    [turn.passages.map(passageItem), `${count(turn.passages.length, "passage", "passages")} given to the model`],
    [turn.omitted.map(passageItem), `${count(turn.omitted.length, "passage", "passages")} omitted: the model's context is too small`],
  ];
  return lists.filter(([items]) => items.length).map(([items, title]) => el("details", {}, el("summary", { textContent: title }), el("ul", { className: "plain" }, ...items)));
}

const passageItem = (each) => el("li", {}, sourceButton({ ...each, quote: "" }, each.passage));
