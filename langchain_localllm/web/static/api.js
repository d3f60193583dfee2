// Requests to the server that this page came from, with the token of the page's address.

const token = new URLSearchParams(location.search).get("token") ?? "";
const headers = { Authorization: `Bearer ${token}` };

/** The server refused a request: `message` says why, for people; `status` is that of HTTP. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function send(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...headers, ...options.headers } });
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new Refused(body?.error?.message ?? `The server answered with status ${response.status}.`, response.status);
}

const address = (path, query) => (query ? `${path}?${new URLSearchParams(query)}` : path);
const asJson = (body) => ({ method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

export const get = async (path, query) => (await send(address(path, query))).json();
export const picture = async (path, query) => (await send(address(path, query))).blob();
export const post = async (path, body) => (await send(path, asJson(body))).json();
export const remove = async (path, query) => (await send(address(path, query), { method: "DELETE" })).json();
export const upload = (name, file) => send(address("/api/uploads", { name }), { method: "PUT", body: file });

/** Yield the events of a stream of JSON lines; aborting the signal stops the server's work. */
export async function* stream(path, body, signal) {
  const response = await send(path, { ...asJson(body), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
  }
}
