//! One line of the access log.

use std::fmt::Write as _;
use std::time::Duration;

use loadonce_lifespan::Exchange;
use loadonce_server::{Prediction, grpc_failure};
use serde::Serialize;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

/// Characters of a path; the rest of a longer one is left out.
const LONGEST_PATH: usize = 1024;

/// What is told of a request; times are in microseconds. What is not known is left out.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// When it was over, in UTC.
    time: String,
    /// `None` when the caller left before there was an answer.
    status: Option<u16>,
    /// Of a call that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<i32>,
    method: String,
    /// Without the query, which may hold secrets.
    path: String,
    protocol: String,
    duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_us: Option<u64>,
    /// Requests that shared the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<usize>,
    request_bytes: u64,
    response_bytes: u64,
    peer: String,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl Line {
    pub(super) fn new(exchange: &Exchange) -> Self {
        let prediction = exchange.extensions.get::<Prediction>();
        let timing = prediction.and_then(|prediction| prediction.timing);
        Self {
            time: now(),
            status: exchange.status.map(|status| status.as_u16()),
            grpc_status: grpc_failure(&exchange.extensions),
            method: exchange.method.to_string(),
            path: exchange.uri.path().chars().take(LONGEST_PATH).collect(),
            protocol: format!("{:?}", exchange.version),
            duration_us: microseconds(exchange.duration),
            model: prediction.map(|prediction| prediction.model.name().to_owned()),
            version: prediction.map(|prediction| prediction.model.version().to_owned()),
            queue_us: timing.map(|timing| microseconds(timing.queue)),
            run_us: timing.map(|timing| microseconds(timing.run)),
            batch: timing.map(|timing| timing.shared.requests),
            request_bytes: exchange.received,
            response_bytes: exchange.sent,
            peer: exchange.identity.peer.to_string(),
            request_id: exchange.identity.id().to_owned(),
            trace_id: exchange.identity.trace.map(|trace| format!("{:032x}", trace.trace_id)),
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// `TIME STATUS METHOD PATH PROTOCOL 1234us`, then what else is known as `key=value`.
    pub(super) fn text(&self) -> String {
        let status = self.status.map_or_else(|| "---".to_owned(), |status| status.to_string());
        let path = self.path.escape_debug();
        let mut text =
            format!("{} {status} {} {path} {} {}us", self.time, self.method, self.protocol, self.duration_us);
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = write!(text, " {key}={}", value.escape_debug());
            }
        };
        add("grpc", self.grpc_status.map(|code| code.to_string()));
        add("model", self.model.clone());
        add("version", self.version.clone());
        add("queue", self.queue_us.map(|time| format!("{time}us")));
        add("run", self.run_us.map(|time| format!("{time}us")));
        add("batch", self.batch.map(|requests| requests.to_string()));
        add("in", Some(format!("{}B", self.request_bytes)));
        add("out", Some(format!("{}B", self.response_bytes)));
        add("peer", Some(self.peer.clone()));
        add("id", Some(self.request_id.clone()));
        add("trace", self.trace_id.clone());
        text.push('\n');
        text
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// As the messages of the log have it.
fn now() -> String {
    let mut text = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            time: "2026-11-21T13:30:00.000000Z".to_owned(),
            status: Some(200),
            grpc_status: None,
            method: "POST".to_owned(),
            path: "/v2/models/iris/infer".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            duration_us: 812,
            model: Some("iris".to_owned()),
            version: Some("1".to_owned()),
            queue_us: Some(12),
            run_us: Some(80),
            batch: Some(1),
            request_bytes: 120,
            response_bytes: 230,
            peer: "127.0.0.1:40000".to_owned(),
            request_id: "abc".to_owned(),
            trace_id: None,
        }
    }

    #[test]
    fn text_has_what_is_known() {
        assert_eq!(
            line().text(),
            "2026-11-21T13:30:00.000000Z 200 POST /v2/models/iris/infer HTTP/1.1 812us model=iris version=1 queue=12us \
             run=80us batch=1 in=120B out=230B peer=127.0.0.1:40000 id=abc\n"
        );
        let left =
            Line { status: None, model: None, version: None, queue_us: None, run_us: None, batch: None, ..line() };
        assert!(left.text().contains(" --- POST /v2/models/iris/infer HTTP/1.1 812us in=120B "), "{}", left.text());
    }

    #[test]
    fn no_caller_can_begin_a_line_of_its_own() {
        let forged = Line { path: "/x\n2026 200 GET /".to_owned(), ..line() };
        assert_eq!(forged.text().lines().count(), 1);
        assert_eq!(forged.json().lines().count(), 1);
    }
}
