// The outputs of an answer as tables.

import { make } from "./dom.js";
import { onOneLine } from "./json.js";

const MOST_ROWS = 20;
const MOST_CELLS = 40;

/** The outputs of an answer in any protocol, as rows; nothing for an answer of another form. */
export function outputsOf(specs, body) {
  const bare = specs.length === 1;
  if (Array.isArray(body.predictions)) {
    return specs.map((spec) => ({ ...spec, rows: body.predictions.map((row) => (bare ? row : row[spec.name])) }));
  }
  if (body.model_name !== undefined) {
    return body.outputs.map((output) => ({ ...specs.find(({ name }) => name === output.name), rows: rowsOf(output) }));
  }
  if (Array.isArray(body.results)) return [resultsOf(body.results)];
  if (body.outputs === undefined) return [];
  return specs.map((spec) => ({ ...spec, rows: [bare ? body.outputs : body.outputs[spec.name]].flat() }));
}

/** Numbers, or pairs of label and score. */
function resultsOf(results) {
  if (!Array.isArray(results[0])) return { name: "results", rows: results };
  const column = (index) => results.map((row) => row.map((pair) => pair[index]));
  return { name: "results", labels: column(0)[0], rows: column(1) };
}

/** Flat data as one array a row. */
function rowsOf({ shape, data }) {
  const lengths = shape.map((length) => Number(onOneLine(length)));
  if (lengths.length < 2) return data;
  const width = lengths.slice(1).reduce((product, length) => product * length, 1);
  return Array.from({ length: lengths[0] }, (_, row) => data.slice(row * width, (row + 1) * width));
}

export function showOutput({ name, datatype, labels, json, rows }) {
  const lists = rows.slice(0, MOST_ROWS).map((row) => [row].flat(Infinity));
  const isNamed = labels && lists.every((list) => list.length === labels.length);
  const table = isNamed && lists.length === 1 ? showShares(labels, lists[0]) : showRows(isNamed ? labels : undefined, lists);
  const more = rows.length > lists.length ? make("small", { textContent: `and ${rows.length - lists.length} rows more` }) : undefined;
  return make("div", { className: "output" },
    make("h3", {}, `${name} `, make("small", { textContent: json ? "JSON" : datatype ?? "" })),
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

/** Six digits are enough to look at; whole numbers keep all, and what is no number its text. */
const rounded = (exact) => (/^-?\d+[.eE]/.test(exact) ? String(Number(Number(exact).toPrecision(6))) : exact);

function indexOfMost(values) {
  const numbers = values.map((value) => Number(onOneLine(value)));
  return numbers.indexOf(Math.max(...numbers.filter((number) => !Number.isNaN(number))));
}
