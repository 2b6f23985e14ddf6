//! `loadonce engines`: which engines there are, and how to get a missing one.

use std::fmt::Write as _;

use super::Failure;
use super::exit::Exit;
use super::output::say;
use crate::InstalledEngines;
use crate::engines::{EngineReport, LookedAt};

/// Shows every engine: its version, where it was found or looked for, and what gets a missing one.
pub(super) fn engines(engines: &InstalledEngines, json: bool) -> Result<Exit, Failure> {
    let reports = engines.reports();
    if json {
        let text = serde_json::to_string_pretty(&reports);
        say(&text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?);
    } else {
        let texts: Vec<_> = reports.iter().map(text).collect();
        say(texts.concat().trim_end());
    }
    Ok(Exit::Fine)
}

fn text(report: &EngineReport) -> String {
    let version = report.version.as_deref().unwrap_or("-");
    let mut text = format!("{:<12} {version:<8} {}\n", report.name, report.runs);
    let mut row = |line: &str| {
        let _ = writeln!(text, "{:21} {line}", "");
    };
    let problem = report.problem.as_deref();
    match (&report.path, problem) {
        (Some(path), None) => row(&format!("{path} ({})", report.found_by.as_deref().unwrap_or("-"))),
        (_, Some(problem)) => row(problem),
        (None, None) => row("part of this program"),
    }
    if let Some(install) = report.install {
        row(&format!("to get it: {install}"));
    }
    for LookedAt { place, path, problem } in &report.looked_at {
        row(&format!("looked at {path} ({place}): {problem}"));
    }
    text
}
