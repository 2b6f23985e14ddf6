//! One model or resource on the board, held by whoever builds it.

use std::sync::Arc;
use std::time::Instant;

use super::{ComponentStatus, LoadRecord, Shared, Stage, Timeline};
use crate::progress::Progress;

/// The right and duty to say where a component stands. Dropped before [`Stage::Ready`] it has failed, after it it is
/// unloaded.
#[derive(Debug)]
pub struct Component {
    shared: Arc<Shared>,
    position: usize,
    progress: Progress,
}

#[derive(Debug)]
pub(super) struct State {
    name: String,
    stages: Timeline<Stage>,
    reason: Option<String>,
    progress: Progress,
    record: LoadRecord,
}

impl Component {
    pub(super) fn declare(shared: &Arc<Shared>, name: &str) -> Self {
        let progress = Progress::default();
        let position = shared.change(|state| {
            state.components.push(State {
                name: name.to_owned(),
                stages: Timeline::new(Stage::Declared),
                reason: None,
                progress: progress.clone(),
                record: LoadRecord::default(),
            });
            state.components.len() - 1
        });
        Self { shared: Arc::clone(shared), position, progress }
    }

    /// Where bytes are counted while loading.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Moves on to a later stage; an earlier one is ignored: stages go one way.
    pub fn enter(&self, stage: Stage) {
        self.change(|state| state.enter(stage));
    }

    /// Says that the component does not answer, and why.
    pub fn fail(&self, reason: &str) {
        self.change(|state| {
            state.enter(Stage::Failed);
            state.reason.get_or_insert_with(|| reason.to_owned());
        });
    }

    /// Notes what became known of the load.
    pub fn record(&self, note: impl FnOnce(&mut LoadRecord)) {
        self.change(|state| note(&mut state.record));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.shared.change(|state| change(&mut state.components[self.position]));
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.change(|state| match state.stages.last() {
            Stage::Ready | Stage::Draining => state.enter(Stage::Unloaded),
            Stage::Unloaded | Stage::Failed => (),
            Stage::Declared | Stage::Loading | Stage::WarmingUp | Stage::Testing => {
                state.reason = Some(format!("ended while {}", state.stages.last()));
                state.enter(Stage::Failed);
            }
        });
    }
}

impl State {
    pub(super) fn status(&self, now: Instant) -> ComponentStatus {
        ComponentStatus {
            name: self.name.clone(),
            stage: self.stages.last(),
            reason: self.reason.clone(),
            bytes_read: self.progress.read(),
            bytes_total: self.progress.total(),
            stages: self.stages.durations(now),
            record: self.record.clone(),
        }
    }

    fn enter(&mut self, stage: Stage) {
        if stage > self.stages.last() {
            self.stages.enter(stage);
        }
    }
}
