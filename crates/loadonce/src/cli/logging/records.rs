//! Events as records for the server that started this process: a mark and JSON, a line each (`engines::workers::logs`).

use std::fmt;

use serde_json::json;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// What a line begins with that is a record.
const RECORD: char = '\u{1e}';

/// The form. Levels have the names of Python's `logging`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records;

impl<S, N> FormatEvent<S, N> for Records
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = String::new();
        context.format_fields(Writer::new(&mut message), event)?;
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let record = json!({ "level": level, "logger": event.metadata().target(), "message": message });
        writeln!(writer, "{RECORD}{record}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fields::Fields;
    use super::super::tests::Lines;
    use super::*;

    #[test]
    fn an_event_is_one_line_with_a_mark() {
        let written = Lines::default();
        let writer = written.clone();
        let builder = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let subscriber = builder.fmt_fields(Fields).event_format(Records).finish();
        tracing::subscriber::with_default(subscriber, || tracing::warn!(target: "engine", node = "a", "two\nlines"));
        let written = written.0.lock().unwrap();
        let json = written.strip_prefix(b"\x1e").unwrap();
        assert_eq!(json.iter().position(|byte| *byte == b'\n'), Some(json.len() - 1));
        let record: Value = serde_json::from_slice(json).unwrap();
        assert_eq!(record, json!({ "level": "WARNING", "logger": "engine", "message": "two\nlines node=a" }));
    }
}
