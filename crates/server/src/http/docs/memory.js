// What a model takes in memory, as the startup report has it.

import { make, plural } from "./dom.js";

/** Bytes for people; null is not known. */
export function size(bytes) {
  if (bytes === null) return "unknown";
  return bytes < 100_000 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The processes of a model that has some, and what each takes; nothing for a model in the server's own. */
export function showMemory({ memory }) {
  if (!memory || memory.sharing === "in_process") return [];
  const { workers, reason } = memory;
  const shared = `${size(memory.total_bytes)} in memory, of which ${plural(workers.length, "worker", "workers")} share ${size(memory.shared_bytes)}`;
  const lost = memory.worker_deaths ? `${plural(memory.worker_deaths, "worker was", "workers were")} lost` : "no worker was lost";
  const details = make("details", { className: "memory" },
    make("summary", { textContent: shared }),
    showWorkers(workers),
    make("p", { textContent: `To load the model took up to ${size(memory.load_peak_bytes)}; ${lost}.` }));
  if (reason) details.append(make("p", { textContent: `Each worker has a copy of its own: ${reason}.` }));
  return [details];
}

function showWorkers(workers) {
  const heads = ["worker", "process", "private", "PSS", "runs"];
  const cell = (content) => make("td", { textContent: content });
  const rows = workers.map(({ slot, pid, private_bytes, proportional_bytes, runs }) => make("tr", {},
    make("th", { scope: "row", textContent: slot }),
    ...[pid, size(private_bytes), size(proportional_bytes), runs].map(cell)));
  return make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col", textContent: head })))),
    make("tbody", {}, ...rows));
}
