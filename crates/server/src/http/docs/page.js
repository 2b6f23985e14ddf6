// The page of the models. All it knows it asks the server for: the document at openapi.json says what can be sent, the
// startup report how each model stands, a model's metadata what its answer means.

import { showBench } from "./bench.js";
import { find, make, plural } from "./dom.js";
import { parse } from "./json.js";
import { showMemory, size } from "./memory.js";

const server = { document: undefined, startup: undefined, models: new Map() };

async function get(path, read = JSON.parse) {
  const response = await fetch(path);
  const body = read(await response.text());
  if (!response.ok) throw new Error(body.error ?? `${path} answered ${response.status}`);
  return body;
}

const operationsOf = (name) => Object.entries(server.document.paths).filter(([, { post }]) => post?.tags.includes(name));

/** A model's requests, one for each example of each of its operations; without an example, one to be filled in. */
function requestsOf(name, metadata) {
  return operationsOf(name).flatMap(([path, { post }]) => {
    const protocol = path.split("/")[1];
    const examples = Object.values(post.requestBody.content["application/json"].examples);
    if (!examples.length) return [{ path, label: `${protocol} ${path.split(/[:/]/).at(-1)}`, body: emptyBody(path, metadata) }];
    return examples.map(({ summary, value }) => ({ path, label: `${protocol} ${summary}`, body: value }));
  });
}

function emptyBody(path, { inputs }) {
  if (path.endsWith(":predict")) return { instances: [] };
  if (!path.endsWith("/infer")) return { examples: [] };
  const tensor = ({ name, datatype, shape }) => ({ name, shape: shape.map((length) => Math.max(length, 1)), datatype, data: [] });
  return { inputs: inputs.map(tensor) };
}

const metadataOf = async (name) => {
  if (!server.models.has(name)) server.models.set(name, await get(`v2/models/${encodeURIComponent(name)}`));
  return server.models.get(name);
};

// The list of models.

function showServer() {
  const { startup, document: { info } } = server;
  const failed = startup.models.filter((model) => model.state === "failed").map((model) => model.name);
  const readiness = find("readiness");
  readiness.textContent = startup.ready ? "ready" : `not ready: ${startup.reason}`;
  if (startup.ready && failed.length) readiness.textContent += `, without ${failed.join(", ")}`;
  readiness.className = `state ${startup.ready ? "ready" : "failed"}`;
  find("version").textContent = info.version;
  find("models").replaceChildren(...startup.models.map(({ name, state }) => {
    const link = make("a", { href: `#${encodeURIComponent(name)}`, className: `state ${state}`, textContent: name });
    link.title = state;
    return make("li", {}, link);
  }));
  find("filter").parentElement.hidden = startup.models.length < 10;
}

function filterModels() {
  const wanted = find("filter").value.toLowerCase();
  for (const entry of find("models").children) entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
}

// One model.

function factsOf(model) {
  const facts = [model.state, `version ${model.version}`];
  if (model.engine) facts.push(`engine ${model.engine}`);
  if (model.copies !== null) facts.push(`${plural(model.copies, "copy", "copies")} of ${size(model.weight_bytes)}`);
  if (model.reason) return facts;
  const samples = `${model.samples.right} of ${model.samples.found} samples right`;
  return [...facts, `loaded in ${model.milliseconds.toFixed(1)} ms`, samples];
}

function showFacts(model) {
  const facts = make("p", { className: "facts" });
  facts.append(...factsOf(model).map((text, position) => {
    return make("span", { className: position === 0 ? `state ${model.state}` : "", textContent: text });
  }));
  return facts;
}

function showTensor(direction, { name, datatype, shape, columns, labels, json }) {
  const axes = shape.map((length) => (length < 0 ? "any" : length));
  const names = make("ul", { className: "chips" });
  names.append(...(columns ?? labels ?? []).map((text) => make("li", { textContent: text })));
  return make("tr", {},
    make("th", { scope: "row", textContent: direction }),
    make("td", {}, make("code", { textContent: name })),
    make("td", {}, make("code", { textContent: `${json ? "JSON" : datatype} [${axes.join(", ")}]` })),
    make("td", {}, names));
}

function showSignature({ inputs, outputs }) {
  const rows = [...inputs.map((spec) => showTensor("in", spec)), ...outputs.map((spec) => showTensor("out", spec))];
  return make("table", { className: "signature" }, make("tbody", {}, ...rows));
}

async function showModel() {
  const names = server.startup.models.map((model) => model.name);
  const wanted = decodeURIComponent(location.hash.slice(1));
  const model = server.startup.models.find(({ name }) => name === wanted) ?? server.startup.models[0];
  if (!model) return find("model").replaceChildren(make("p", { textContent: "This server has no models." }));
  for (const [position, entry] of [...find("models").children].entries()) {
    const isShown = names[position] === model.name;
    if (isShown) entry.firstChild.setAttribute("aria-current", "page");
    else entry.firstChild.removeAttribute("aria-current");
  }
  const title = `${model.name} · loadonce`;
  document.title = title;
  const shown = [make("h1", { textContent: model.name }), showFacts(model), ...showMemory(model)];
  if (model.reason) shown.push(make("p", { className: "reason", textContent: model.reason }));
  if (operationsOf(model.name).length) {
    const metadata = await metadataOf(model.name);
    // Somebody may have gone on to another model meanwhile.
    if (document.title !== title) return;
    shown.push(showSignature(metadata), showBench(metadata, requestsOf(model.name, metadata)));
  }
  find("model").replaceChildren(...shown);
}
async function start() {
  try {
    [server.document, server.startup] = await Promise.all([get("openapi.json", parse), get("v2/startup")]);
    showServer();
    find("filter").addEventListener("input", filterModels);
    addEventListener("hashchange", showModel);
    await showModel();
  } catch (error) {
    find("readiness").textContent = `the server cannot be asked: ${error.message}`;
  }
}

start();
