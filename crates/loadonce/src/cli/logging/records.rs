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
