//! What `sample` says, in its files and on the terminal.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use loadonce_core::sample::Mismatch;

use super::SampleFlags;
use crate::cli::output::say;
use crate::cli::serve::counted;
use crate::cli::settings::LogFormat;

/// Characters of a row that are shown.
const LONGEST_ROW: usize = 200;

/// What to do where answers differ.
pub(super) const ADVICE: &str = "nothing was written; where both are right, --tolerance and --relative-tolerance say how \
                                 far apart they may lie, and --write-anyway writes it all the same";

/// Where a sample comes from, and what it shows.
pub(super) fn description(origin: &str, flags: &SampleFlags) -> String {
    match (&flags.expected, flags.record) {
        (Some(expected), _) => format!("{origin}; the answers are those of {}", name(expected)),
        (None, true) => format!("{origin}; the answer is the model's own, and does not prove that it is right"),
        (None, false) => format!("{origin}; the model answers, and nobody has said what is right"),
    }
}

/// `rows of rows.csv`, or nothing where there is no such file.
pub(super) fn rows_of(flags: &SampleFlags) -> String {
    flags.rows.as_ref().map(|rows| format!("rows of {}", name(rows))).unwrap_or_default()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Says what was written, and what it is worth; `is_right` where the model gives the answers that were expected.
pub(super) fn written(paths: &[PathBuf], flags: &SampleFlags, is_right: bool, log: LogFormat) {
    let what = match paths {
        [only] => only.display().to_string(),
        several => {
            let ends =
                [several.first(), several.last()].map(|path| path.map_or("", |path| path.to_str().unwrap_or("")));
            format!("{}, {} to {}", counted(several.len(), "sample"), ends[0], ends[1])
        }
    };
    let worth = match (&flags.expected, flags.record) {
        (Some(_), _) if is_right => {
            "with the expected answers: the model gives them, and is ready only where it still does"
        }
        (Some(_), _) => "with the expected answers: the model does not give them, and is not ready before it does",
        (None, true) => "with the model's own answer: it shows a change, and does not prove that it is right",
        (None, false) => {
            "without an answer: the model's own would prove nothing; --rows and --expected bring right ones"
        }
    };
    match log {
        LogFormat::Text => say(&format!("wrote {what}\n{worth}")),
        LogFormat::Json => tracing::info!(%what, worth, "sample written"),
    }
}

pub(super) fn unreadable(flags: &SampleFlags, error: &dyn Display) -> String {
    let expected = flags.expected.as_ref().map(|path| format!(" and {}", name(path))).unwrap_or_default();
    format!("{}{expected} make no sample of this model: {error}", asked(flags))
}

pub(super) fn refused(model: &str, flags: &SampleFlags, error: &dyn Display) -> String {
    let advice = if flags.rows.is_none() { "; give rows that it takes with --rows FILE" } else { "" };
    format!("model '{model}' does not answer {}: {error}{advice}", asked(flags))
}

fn asked(flags: &SampleFlags) -> String {
    if flags.rows.is_some() { rows_of(flags) } else { "what is made from its signature".to_owned() }
}

/// `row 2, [5.1,3.5,1.4,0.2],`, counted from 1; the beginning of a long one.
pub(super) fn row(number: usize, text: &str) -> String {
    let shown: String = text.chars().take(LONGEST_ROW).collect();
    let rest = if shown.len() < text.len() { "..." } else { "" };
    format!("row {number}, {shown}{rest},")
}

pub(super) fn different(model: &str, flags: &SampleFlags, row: &str, mismatch: &Mismatch) -> String {
    match &flags.expected {
        Some(expected) => format!("model '{model}' answers {row} otherwise than {} has it: {mismatch}", name(expected)),
        None => format!("model '{model}' does not answer the same twice: {mismatch}"),
    }
}
