//! The access log: a line for each answer, on stdout, as text or JSON.
//!
//! It is off unless it is asked for: every outcome is counted in `/metrics` and every answer carries its request id
//! anyway, while a line for each costs time, disk, and the privacy of the callers whose addresses are in it. Probes are
//! in it only when they fail.

mod line;
mod writer;

use std::str::FromStr;

use loadonce_lifespan::{Exchange, Observer};

use self::line::Line;
use self::writer::Lines;

pub(super) use self::writer::Writer;

/// The form of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessLogForm {
    /// None is written.
    Off,
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Turns requests that are over into lines.
#[derive(Debug)]
pub(super) struct AccessLog {
    lines: Lines,
    as_json: bool,
}

impl AccessLog {
    /// A log that the writer writes; none when it is off.
    pub(super) fn start(form: AccessLogForm) -> Option<(Self, Writer)> {
        let as_json = match form {
            AccessLogForm::Off => return None,
            AccessLogForm::Text => false,
            AccessLogForm::Json => true,
        };
        let (lines, writer) = writer::start(std::io::stdout());
        Some((Self { lines, as_json }, writer))
    }
}

impl Observer for AccessLog {
    fn observe(&self, exchange: Exchange) {
        if exchange.is_probe && exchange.status.is_some_and(|status| status.is_success()) {
            return;
        }
        let line = Line::new(&exchange);
        self.lines.write(if self.as_json { line.json() } else { line.text() });
    }
}

impl FromStr for AccessLogForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("expected off, text or json, got '{text}'")),
        }
    }
}

impl AccessLogForm {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}
