//! Whether a status means "ready": a pure function of a snapshot.

use super::{ComponentStatus, Phase, Snapshot, Stage};

/// What the operator asked readiness to tolerate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadyRules {
    /// Ready with nothing declared.
    pub allow_empty: bool,
    /// Ready though some components failed, as long as one is ready.
    pub keep_going: bool,
}

/// Whether requests should be sent here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Yes.
    Ready {
        /// Components that failed and are tolerated.
        without: Vec<String>,
    },
    /// No, and why.
    NotReady(String),
}

impl Readiness {
    /// Whether this is [`Readiness::Ready`].
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

/// Ready means: startup has finished, every declared component is ready (or failed and tolerated), at least one is
/// there unless an empty set was asked for, and nobody has asked the process to stop.
pub fn readiness(snapshot: &Snapshot, rules: &ReadyRules) -> Readiness {
    if let Some(failed) = snapshot.components.iter().find(|component| is_failed(component) && !rules.keep_going) {
        let reason = failed.reason.as_deref().unwrap_or("no reason given");
        return Readiness::NotReady(format!("'{}' failed: {reason}", failed.name));
    }
    if snapshot.phase != Phase::Ready {
        return Readiness::NotReady(not_in_phase(snapshot));
    }
    let (failed, expected): (Vec<_>, Vec<_>) = snapshot.components.iter().partition(|component| is_failed(component));
    if let Some(pending) = expected.iter().find(|component| component.stage != Stage::Ready) {
        return Readiness::NotReady(format!("'{}' is {}", pending.name, pending.stage));
    }
    match (failed.is_empty(), expected.is_empty()) {
        (false, true) => Readiness::NotReady("every model failed".to_owned()),
        (true, true) if !rules.allow_empty => Readiness::NotReady("nothing is declared to be served".to_owned()),
        _ => Readiness::Ready { without: failed.into_iter().map(|component| component.name.clone()).collect() },
    }
}

fn is_failed(component: &ComponentStatus) -> bool {
    component.stage == Stage::Failed
}

fn not_in_phase(snapshot: &Snapshot) -> String {
    let done = snapshot.components.iter().filter(|component| component.stage == Stage::Ready).count();
    match snapshot.phase {
        Phase::Loading if !snapshot.components.is_empty() => {
            format!("loading, {done} of {} done", snapshot.components.len())
        }
        phase => phase.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::status::LoadRecord;

    fn component(name: &str, stage: Stage) -> ComponentStatus {
        ComponentStatus {
            name: name.to_owned(),
            stage,
            reason: (stage == Stage::Failed).then(|| "bad file".to_owned()),
            bytes_read: 0,
            bytes_total: 0,
            stages: vec![],
            record: LoadRecord::default(),
        }
    }

    fn verdict(phase: Phase, stages: &[Stage], rules: ReadyRules) -> String {
        let components =
            stages.iter().enumerate().map(|(index, stage)| component(&format!("m{index}"), *stage)).collect();
        let snapshot = Snapshot { phase, uptime: Duration::ZERO, phases: vec![], components };
        match readiness(&snapshot, &rules) {
            Readiness::Ready { without } => format!("ready without {without:?}"),
            Readiness::NotReady(reason) => reason,
        }
    }

    const STRICT: ReadyRules = ReadyRules { allow_empty: false, keep_going: false };
    const KEEP_GOING: ReadyRules = ReadyRules { keep_going: true, ..STRICT };
    const ALLOW_EMPTY: ReadyRules = ReadyRules { allow_empty: true, ..STRICT };

    #[test]
    fn every_way_to_be_ready_or_not() {
        use Stage::{Draining, Failed, Loading, Ready, Testing};
        let cases: [(Phase, &[Stage], ReadyRules, &str); 13] = [
            (Phase::Binding, &[], STRICT, "binding"),
            (Phase::Loading, &[Ready, Loading], STRICT, "loading, 1 of 2 done"),
            (Phase::Loading, &[Ready, Ready], STRICT, "loading, 2 of 2 done"),
            (Phase::Loading, &[Ready, Failed], STRICT, "'m1' failed: bad file"),
            (Phase::Ready, &[Ready, Ready], STRICT, "ready without []"),
            (Phase::Ready, &[Ready, Testing], STRICT, "'m1' is testing"),
            (Phase::Ready, &[Ready, Failed], STRICT, "'m1' failed: bad file"),
            (Phase::Ready, &[Ready, Failed], KEEP_GOING, "ready without [\"m1\"]"),
            (Phase::Ready, &[Failed], KEEP_GOING, "every model failed"),
            (Phase::Ready, &[], STRICT, "nothing is declared to be served"),
            (Phase::Ready, &[], ALLOW_EMPTY, "ready without []"),
            (Phase::Ready, &[Draining], STRICT, "'m0' is draining"),
            (Phase::Draining, &[Ready], STRICT, "draining"),
        ];
        for (phase, stages, rules, expected) in cases {
            assert_eq!(verdict(phase, stages, rules), expected, "{phase} {stages:?} {rules:?}");
        }
    }
}
