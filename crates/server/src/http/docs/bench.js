// Trying a model: the format, the body as fields and as text, the command, and what was answered.

import { outputsOf, showOutput } from "./answer.js";
import { make, plural } from "./dom.js";
import { isRecord, onOneLine, parse, print } from "./json.js";

const MOST_FIELDS = 100;

/** Everything with which a person asks the model: the format, the body as fields and as text, the answer, the command. */
export function showBench(metadata, requests) {
  const bench = {
    metadata,
    request: requests[0],
    path: make("p", { className: "path" }),
    fields: make("div", { className: "fields" }),
    editor: make("textarea", { id: "body", wrap: "off", spellcheck: false, autocomplete: "off" }),
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

// The fields of a row with named columns, or of a row of JSON.

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
  const found = inputs.length === 1 ? rowOf(bench) : undefined;
  const columns = (found && (inputs[0].columns ?? (inputs[0].json && Object.keys(found.row)))) || [];
  const isForm = columns.length > 0 && columns.length <= MOST_FIELDS;
  bench.fields.hidden = !isForm;
  if (!isForm) return;
  const shown = [...bench.fields.querySelectorAll("input")];
  const isShown = shown.length === columns.length && shown.every((input, position) => input.name === columns[position]);
  const inputsOfRow = isShown ? shown : columns.map((column) => field(bench, column, isText(inputs[0], found.row[column])));
  if (!isShown) bench.fields.replaceChildren(...inputsOfRow.map((input) => make("label", {}, input.name, input)));
  for (const input of inputsOfRow) {
    const value = found.row[input.name];
    if (input !== document.activeElement) input.value = typeof value === "string" ? value : onOneLine(value ?? "");
    input.removeAttribute("aria-invalid");
  }
}

/** Whether what is typed is text, whatever it looks like. */
const isText = ({ datatype, json }, value) => (json ? typeof value === "string" : datatype === "BYTES");

function field(bench, column, takesText) {
  const input = make("input", { name: column, autocomplete: "off", spellcheck: false });
  input.addEventListener("input", () => {
    const found = rowOf(bench);
    found.row[column] = takesText ? input.value : valueOf(input.value);
    bench.editor.value = print(found.body);
    edited(bench);
  });
  input.addEventListener("keydown", (event) => event.key === "Enter" && send(bench));
  return input;
}

/** What a person typed, as JSON: text where it is nothing else. */
function valueOf(text) {
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
    answer = { status: `${response.status} ${response.statusText}`.trim(), isGood: response.ok, text, body: read(text) };
  } catch (error) {
    answer = { status: "no answer", isGood: false, text: "", body: { error: error.message } };
  }
  answer.time = performance.now() - started;
  if (bench.request === request) showAnswer(bench, answer);
}

/** An answer that is no JSON is not this server's, but of something between. */
function read(text) {
  try {
    return parse(text);
  } catch {
    return { error: text };
  }
}

function showAnswer(bench, { status, isGood, text, body, time }) {
  const line = make("p", {},
    make("span", { className: `status ${isGood ? "good" : "bad"}`, textContent: status }), " ",
    make("small", { textContent: `in ${time.toFixed(1)} ms, ${plural(new Blob([text]).size, "byte", "bytes")}` }));
  const raw = make("details", {}, make("summary", { textContent: "JSON" }), make("pre", { textContent: print(body) }));
  const shown = isGood ? outputsOf(bench.metadata.outputs, body).map(showOutput) : mistakesOf(body).map(showMistake);
  raw.open = shown.length === 0;
  bench.answer.replaceChildren(make("h2", { textContent: "Answer" }), line, ...shown, raw);
  if (!isGood) pointAt(bench, body);
}

/** What is wrong, one text each. */
const mistakesOf = ({ error, details }) => details?.map(({ path, message }) => `${path}: ${message}`) ?? [error];

const showMistake = (text) => make("p", { className: "error", textContent: text });

/** Marks what an error names: a place in the text, or fields. */
function pointAt({ editor, fields }, body) {
  editor.setAttribute("aria-invalid", "true");
  const mistakes = mistakesOf(body);
  for (const input of fields.querySelectorAll("input")) {
    const path = `instances[0].${input.name}`;
    const isMeant = (text) => text.startsWith(path) && ":.[".includes(text[path.length]);
    if (mistakes.some(isMeant)) input.setAttribute("aria-invalid", "true");
  }
  const place = /at line (\d+) column (\d+)/.exec(body.error);
  if (!place) return;
  const before = editor.value.split("\n").slice(0, Number(place[1]) - 1);
  const position = before.reduce((sum, line) => sum + line.length + 1, 0) + Math.max(0, Number(place[2]) - 1);
  editor.focus();
  editor.setSelectionRange(position, position + 1);
}
