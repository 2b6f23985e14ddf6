//! The page at `/`: the models, where they stand, and a request for each that can be pasted into a terminal.

use std::fmt::Write as _;

use axum::extract::State;
use axum::response::Html;
use http::HeaderMap;
use http::header::HOST;
use loadonce_core::registry::Entry;
use loadonce_core::status::{ComponentStatus, Readiness, Snapshot};
use loadonce_core::{Signature, TensorSpec};

use crate::api::{Api, Example};
use crate::report::readable_size;
use crate::wire::v1;

/// The page around the models; `{name}` marks what is filled in.
const TEMPLATE: &str = include_str!("page.html");

pub(super) async fn show(State(api): State<Api>, headers: HeaderMap) -> Html<String> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let snapshot = api.status().snapshot();
    let (word, detail) = match api.status().readiness() {
        Readiness::Ready { without } if without.is_empty() => ("ready", String::new()),
        Readiness::Ready { without } => ("ready", format!("without {}", without.join(", "))),
        Readiness::NotReady(reason) => ("not ready", reason),
    };
    let models: String = api.registry().iter().map(|(name, entry)| model(&api, &snapshot, name, entry, host)).collect();
    let page = TEMPLATE
        .replace("{readiness}", word)
        .replace("{class}", if word == "ready" { "ready" } else { "failed" })
        .replace("{detail}", &escape(&detail))
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{models}", &models);
    Html(page)
}

fn model(api: &Api, snapshot: &Snapshot, name: &str, entry: &Entry, host: &str) -> String {
    let mut html = format!("<section><h2>{} <small>version {}</small></h2>", escape(name), escape(entry.version()));
    if let Some(status) = snapshot.component(name) {
        html.push_str(&facts(status));
    }
    if let Entry::Running(handle) = entry {
        let signature = handle.signature();
        html.push_str(&tensors(signature));
        let example = api.example(name).cloned().or_else(|| {
            let body = v1::example(signature)?;
            Some(Example { path: format!("/v1/models/{name}:predict"), body })
        });
        if let Some(example) = example {
            html.push_str(&command(&example, host));
        }
    }
    let link = escape(name);
    let _ = write!(
        html,
        "<p><a href=\"/v2/models/{link}\">metadata</a> <a href=\"/v2/models/{link}/ready\">ready</a></p></section>"
    );
    html
}

fn facts(status: &ComponentStatus) -> String {
    let record = &status.record;
    let mut html = format!("<p><b class=\"{0}\">{0}</b>", status.stage);
    if let Some(engine) = record.engine {
        let _ = write!(html, ", engine {engine}");
    }
    if let Some(footprint) = record.footprint {
        let (copies, size) = (footprint.copies, readable_size(footprint.weight_bytes));
        let noun = if copies == 1 { "copy" } else { "copies" };
        let _ = write!(html, ", {copies} {noun} of {size} for {} sessions", record.sessions);
    }
    if let Some(reason) = &status.reason {
        let _ = write!(html, "</p><p class=\"failed\">{}</p>", escape(reason));
        return html;
    }
    let milliseconds = status.startup_time().as_secs_f64() * 1e3;
    let _ = write!(html, ", loaded in {milliseconds:.1} ms, {}</p>", record.samples);
    html
}

fn tensors(signature: &Signature) -> String {
    let inputs = signature.inputs.iter().map(|spec| ("in", spec));
    let outputs = signature.outputs.iter().map(|spec| ("out", spec));
    let rows: String = inputs.chain(outputs).map(|(direction, spec)| tensor(direction, spec)).collect();
    format!("<table>{rows}</table>")
}

fn tensor(direction: &str, spec: &TensorSpec) -> String {
    let names = if spec.columns.is_empty() { &spec.labels } else { &spec.columns };
    let (name, form, names) = (escape(&spec.name), escape(&spec.to_string()), escape(&names.join(", ")));
    format!("<tr><th>{direction}</th><td><code>{name}</code></td><td>{form}</td><td>{names}</td></tr>")
}

fn command(example: &Example, host: &str) -> String {
    let body = example.body.replace('\'', "'\\''");
    let command = format!("curl http://{host}{} -d '{body}'", example.path);
    format!("<pre>{}</pre>", escape(&command))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
