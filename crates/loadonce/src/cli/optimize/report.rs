//! What was written and what that gained, for people and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use loadonce_server::report::readable_size;
use serde::Serialize;

use super::answers::Agreement;
use super::figures::{Figures, Spread};
use super::gain::{gains, losses};
use super::rewriting::Rewriting;
use super::write::Written;
use crate::cli::numbers;
use crate::cli::serve::counted;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct OptimizeReport {
    model: String,
    /// The folder that was written, as it was named.
    output: String,
    engine: &'static str,
    engine_reason: String,
    /// What became of the graph; null where it is as before.
    rewriting: Option<Rewriting>,
    /// A rewritten graph that was tried, and is not what was written.
    tried: Option<Tried>,
    /// Tensors in the data file.
    tensors: usize,
    data_bytes: u64,
    requests: usize,
    /// Whether they are the model's samples; else they were made from its signature.
    are_samples: bool,
    /// Of floats in the answers; null where all are equal bit for bit.
    largest_difference: Option<f64>,
    /// Loads of each that were measured.
    loads: u16,
    before: Figures,
    after: Figures,
    gained: Vec<String>,
    lost: Vec<String>,
}

/// A form of the model that gained nothing beyond the one that was written.
#[derive(Debug, Serialize)]
struct Tried {
    rewriting: Rewriting,
    figures: Figures,
}

/// A form of the model, proven and measured.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) written: Written,
    pub(super) agreement: Agreement,
    pub(super) figures: Figures,
}

impl Candidate {
    /// The plain form, unless the other is better in something and worse in nothing; and the one that is left.
    pub(super) fn choose(candidates: Vec<Self>) -> Option<(Self, Option<Self>)> {
        let mut candidates = candidates.into_iter();
        let (plain, other) = (candidates.next()?, candidates.next());
        Some(match other {
            Some(other) if is_better(&plain.figures, &other.figures) => (other, None),
            other => (plain, other),
        })
    }
}

fn is_better(plain: &Figures, other: &Figures) -> bool {
    !gains(plain, other).is_empty() && losses(plain, other).is_empty()
}

/// The candidate that is written, and the one that is not.
pub(super) type Chosen = (Candidate, Option<Candidate>);

impl OptimizeReport {
    pub(super) fn new((model, output): (&str, &Path), loads: u16, before: Figures, chosen: Chosen) -> Self {
        let (Candidate { written, agreement, figures: after }, left) = chosen;
        let Written { engine, reason, rewriting, tensors, data_bytes, .. } = written;
        let Agreement { requests, are_samples, largest } = agreement;
        let tried = left.and_then(|left| Some(Tried { rewriting: left.written.rewriting?, figures: left.figures }));
        Self {
            model: model.to_owned(),
            output: output.display().to_string(),
            engine,
            engine_reason: reason,
            rewriting,
            tried,
            tensors,
            data_bytes,
            requests,
            are_samples,
            largest_difference: largest,
            loads,
            gained: gains(&before, &after).iter().map(ToString::to_string).collect(),
            lost: losses(&before, &after).iter().map(ToString::to_string).collect(),
            before,
            after,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    pub(super) fn to_text(&self) -> String {
        let lines = [self.weights(), self.graph(), self.table(), self.answers(), self.conclusion()];
        format!("{}\nwrote {}; serve it: loadonce serve {}", lines.join("\n"), self.output, self.output)
    }

    fn weights(&self) -> String {
        if self.tensors == 0 {
            return format!("{}: no tensor of its graph takes 1 kB or more, so all stay in model.onnx", self.model);
        }
        let (tensors, bytes) = (counted(self.tensors, "tensor"), readable_size(self.data_bytes));
        format!("{}: {tensors} in model.onnx.data, {bytes}, each at a multiple of 4096 bytes", self.model)
    }

    fn graph(&self) -> String {
        let (engine, reason) = (self.engine, &self.engine_reason);
        let Some(Rewriting { by, nodes: [before, after], own_operators }) = &self.rewriting else {
            let tried = self.tried.as_ref().map(|Tried { rewriting, figures }| {
                let Rewriting { by, nodes: [before, after], .. } = rewriting;
                let load = numbers::time(figures.load_seconds.duration());
                format!("; rewritten by {by}, {after} nodes instead of {before}, it loads in {load}: no clear gain")
            });
            return format!("graph: as before, served by {engine} ({reason}){}", tried.unwrap_or_default());
        };
        let rewritten = format!("graph: rewritten by {by}, {after} nodes instead of {before}");
        if own_operators.is_empty() {
            return format!("{rewritten}, all of ONNX");
        }
        let own = own_operators.join(", ");
        format!("{rewritten}; only {engine} runs it, which has {own}; --graph keep leaves it as it is, for any engine")
    }

    /// The figures.
    fn table(&self) -> String {
        let (before, after) = (&self.before, &self.after);
        let size = |of: fn(&Figures) -> u64| [before, after].map(|figures| readable_size(of(figures)));
        let time =
            |of: fn(&Figures) -> Spread<f64>| [before, after].map(|figures| numbers::time(of(figures).duration()));
        let rows = [
            ("on disk", size(|figures| figures.disk_bytes)),
            ("load", time(|figures| figures.load_seconds)),
            ("load and first run", time(|figures| figures.first_run_seconds)),
            ("load peak", size(|figures| figures.peak_bytes.median)),
            ("in memory", size(|figures| figures.resident_bytes.median)),
        ];
        let head = format!("median of {}", counted(usize::from(self.loads), "load"));
        let mut text = format!("{head:<20} {:>12} {:>12}", "before", "after");
        for (what, [before, after]) in rows {
            let _ = write!(text, "\n  {what:<18} {before:>12} {after:>12}");
        }
        text
    }

    fn answers(&self) -> String {
        let origin = if self.are_samples { "of its samples" } else { "made from its signature" };
        let requests = format!("{} {origin}", counted(self.requests, "request"));
        match self.largest_difference {
            None => format!("answers: as before, bit for bit ({requests})"),
            Some(largest) => {
                format!("answers: as before within the tolerance, {largest:.1e} apart at most ({requests})")
            }
        }
    }

    fn conclusion(&self) -> String {
        let told = |what: &str, all: &[String]| (!all.is_empty()).then(|| format!("{what}: {}", all.join("; ")));
        let gained = told("gained", &self.gained);
        let gained = gained.unwrap_or_else(|| "nothing gained: no figure is notably better than before".to_owned());
        [Some(gained), told("lost", &self.lost)].into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn figures(seconds: f64, peak_bytes: u64) -> Figures {
        Figures {
            disk_bytes: 400_000_000,
            load_seconds: Spread::one(seconds),
            first_run_seconds: Spread::one(1.0),
            peak_bytes: Spread::one(peak_bytes),
            resident_bytes: Spread::one(400_000_000),
        }
    }

    fn candidate(rewriting: Option<Rewriting>, figures: Figures) -> Candidate {
        let written = Written {
            folder: PathBuf::new(),
            engine: "tabular",
            reason: "it is asked for".to_owned(),
            rewriting,
            tensors: 1,
            data_bytes: 400_000_000,
            bytes: 1,
            former_bytes: 1,
        };
        let agreement = Agreement { requests: 1, are_samples: true, largest: Some(1.5e-6) };
        Candidate { written, agreement, figures }
    }

    fn report(before: Figures, after: Figures) -> OptimizeReport {
        OptimizeReport::new(("m", Path::new("out/m")), 5, before, (candidate(None, after), None))
    }

    fn fused() -> Rewriting {
        Rewriting { by: "an engine".to_owned(), nodes: [9, 7], own_operators: vec!["vendor.Fused".to_owned()] }
    }

    #[test]
    fn gains_and_losses_are_told_with_both_figures() {
        let report = report(figures(0.7, 400_000_000), figures(0.1, 800_000_000));
        let text = report.to_text();
        assert!(text.contains("\ngained: loads in 100 ms instead of 700 ms\n"), "{text}");
        assert!(text.contains("\nlost: load peak 800.0 MB instead of 400.0 MB\n"), "{text}");
        assert!(text.contains("  load                     700 ms       100 ms\n"), "{text}");
        assert!(text.contains("within the tolerance, 1.5e-6 apart at most (1 request of its samples)"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!((&json["before"]["peak_bytes"]["median"], &json["loads"]), (&400_000_000.into(), &5.into()));
    }

    #[test]
    fn what_nobody_notices_is_no_gain() {
        let text = report(figures(0.70, 400_000_000), figures(0.69, 399_500_000)).to_text();
        assert!(text.contains("\nnothing gained: ") && !text.contains("lost: "), "{text}");
    }

    #[test]
    fn a_rewritten_graph_must_gain_something() {
        let choose = |seconds: f64, peak: u64| {
            let plain = candidate(None, figures(0.5, 400_000_000));
            let (chosen, left) =
                Candidate::choose(vec![plain, candidate(Some(fused()), figures(seconds, peak))]).unwrap();
            let report = OptimizeReport::new(("m", Path::new("m")), 5, figures(0.7, 400_000_000), (chosen, left));
            report.to_text().lines().nth(1).unwrap().to_owned()
        };
        let rewritten = "graph: rewritten by an engine, 7 nodes instead of 9; only tabular runs it, which has vendor.Fused; \
                         --graph keep leaves it as it is, for any engine";
        assert_eq!(choose(0.1, 400_000_000), rewritten);
        let kept = "graph: as before, served by tabular (it is asked for); rewritten by an engine, 7 nodes instead of 9, \
                    it loads in 490 ms: no clear gain";
        assert_eq!(choose(0.49, 400_000_000), kept);
        assert!(choose(0.1, 500_000_000).starts_with("graph: as before"), "a gain and a loss");
    }
}
