//! The verdict on a model, for people.

use loadonce_core::ledger::Sharing;
use loadonce_core::trial::{Growth, Level, Origin, Outcome};
use loadonce_server::report::readable_size;

use crate::cli::numbers::{rate, thousands, time};
use crate::cli::serve::counted;

/// A line with the verdict, one with what it rests on, and one with what runs took.
pub(super) fn verdict(name: &str, width: usize, outcome: &Outcome) -> Vec<String> {
    let indent = " ".repeat(width + 4);
    if outcome.levels.is_empty() {
        let why = "not tried: it has no samples, and takes no request that can be made from its signature; \
                   'loadonce sample' writes one of your rows";
        return vec![format!("  {name:width$}  {why}")];
    }
    let mut lines: Vec<_> =
        outcome.findings.iter().map(|finding| format!("  {name:width$}  WRONG: {finding}")).collect();
    if lines.is_empty() {
        lines.push(format!("  {name:width$}  {}", sound(outcome)));
    }
    lines.push(format!("{indent}{}", basis(outcome)));
    lines.push(format!("{indent}{}", times(outcome)));
    lines
}

fn sound(outcome: &Outcome) -> String {
    let equal = if outcome.is_exact { "all equal bit for bit" } else { "all equal within their tolerance" };
    let parts = [
        Some(format!("{}: {}, {equal}", how_safe(outcome), runs(outcome))),
        outcome.growth.map(|_| "memory flat".to_owned()),
        (outcome.recovered > 0).then(|| format!("{} killed and replaced", counted(outcome.recovered, "worker"))),
        Some(memory(outcome)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn how_safe(outcome: &Outcome) -> &'static str {
    match (&outcome.memory.sharing, outcome.levels.len()) {
        (_, 1) => "sound, one run at a time",
        (Sharing::InProcess, _) => "safe to share",
        _ => "sound",
    }
}

/// `120,000 runs on 1 to 32 threads`.
fn runs(outcome: &Outcome) -> String {
    let threads = outcome.levels.last().map_or(1, |level| level.threads);
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("1 to {threads} threads") };
    format!("{} runs on {threads}", thousands(outcome.runs()))
}

/// `of 3 samples and 5 variations; memory to 0.1 kB a thousand runs`.
fn basis(outcome: &Outcome) -> String {
    let cases: Vec<_> = outcome.cases.iter().map(|(origin, count)| counted_origin(*origin, *count)).collect();
    let cases = format!("of {}", cases.join(" and "));
    outcome.growth.map_or(cases.clone(), |growth| format!("{cases}; {}", within(growth)))
}

fn counted_origin(origin: Origin, count: usize) -> String {
    match origin {
        Origin::Sample => counted(count, "sample"),
        Origin::Variation => counted(count, "variation"),
        Origin::Signature if count == 1 => "1 made request".to_owned(),
        Origin::Signature => format!("{count} made requests"),
    }
}

fn within(growth: Growth) -> String {
    format!("memory to {:.1} kB a thousand runs", (growth.per_thousand.abs() + growth.margin) / 1e3)
}

/// `1 copy, 91 MB`.
fn memory(outcome: &Outcome) -> String {
    let copies = match outcome.memory.copies() {
        1 => "1 copy".to_owned(),
        copies => format!("{copies} copies"),
    };
    let size = outcome.memory.total_bytes().map(|bytes| format!(", {}", readable_size(bytes)));
    copies + &size.unwrap_or_default()
}

/// `1 thread 28.1 µs (p99 40.2 µs), 33,000/s; 8 threads ...`.
fn times(outcome: &Outcome) -> String {
    outcome.levels.iter().map(level).collect::<Vec<_>>().join("; ")
}

fn level(level: &Level) -> String {
    let (median, p99) = (time(level.times.median), time(level.times.p99));
    format!("{} {median} (p99 {p99}), {}/s", counted(level.threads, "thread"), rate(level.runs, level.time))
}
