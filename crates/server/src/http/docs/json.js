// JSON that keeps every digit, and is laid out for people.

/** Numbers keep their text where the browser can do that: 2^53 + 1 must not become another number. */
export function parse(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) => (typeof value === "number" ? JSON.rawJSON(context.source) : value));
}

const isObject = (value) => value !== null && typeof value === "object" && !JSON.isRawJSON?.(value);
export const isRecord = (value) => isObject(value) && !Array.isArray(value);

/** The parts of an array or object, each on one line. */
function parts(value, show) {
  if (Array.isArray(value)) return value.map((entry) => show(entry));
  return Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}: ${show(entry)}`);
}

export function onOneLine(value) {
  if (!isObject(value)) return JSON.stringify(value);
  const inner = parts(value, onOneLine).join(", ");
  return Array.isArray(value) ? `[${inner}]` : `{${inner}}`;
}

/** What fits stands on one line, plain values fill lines, everything else is broken up. */
export function print(value, indent = "", room = 60) {
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
