//! The shell's own answers: live, ready, startup, and "not yet" for everything else. All JSON, all read off the board.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use loadonce_core::status::{ComponentStatus, Phase, Readiness, Snapshot, Stage, StatusView};
use serde_json::{Map, Value, json};

use crate::config::Paths;

/// When to ask again, in seconds: as often as probes do.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Answers probes.
#[derive(Debug)]
pub(crate) struct Health {
    paths: Paths,
    resources_key: &'static str,
    status: StatusView,
}

/// The paths of the shell's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Live,
    Ready,
    Startup,
}

impl Health {
    pub(crate) fn new(paths: Paths, resources_key: &'static str, status: StatusView) -> Self {
        Self { paths, resources_key, status }
    }

    /// Which probe a request is, if it is one; its path may end in a slash.
    pub(crate) fn probe(&self, method: &Method, path: &str) -> Option<Probe> {
        let Paths { live, ready, startup, .. } = &self.paths;
        let is = |own: &str| path == own || path.strip_suffix('/') == Some(own);
        if is(live) {
            Some(Probe::Live)
        } else if is(ready) || self.is_also_ready(method, path) {
            Some(Probe::Ready)
        } else {
            startup.is_some_and(is).then_some(Probe::Startup)
        }
    }

    /// The answer to a probe.
    pub(crate) fn answer(&self, method: &Method, probe: Probe) -> Response {
        let (status, body) = match probe {
            Probe::Live => (StatusCode::OK, json!({ "live": true })),
            Probe::Ready => self.ready(),
            Probe::Startup => self.startup(),
        };
        match *method {
            Method::GET => respond(status, &body),
            Method::HEAD => without_body(respond(status, &body)),
            Method::OPTIONS => allowing(StatusCode::NO_CONTENT.into_response()),
            _ => allowing(not_allowed(method)),
        }
    }

    fn is_also_ready(&self, method: &Method, path: &str) -> bool {
        matches!(*method, Method::GET | Method::HEAD) && self.paths.also_ready.iter().any(|also| also == path)
    }

    fn ready(&self) -> (StatusCode, Value) {
        match self.status.readiness() {
            Readiness::Ready { without } if without.is_empty() => (StatusCode::OK, json!({ "ready": true })),
            Readiness::Ready { without } => (StatusCode::OK, json!({ "ready": true, "without": without })),
            Readiness::NotReady(reason) => {
                let snapshot = self.status.snapshot();
                let mut body = json!({ "ready": false, "phase": snapshot.phase.as_str(), "reason": reason });
                body[self.resources_key] = resources(&snapshot, ready_entry);
                (StatusCode::SERVICE_UNAVAILABLE, body)
            }
        }
    }

    fn startup(&self) -> (StatusCode, Value) {
        let snapshot = self.status.snapshot();
        let finished = snapshot.phase >= Phase::Ready;
        let mut body = json!({ "finished": finished, "phases": milliseconds_each(&snapshot.phases, Phase::as_str) });
        body[self.resources_key] = resources(&snapshot, startup_entry);
        (if finished { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body)
    }
}

/// The answer to everything else until startup has finished: what is being waited for.
pub(crate) fn unavailable(status: &StatusView) -> Response {
    let snapshot = status.snapshot();
    let mut text = match status.readiness() {
        Readiness::NotReady(reason) => format!("not ready: {reason}"),
        // Became ready since this request came in: the next one is answered.
        Readiness::Ready { .. } => "not ready".to_owned(),
    };
    let mut separator = "; waiting for ";
    for component in snapshot.components.iter().filter(|component| component.stage < Stage::Ready) {
        let _ = write!(text, "{separator}'{}' ({}{})", component.name, component.stage, bytes_in_words(component));
        separator = ", ";
    }
    error(StatusCode::SERVICE_UNAVAILABLE, &text)
}

/// A JSON error of the shell's own.
pub(crate) fn error(status: StatusCode, text: &str) -> Response {
    respond(status, &json!({ "error": text }))
}

fn not_allowed(method: &Method) -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, &format!("{method} is not allowed here, only GET and HEAD"))
}

fn allowing(mut response: Response) -> Response {
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    response
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}

/// The answer to HEAD: the headers of GET, its length included (RFC 9110 section 9.3.2).
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = HttpBody::size_hint(&body).exact() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

fn resources(snapshot: &Snapshot, entry: impl Fn(&ComponentStatus) -> Value) -> Value {
    snapshot.components.iter().map(|component| (component.name.clone(), entry(component))).collect::<Map<_, _>>().into()
}

fn ready_entry(component: &ComponentStatus) -> Value {
    let mut entry = json!({
        "state": component.stage.as_str(),
        "bytes": { "read": component.bytes_read, "total": component.bytes_total },
        "milliseconds": milliseconds(component.startup_time()),
    });
    if let Some(reason) = &component.reason {
        entry["reason"] = reason.as_str().into();
    }
    entry
}

fn startup_entry(component: &ComponentStatus) -> Value {
    let mut entry = ready_entry(component);
    entry["stages"] = milliseconds_each(&component.stages, Stage::as_str);
    entry
}

fn milliseconds_each<T: Copy>(times: &[(T, Duration)], name: impl Fn(T) -> &'static str) -> Value {
    times.iter().map(|(of, time)| (name(*of).to_owned(), milliseconds(*time).into())).collect::<Map<_, _>>().into()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn bytes_in_words(component: &ComponentStatus) -> String {
    match (component.bytes_read, component.bytes_total) {
        (0, 0) => String::new(),
        (read, 0) => format!(", {read} bytes"),
        (read, total) => format!(", {read} of {total} bytes"),
    }
}
