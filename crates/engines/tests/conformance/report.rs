//! What came of it: a table for people, a file for the README's table, and what fails the suite.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::cases::Case;
use super::engines::Contestant;
use super::judge::Outcome;

/// What an engine made of a case.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) engine: &'static str,
    pub(crate) group: String,
    pub(crate) case: String,
    pub(crate) outcome: Outcome,
    /// The operators of a model that passed.
    pub(crate) operators: BTreeSet<String>,
}

/// All verdicts, in the order of engine, group and case.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Whose answers were expected, by group.
    sources: BTreeMap<String, BTreeSet<String>>,
    /// The engines in the order in which they are listed, with the formats that they claim.
    engines: Vec<(&'static str, &'static [&'static str])>,
    verdicts: Vec<Verdict>,
}

impl Verdict {
    /// What verdicts are sorted by.
    pub(crate) fn key(&self) -> (&str, &str, &str) {
        (self.engine, &self.group, &self.case)
    }

    fn id(&self) -> String {
        format!("{}/{}", self.group, self.case)
    }
}

impl Report {
    pub(crate) fn new(cases: &[Case], contestants: &[Contestant], verdicts: Vec<Verdict>) -> Self {
        let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for case in cases {
            sources.entry(case.group.clone()).or_default().insert(case.expectation.source.clone());
        }
        let engines = contestants.iter().map(|contestant| (contestant.name(), contestant.formats)).collect();
        Self { sources, engines, verdicts }
    }

    /// Outcomes that no exception allows, and, where `all` cases were judged, exceptions that are no longer true.
    pub(crate) fn complaints(&self, contestants: &[Contestant], all: bool) -> Vec<String> {
        contestants.iter().flat_map(|contestant| self.complaints_of(contestant, all)).collect()
    }

    fn complaints_of(&self, contestant: &Contestant, all: bool) -> Vec<String> {
        let (engine, exceptions) = (contestant.name(), &contestant.exceptions);
        let is_fine = |verdict: &Verdict| match verdict.outcome {
            Outcome::Passed => true,
            Outcome::Refused(_) => !contestant.must_pass.contains(&verdict.group.as_str()),
            _ => false,
        };
        let of_engine = self.verdicts.iter().filter(|verdict| verdict.engine == engine);
        let unknown = of_engine
            .clone()
            .filter(|verdict| !is_fine(verdict) && !exceptions.allow(&verdict.id(), verdict.outcome.name()));
        let unknown = unknown.map(|verdict| {
            let (name, reason) = (verdict.outcome.name(), verdict.outcome.reason());
            format!("{engine} {name}: {}: {reason}", verdict.id())
        });
        let seen: Vec<_> = of_engine.clone().map(|verdict| (verdict.id(), verdict.outcome.name())).collect();
        let stale = if all { exceptions.stale(&seen) } else { Vec::new() };
        let stale = stale.into_iter().map(|which| format!("{engine}: an exception is no longer true: {which}"));
        unknown.chain(stale).collect()
    }

    /// By engine: the formats that it claims, the operators of models that passed, how many cases of a group had which
    /// outcome, and why a case did not pass. By group: whose answers were expected.
    pub(crate) fn to_json(&self) -> String {
        let engines: BTreeMap<_, _> =
            self.engines.iter().map(|(name, formats)| (*name, self.engine_json(name, formats))).collect();
        let value = json!({ "sources": self.sources, "engines": engines });
        format!("{value:#}\n")
    }

    fn engine_json(&self, engine: &str, formats: &[&str]) -> Value {
        let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        let mut reasons: BTreeMap<String, String> = BTreeMap::new();
        let mut operators: BTreeSet<&str> = BTreeSet::new();
        for verdict in self.verdicts.iter().filter(|verdict| verdict.engine == engine) {
            let outcome = &verdict.outcome;
            *counts.entry(&verdict.group).or_default().entry(outcome.name()).or_default() += 1;
            operators.extend(verdict.operators.iter().map(String::as_str));
            if *outcome != Outcome::Passed {
                reasons.insert(verdict.id(), format!("{}: {}", outcome.name(), outcome.reason()));
            }
        }
        json!({ "formats": formats, "operators": operators, "counts": counts, "reasons": reasons })
    }

    fn count(&self, engine: &str, group: &str, outcome: &str) -> usize {
        let is_meant = |verdict: &&Verdict| {
            (verdict.engine, verdict.group.as_str(), verdict.outcome.name()) == (engine, group, outcome)
        };
        self.verdicts.iter().filter(is_meant).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:<12} {:<18}", "engine", "group")?;
        Outcome::NAMES.iter().try_for_each(|name| write!(formatter, " {name:>11}"))?;
        for (engine, _) in &self.engines {
            for group in self.sources.keys() {
                let counts = Outcome::NAMES.map(|name| self.count(engine, group, name));
                if counts.iter().sum::<usize>() == 0 {
                    continue;
                }
                write!(formatter, "\n{engine:<12} {group:<18}")?;
                counts.iter().try_for_each(|count| write!(formatter, " {count:>11}"))?;
            }
        }
        Ok(())
    }
}
