// The page of the models. All it knows it asks the server for: the document at openapi.json says what can be sent, the
// startup report how each model stands, a model's metadata what its answer means. Text is always set as text.

const MOST_ROWS = 20;
const MOST_CELLS = 40;

/** An element with properties and children; children may be text. */
function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

const find = (id) => document.getElementById(id);

// JSON that keeps every digit.

/** Numbers keep their text where the browser can do that: 2^53 + 1 must not become another number. */
function parse(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) => (typeof value === "number" ? JSON.rawJSON(context.source) : value));
}

const isObject = (value) => value !== null && typeof value === "object" && !JSON.isRawJSON?.(value);
const isRecord = (value) => isObject(value) && !Array.isArray(value);

/** The parts of an array or object, each on one line. */
function parts(value, show) {
  if (Array.isArray(value)) return value.map((entry) => show(entry));
  return Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}: ${show(entry)}`);
}

function onOneLine(value) {
  if (!isObject(value)) return JSON.stringify(value);
  const inner = parts(value, onOneLine).join(", ");
  return Array.isArray(value) ? `[${inner}]` : `{${inner}}`;
}

/** What fits stands on one line, plain values fill lines, everything else is broken up. */
function print(value, indent = "", room = 60) {
  const line = onOneLine(value);
  if (!isObject(value) || line.length + indent.length <= room) return line;
  const deeper = `${indent}  `;
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const isPlain = Array.isArray(value) && !value.some(isObject);
  const entries = parts(value, (entry) => print(entry, deeper, room));
  const inner = isPlain ? fill(entries, deeper, room) : entries.join(`,\n${deeper}`);
  return `${open}\n${deeper}${inner}\n${indent}${close}`;
}

function fill(entries, indent, room) {
  const lines = [""];
  for (const entry of entries) {
    const last = lines.at(-1);
    if (last && last.length + entry.length + indent.length > room) lines.push(entry);
    else lines[lines.length - 1] = last ? `${last}, ${entry}` : entry;
  }
  return lines.join(`,\n${indent}`);
}

// What the server says.

const server = { document: undefined, startup: undefined, models: new Map() };

async function get(path, read = JSON.parse) {
  const response = await fetch(path);
  const body = read(await response.text());
  if (!response.ok) throw new Error(body.error ?? `${path} answered ${response.status}`);
  return body;
}

/** A model's requests, one for each example of each of its operations; empty ones where there is no example. */
function requestsOf(name) {
  const requests = [];
  for (const [path, { post }] of Object.entries(server.document.paths)) {
    if (!post?.tags.includes(name)) continue;
    const protocol = path.split("/")[1];
    const { examples } = post.requestBody.content["application/json"];
    for (const example of Object.values(examples ?? {})) {
      requests.push({ path, label: `${protocol} ${example.summary}`, body: example.value });
    }
    if (!requests.some((request) => request.path === path)) requests.push({ path, label: protocol, body: {} });
  }
  return requests;
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

const size = (bytes) => (bytes < 100_000 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

function factsOf(model) {
  const samples = `${model.samples.right} of ${model.samples.found} samples right`;
  const facts = [model.state, `version ${model.version}`, `engine ${model.engine}`];
  if (model.copies !== null) facts.push(`${plural(model.copies, "copy", "copies")} of ${size(model.weight_bytes)}`);
  facts.push(`loaded in ${model.milliseconds.toFixed(1)} ms`, samples);
  return facts;
}

function showFacts(model) {
  const facts = make("p", { className: "facts" });
  facts.append(...factsOf(model).map((text, position) => {
    return make("span", { className: position === 0 ? `state ${model.state}` : "", textContent: text });
  }));
  return facts;
}

function showTensor(direction, { name, datatype, shape, columns, labels }) {
  const axes = shape.map((length) => (length < 0 ? "any" : length));
  const names = make("ul", { className: "chips" });
  names.append(...(columns ?? labels ?? []).map((text) => make("li", { textContent: text })));
  return make("tr", {},
    make("th", { scope: "row", textContent: direction }),
    make("td", {}, make("code", { textContent: name })),
    make("td", {}, make("code", { textContent: `${datatype} [${axes.join(", ")}]` })),
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
  const shown = [make("h1", { textContent: model.name }), showFacts(model)];
  if (model.reason) shown.push(make("p", { className: "reason", textContent: model.reason }));
  const requests = requestsOf(model.name);
  if (requests.length) {
    const metadata = await metadataOf(model.name);
    // Somebody may have gone on to another model meanwhile.
    if (document.title !== title) return;
    shown.push(showSignature(metadata), showBench(metadata, requests));
  }
  find("model").replaceChildren(...shown);
}
// Trying a model.

/** Everything with which a person asks the model: the format, the body as fields and as text, the answer, the command. */
function showBench(metadata, requests) {
  const bench = {
    metadata,
    request: requests[0],
    path: make("p", { className: "path" }),
    fields: make("div", { className: "fields" }),
    editor: make("textarea", { id: "body", spellcheck: false, autocomplete: "off" }),
    answer: make("div", { className: "answer" }),
    command: make("pre", { tabIndex: 0 }),
  };
  bench.answer.setAttribute("role", "status");
  bench.editor.addEventListener("input", () => edited(bench));
  bench.editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(bench);
  });
  choose(bench, requests[0]);
  return make("section", { className: "bench", ariaLabel: "Try the model" },
    make("div", { className: "formats" }, showFormats(bench, requests), bench.path),
    showRequest(bench),
    bench.answer,
    showCommand(bench));
}

function showFormats(bench, requests) {
  const options = requests.map((request, position) => {
    const radio = make("input", { type: "radio", name: "format", checked: position === 0 });
    radio.addEventListener("change", () => choose(bench, request));
    return make("label", {}, radio, request.label);
  });
  return make("fieldset", {}, make("legend", { textContent: "Format" }), ...options);
}

function showRequest(bench) {
  const button = make("button", { type: "button", className: "send", textContent: "Send" });
  button.addEventListener("click", () => send(bench));
  const title = make("h2", {}, make("label", { htmlFor: "body", textContent: "Request" }));
  const bar = make("div", { className: "bar" }, make("kbd", { textContent: "Ctrl + Enter" }), button);
  return make("div", { className: "request" }, title, bench.fields, bench.editor, bar);
}

function showCommand(bench) {
  const button = make("button", { type: "button", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(bench.command.textContent);
    button.textContent = "Copied";
  });
  const bar = make("div", { className: "bar" }, make("h2", { textContent: "In a terminal" }), button);
  return make("div", { className: "curl" }, bar, bench.command);
}

function choose(bench, request) {
  bench.request = request;
  bench.path.replaceChildren(make("b", { textContent: "POST" }), ` ${request.path}`);
  bench.editor.value = print(request.body);
  bench.answer.replaceChildren(make("h2", { textContent: "Answer" }), make("p", {}, make("small", { textContent: "not asked yet" })));
  edited(bench);
}

/** The body has changed: the command and the fields follow. */
function edited(bench) {
  bench.editor.removeAttribute("aria-invalid");
  const quoted = shortened(bench.editor.value).replaceAll("'", "'\\''");
  bench.command.textContent = `curl ${new URL(urlOf(bench.request), document.baseURI)} -d '${quoted}'`;
  showFields(bench);
}

function shortened(text) {
  try {
    return onOneLine(parse(text));
  } catch {
    return text;
  }
}

/** Relative, so that the page works behind a proxy that puts something before the path. */
const urlOf = (request) => request.path.slice(1);

// The fields of a row with named columns.

function rowOf(bench) {
  try {
    const body = parse(bench.editor.value);
    const rows = body.instances;
    return Array.isArray(rows) && rows.length === 1 && isRecord(rows[0]) ? { body, row: rows[0] } : undefined;
  } catch {
    return undefined;
  }
}

function showFields(bench) {
  const { inputs } = bench.metadata;
  const found = inputs.length === 1 && inputs[0].columns ? rowOf(bench) : undefined;
  bench.fields.hidden = !found;
  if (!found) return;
  const shown = [...bench.fields.querySelectorAll("input")];
  const columns = inputs[0].columns;
  const inputsOfRow = shown.length === columns.length ? shown : columns.map((column) => field(bench, column));
  if (shown.length === 0) bench.fields.replaceChildren(...inputsOfRow.map((input) => make("label", {}, input.name, input)));
  for (const input of inputsOfRow) {
    const value = found.row[input.name];
    if (input !== document.activeElement) input.value = typeof value === "string" ? value : onOneLine(value ?? "");
    input.removeAttribute("aria-invalid");
  }
}

function field(bench, column) {
  const input = make("input", { name: column, autocomplete: "off", spellcheck: false });
  input.addEventListener("input", () => {
    const found = rowOf(bench);
    found.row[column] = valueOf(input.value, bench.metadata.inputs[0].datatype);
    bench.editor.value = print(found.body);
    edited(bench);
  });
  input.addEventListener("keydown", (event) => event.key === "Enter" && send(bench));
  return input;
}

/** What a person typed, as JSON: text where the model wants text, and where it is nothing else. */
function valueOf(text, datatype) {
  if (datatype === "BYTES") return text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}

// The answer.

async function send(bench) {
  const { request, editor } = bench;
  const started = performance.now();
  let answer;
  try {
    const response = await fetch(urlOf(request), { method: "POST", headers: { "Content-Type": "application/json" }, body: editor.value });
    const text = await response.text();
    answer = { status: `${response.status} ${response.statusText}`, isGood: response.ok, text };
  } catch (error) {
    answer = { status: "no answer", isGood: false, text: JSON.stringify({ error: error.message }) };
  }
  answer.time = performance.now() - started;
  if (bench.request === request) showAnswer(bench, answer);
}

function showAnswer(bench, { status, isGood, text, time }) {
  const body = parse(text);
  const line = make("p", {},
    make("span", { className: `status ${isGood ? "good" : "bad"}`, textContent: status.trim() }), " ",
    make("small", { textContent: `in ${time.toFixed(1)} ms, ${plural(text.length, "byte", "bytes")}` }));
  const raw = make("details", { open: !isGood }, make("summary", { textContent: "JSON" }), make("pre", { textContent: print(body) }));
  const shown = isGood ? outputsOf(bench.metadata.outputs, body).map(showOutput) : [make("p", { className: "error", textContent: body.error })];
  raw.open = shown.length === 0;
  bench.answer.replaceChildren(make("h2", { textContent: "Answer" }), line, ...shown, raw);
  if (!isGood) pointAt(bench, body.error);
}

/** Marks what an error names: a place in the text, or a field. */
function pointAt({ editor, fields }, error) {
  editor.setAttribute("aria-invalid", "true");
  for (const input of fields.querySelectorAll("input")) {
    if (error.startsWith(`instances[0].${input.name}:`)) input.setAttribute("aria-invalid", "true");
  }
  const place = /at line (\d+) column (\d+)/.exec(error);
  if (!place) return;
  const before = editor.value.split("\n").slice(0, Number(place[1]) - 1);
  const position = before.reduce((sum, line) => sum + line.length + 1, 0) + Math.max(0, Number(place[2]) - 1);
  editor.focus();
  editor.setSelectionRange(position, position + 1);
}

/** The outputs of an answer in any protocol, as rows; nothing for an answer of another form. */
function outputsOf(specs, body) {
  const bare = specs.length === 1;
  if (Array.isArray(body.predictions)) {
    return specs.map((spec) => ({ ...spec, rows: body.predictions.map((row) => (bare ? row : row[spec.name])) }));
  }
  if (body.model_name !== undefined) {
    return body.outputs.map((output) => ({ ...specs.find(({ name }) => name === output.name), rows: rowsOf(output) }));
  }
  if (body.outputs === undefined) return [];
  return specs.map((spec) => ({ ...spec, rows: [bare ? body.outputs : body.outputs[spec.name]].flat() }));
}

/** Flat data as one array a row. */
function rowsOf({ shape, data }) {
  const lengths = shape.map((length) => Number(onOneLine(length)));
  if (lengths.length < 2) return data;
  const width = lengths.slice(1).reduce((product, length) => product * length, 1);
  return Array.from({ length: lengths[0] }, (_, row) => data.slice(row * width, (row + 1) * width));
}

function showOutput({ name, datatype, labels, rows }) {
  const lists = rows.slice(0, MOST_ROWS).map((row) => [row].flat(Infinity));
  const isNamed = labels && lists.every((list) => list.length === labels.length);
  const table = isNamed && lists.length === 1 ? showShares(labels, lists[0]) : showRows(isNamed ? labels : undefined, lists);
  const more = rows.length > lists.length ? make("small", { textContent: `and ${rows.length - lists.length} rows more` }) : undefined;
  return make("div", { className: "output" },
    make("h3", {}, `${name} `, make("small", { textContent: datatype })),
    make("div", { className: "scroll" }, table), more);
}

/** One row of scores with the names of its classes, one under the other. */
function showShares(labels, scores) {
  const most = indexOfMost(scores);
  const rows = labels.map((label, index) => {
    return make("tr", { className: index === most ? "most" : "" }, make("th", { scope: "row", textContent: label }), cell(scores[index], true));
  });
  return make("table", {}, make("tbody", {}, ...rows));
}

function showRows(labels, lists) {
  const head = labels && make("thead", {}, make("tr", {}, ...labels.map((label) => make("th", { scope: "col", textContent: label }))));
  const rows = lists.map((list) => {
    const most = labels ? indexOfMost(list) : -1;
    const cells = list.slice(0, MOST_CELLS).map((value, index) => {
      const shown = cell(value, Boolean(labels));
      shown.classList.toggle("most", index === most);
      return shown;
    });
    if (list.length > MOST_CELLS) cells.push(make("td", { textContent: `... ${list.length} values` }));
    return make("tr", {}, ...cells);
  });
  return make("table", {}, head, make("tbody", {}, ...rows));
}

function cell(value, isShare) {
  if (typeof value === "string") return make("td", { className: "text", textContent: value });
  const exact = onOneLine(value);
  const shown = make("td", { textContent: rounded(exact), title: exact });
  const number = Number(exact);
  if (isShare && number >= 0 && number <= 1) {
    shown.className = "share";
    shown.style.setProperty("--part", `${(100 * number).toFixed(1)}%`);
  }
  return shown;
}

/** Six digits are enough to look at; whole numbers keep all. */
const rounded = (exact) => (/[.eE]/.test(exact) ? String(Number(Number(exact).toPrecision(6))) : exact);

function indexOfMost(values) {
  const numbers = values.map((value) => Number(onOneLine(value)));
  return numbers.indexOf(Math.max(...numbers.filter((number) => !Number.isNaN(number))));
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
