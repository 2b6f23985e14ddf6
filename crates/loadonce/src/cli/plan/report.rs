//! A plan for people, and as JSON.

use loadonce_core::plan::{Fit, Limit, Sum};
use loadonce_server::report::readable_size;
use serde::Serialize;

use super::Planned;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct PlanReport {
    models: Vec<ModelPlan>,
    /// Of the program without models.
    base_bytes: u64,
    resident_bytes: u64,
    peak_bytes: u64,
    /// Of what is certain.
    least_bytes: u64,
    /// Of the least certain model.
    source: &'static str,
    limit_bytes: Option<u64>,
    limit: Option<String>,
    /// `fits`, `may not fit` or `does not fit`.
    fits: &'static str,
    cores: usize,
}

#[derive(Debug, Serialize)]
struct ModelPlan {
    name: String,
    engine: String,
    file_bytes: u64,
    resident_bytes: u64,
    peak_bytes: u64,
    source: &'static str,
    copies: usize,
    sessions: usize,
    run_threads: usize,
}

impl PlanReport {
    pub(super) fn new(planned: &[Planned], sum: &Sum, cores: usize) -> Self {
        Self {
            models: planned.iter().map(ModelPlan::new).collect(),
            base_bytes: sum.base,
            resident_bytes: sum.resident,
            peak_bytes: sum.peak,
            least_bytes: sum.least,
            source: if sum.is_measured { "measured" } else { "estimated" },
            limit_bytes: sum.room.map(|room| room.bytes),
            limit: sum.room.map(|room| room.limit).as_ref().map(Limit::to_string),
            fits: words(sum.fit()),
            cores,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// A row for each model, and the sum.
    pub(super) fn to_table(&self) -> String {
        let head = ["model", "engine", "files", "serving", "loading", "copies", "sessions", "threads", ""];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(self.models.iter().map(ModelPlan::row));
        let sum = |name: &str, serving: u64, loading: Option<u64>| {
            let mut row = [const { String::new() }; 9];
            (row[0], row[3]) = (name.to_owned(), readable_size(serving));
            row[4] = loading.map(readable_size).unwrap_or_default();
            row
        };
        rows.push(sum("the program", self.base_bytes, None));
        rows.push(sum("in all", self.resident_bytes, Some(self.peak_bytes)));
        format!("{}\n{}", aligned(&rows), self.verdict())
    }

    fn verdict(&self) -> String {
        let what = match self.source {
            "measured" => "measured",
            _ => "in part estimated from the sizes of files; 'loadonce plan --measure' measures",
        };
        match (self.limit_bytes, &self.limit) {
            (Some(bytes), Some(limit)) => {
                let fits = self.fits;
                format!("{fits} into {} ({limit}); {what}", readable_size(bytes))
            }
            _ => format!("no limit is known; {what}"),
        }
    }
}

impl ModelPlan {
    fn new(planned: &Planned) -> Self {
        Self {
            name: planned.name.clone(),
            engine: planned.engine.clone(),
            file_bytes: planned.file_bytes,
            resident_bytes: planned.need.resident,
            peak_bytes: planned.need.peak,
            source: planned.need.source.as_str(),
            copies: planned.copies,
            sessions: planned.sessions,
            run_threads: planned.run_threads,
        }
    }

    fn row(&self) -> [String; 9] {
        [
            self.name.clone(),
            self.engine.clone(),
            readable_size(self.file_bytes),
            readable_size(self.resident_bytes),
            readable_size(self.peak_bytes),
            self.copies.to_string(),
            self.sessions.to_string(),
            self.run_threads.to_string(),
            self.source.to_owned(),
        ]
    }
}

fn words(fit: Fit) -> &'static str {
    match fit {
        Fit::Fits => "fits",
        Fit::MayNotFit => "may not fit",
        Fit::DoesNotFit => "does not fit",
    }
}

/// Columns of equal width: text to the left, numbers to the right.
fn aligned(rows: &[[String; 9]]) -> String {
    const TEXT: [usize; 3] = [0, 1, 8];
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 9] = std::array::from_fn(width);
    let cell = |(column, text): (usize, &String)| {
        let width = widths[column];
        if TEXT.contains(&column) { format!("{text:width$}") } else { format!("{text:>width$}") }
    };
    let line =
        |row: &[String; 9]| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned();
    rows.iter().map(|row| format!("  {}", line(row))).collect::<Vec<_>>().join("\n")
}
