//! Rows as tables for people, 80 characters wide.

use std::fmt;
use std::time::Duration;

use loadonce_server::report::readable_size;

use super::chart::chart;
use super::flags::{Load, Protocol};
use super::row::Row;
use super::subject::Subject;
use super::tally::{FaultKind, Faults};
use crate::cli::numbers::{per_second, rate, thousands, time};

/// More than this part of a core for each thread that asks, and it is not the server that is measured.
const BUSY: f64 = 0.9;

/// Percentiles and how they are called.
pub(super) const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { callers } => write!(formatter, "{callers} at once"),
            Self::Open { rate, .. } => write!(formatter, "{}/s", per_second(*rate)),
        }
    }
}

/// What is asked, before the first row.
pub(super) fn title(subject: &Subject, protocol: Protocol) -> String {
    let name = match &subject.version {
        Some(version) => format!("{} version {version}", subject.name),
        None => subject.name.clone(),
    };
    let samples = match subject.asks.len() {
        1 => format!("'{}'", subject.asks[0].name),
        count => format!("{count} samples in turn"),
    };
    let rows = match subject.rows {
        None => String::new(),
        Some((1, 1)) => ", 1 row".to_owned(),
        Some((least, most)) if least == most => format!(", {most} rows"),
        Some((least, most)) => format!(", {least} to {most} rows"),
    };
    format!("{name}: {samples}{rows}, as {}", protocol.as_str())
}

/// The heads of the table of latencies.
pub(super) fn latency_heads(load: Load) -> String {
    let quantiles = QUANTILES.map(|(name, _)| name);
    latency_columns(
        load_head(load),
        "requests/s",
        &["mean"].into_iter().chain(quantiles).chain(["max"]).collect::<Vec<_>>(),
    )
}

/// A row of the table of latencies.
pub(super) fn latencies(row: &Row) -> String {
    let latency = &row.tally.latency;
    let nanoseconds = |nanoseconds| time(Duration::from_nanos(nanoseconds));
    let mut cells = vec![mean(row).map_or_else(none, time)];
    for (_, quantile) in QUANTILES {
        cells.push(nanoseconds(latency.value_at_quantile(quantile)));
    }
    cells.push(nanoseconds(latency.max()));
    if latency.is_empty() {
        cells.fill(none());
    }
    let cells: Vec<_> = cells.iter().map(String::as_str).collect();
    latency_columns(&load_cell(row.load), &rate(row.tally.right(), row.time), &cells)
}

/// The mean latency of right answers.
pub(super) fn mean(row: &Row) -> Option<Duration> {
    let latency = &row.tally.latency;
    if latency.is_empty() { None } else { Duration::try_from_secs_f64(latency.mean() / 1e9).ok() }
}

fn latency_columns(load: &str, requests: &str, cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>9}")).collect();
    format!("{load:>9}{requests:>12}{}", cells.concat())
}

/// The table of what the server says and spends; nothing where neither is known.
pub(super) fn server(rows: &[Row]) -> Option<String> {
    let first = rows.first()?;
    if rows.iter().all(|row| row.server.is_none() && row.tally.explanations.mean().is_none()) {
        return None;
    }
    let heads = ["queue", "run", "shared", "cores", "CPU each", "memory", "peak"].map(str::to_owned);
    let mut lines = vec![server_columns(load_head(first.load), &heads)];
    lines.extend(rows.iter().map(|row| server_columns(&load_cell(row.load), &server_cells(row))));
    Some(lines.join("\n"))
}

fn server_cells(row: &Row) -> [String; 7] {
    let said = row.tally.explanations.mean();
    let said = said.map_or_else(
        || [none(), none(), none()],
        |said| [time(said.queue), time(said.run), format!("{:.1}", said.shared)],
    );
    let spent = row.server.map_or_else(
        || [none(), none(), none(), none()],
        |spent| {
            let each = spent.cpu_per_request.map_or_else(none, time);
            [format!("{:.2}", spent.cores), each, readable_size(spent.memory), readable_size(spent.peak)]
        },
    );
    let ([queue, run, shared], [cores, each, memory, peak]) = (said, spent);
    [queue, run, shared, cores, each, memory, peak]
}

fn server_columns(load: &str, [queue, run, shared, cores, each, memory, peak]: &[String; 7]) -> String {
    format!("{load:>9}{queue:>10}{run:>9}{shared:>8}{cores:>8}{each:>10}{memory:>12}{peak:>12}")
}

fn load_head(load: Load) -> &'static str {
    match load {
        Load::Closed { .. } => "at once",
        Load::Open { .. } => "rate/s",
    }
}

fn load_cell(load: Load) -> String {
    match load {
        Load::Closed { callers } => callers.to_string(),
        Load::Open { rate, .. } => per_second(rate),
    }
}

fn none() -> String {
    "-".to_owned()
}

/// Everything else that must be said of the rows, a line each.
pub(super) fn remarks(rows: &[Row]) -> Vec<String> {
    let mut lines: Vec<_> =
        rows.iter().flat_map(|row| row.tally.faults.iter().map(|(kind, faults)| fault(row, *kind, faults))).collect();
    lines.extend(rows.iter().filter_map(behind));
    lines.extend(rows.iter().filter_map(|row| note(row).map(|note| format!("{}: {note}", row.load))));
    lines
}

fn fault(row: &Row, kind: FaultKind, faults: &Faults) -> String {
    let all = thousands(row.tally.right() + row.tally.failed());
    let count = thousands(faults.latency.len());
    let half = time(Duration::from_nanos(faults.latency.value_at_quantile(0.5)));
    format!("{}: {count} of {all} {kind}, half of them within {half}: {}", row.load, faults.example)
}

/// Requests of an open loop that could not be sent in time.
fn behind(row: &Row) -> Option<String> {
    let (late, unsent) = (row.tally.late, row.tally.unsent);
    if (late, unsent) == (0, 0) {
        return None;
    }
    let connections = row.load.connections();
    let (late, unsent) = (thousands(late), thousands(unsent));
    Some(format!(
        "{}: all {connections} connections were busy: {late} requests were sent late, {unsent} never",
        row.load
    ))
}

/// What may have held the server up that is not its own.
pub(super) fn note(row: &Row) -> Option<String> {
    let client = row.client?.cores;
    let threads = u32::try_from(row.threads).map_or(f64::MAX, f64::from);
    if client > BUSY * threads {
        return Some(format!(
            "bench itself kept {client:.2} cores busy with --client-threads {threads}: the server may do more"
        ));
    }
    let cores = std::thread::available_parallelism().ok()?.get();
    let both = client + row.server?.cores;
    let is_full = both > BUSY * u32::try_from(cores).map_or(f64::MAX, f64::from);
    is_full.then(|| {
        format!("bench and server shared {cores} cores, {both:.2} of which were busy: the server alone may do more")
    })
}

/// The chart of a row.
pub(super) fn histogram(row: &Row) -> String {
    format!("{}, right answers\n{}", row.load, chart(&row.tally.latency))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::cli::bench::flags::Spacing;
    use crate::cli::bench::head::Explained;
    use crate::cli::bench::pace::Turn;
    use crate::cli::bench::tally::{Fault, Tally};
    use crate::cli::bench::usage::Spent;

    fn spent(cores: f64) -> Spent {
        let cpu_per_request = Some(Duration::from_micros(1500));
        Spent { cores, cpu_per_request, memory: 123_456_789_012, peak: 234_567_890_123 }
    }

    /// A second in which so many requests were answered, each after so long.
    fn row(load: Load, right: u64, latency: Duration) -> Row {
        let mut tally = Tally::default();
        tally.latency.record_n(u64::try_from(latency.as_nanos()).unwrap(), right).unwrap();
        let (server, client) = (Some(spent(0.0)), Some(spent(0.0)));
        Row { load, tally, time: Duration::from_secs(1), server, client, threads: 1, is_cut_short: false }
    }

    #[test]
    fn tables_fit_into_80_columns() {
        let mut row = row(Load::Closed { callers: 10_000 }, 9_999_999, Duration::from_millis(123));
        let turn = Turn { due: Instant::now(), is_measured: true, is_late: false };
        let long = Some(Duration::from_micros(123_400));
        row.tally.record(turn, Ok(Explained { queue: long, run: long, shared: Some(1000) }));
        let tables = [latency_heads(row.load), latencies(&row), server(&[row]).unwrap()].join("\n");
        assert!(tables.lines().all(|line| line.chars().count() <= 80), "{tables}");
        assert!(tables.contains("10,000,000   123 ms   123 ms"), "{tables}");
        assert!(tables.contains(" 123456.8 MB 234567.9 MB"), "{tables}");
    }

    #[test]
    fn a_row_without_answers_has_no_latencies() {
        let row = row(Load::Closed { callers: 1 }, 0, Duration::ZERO);
        assert_eq!(latencies(&row).split_whitespace().collect::<Vec<_>>(), ["1", "0.00", "-", "-", "-", "-", "-", "-"]);
        let unknown = Row { server: None, ..row };
        assert_eq!(server(&[unknown]), None);
    }

    #[test]
    fn what_went_wrong_is_told_with_the_load() {
        let load = Load::Open { rate: 500.0, spacing: Spacing::Constant, connections: 2 };
        let mut row = row(load, 3, Duration::from_micros(50));
        let turn = Turn { due: Instant::now(), is_measured: true, is_late: true };
        row.tally.record(turn, Err(Fault { kind: FaultKind::Refused, message: "full".to_owned() }));
        row.tally.unsent = 7;
        let told = remarks(&[row]);
        assert!(told[0].starts_with("500/s: 1 of 4 refused (429), half of them within "), "{told:?}");
        assert!(told[0].ends_with(": full"), "{told:?}");
        assert_eq!(told[1], "500/s: all 2 connections were busy: 1 requests were sent late, 7 never");
    }

    #[test]
    fn a_busy_client_is_named() {
        let mut row = row(Load::Closed { callers: 64 }, 3, Duration::from_micros(50));
        assert_eq!(note(&row), None);
        row.client = Some(spent(0.95));
        assert!(note(&row).unwrap().contains("bench itself kept 0.95 cores busy with --client-threads 1"));
        row.client = Some(spent(0.8));
        row.server = Some(spent(10_000.0));
        assert!(note(&row).unwrap().starts_with("bench and server shared"));
    }
}
