//! One model or resource on the board, held by whoever builds it.
//!
//! A component may have a successor: built aside, not shown and not counted for readiness, until it takes the other's
//! place.

use std::sync::Arc;
use std::time::Instant;

use super::{ComponentStatus, LoadRecord, Shared, Stage, Timeline};
use crate::progress::Progress;

/// The right and duty to say where a component stands. Dropped before [`Stage::Ready`] it has failed, after it it is
/// unloaded.
#[derive(Debug)]
pub struct Component {
    shared: Arc<Shared>,
    id: Id,
    progress: Progress,
}

/// In the order of making.
pub(super) type Id = u64;

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
        let component = Self::aside(shared, name);
        shared.change(|state| state.shown.push(component.id));
        component
    }

    fn aside(shared: &Arc<Shared>, name: &str) -> Self {
        let progress = Progress::default();
        let state = State {
            name: name.to_owned(),
            stages: Timeline::new(Stage::Declared),
            reason: None,
            progress: progress.clone(),
            record: LoadRecord::default(),
        };
        let id = shared.change(|board| {
            let id = board.components.last_key_value().map_or(0, |(last, _)| last + 1);
            board.components.insert(id, state);
            id
        });
        Self { shared: Arc::clone(shared), id, progress }
    }

    /// One of the same name that is to take the place of this one.
    #[must_use]
    pub fn successor(&self) -> Self {
        let name = self.shared.state().components[&self.id].name.clone();
        Self::aside(&self.shared, &name)
    }

    /// Takes the place of another one; what that has loaded counts as loaded here too.
    pub fn succeed(&self, former: &Self) {
        self.shared.change(|board| {
            let loads = board.components[&former.id].record.loads;
            board.shown.iter_mut().filter(|shown| **shown == former.id).for_each(|shown| *shown = self.id);
            board.components.entry(self.id).and_modify(|state| state.record.loads += loads);
        });
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
        self.shared.change(|board| board.components.get_mut(&self.id).map(change));
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.shared.change(|board| {
            if board.shown.contains(&self.id) {
                board.components.get_mut(&self.id).map(State::end)
            } else {
                board.components.remove(&self.id).map(drop)
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

    /// Nobody holds it any more.
    fn end(&mut self) {
        match self.stages.last() {
            Stage::Ready | Stage::Draining => self.enter(Stage::Unloaded),
            Stage::Unloaded | Stage::Failed => (),
            Stage::Declared | Stage::Loading | Stage::WarmingUp | Stage::Testing => {
                self.reason = Some(format!("ended while {}", self.stages.last()));
                self.enter(Stage::Failed);
            }
        }
    }

    fn enter(&mut self, stage: Stage) {
        if stage > self.stages.last() {
            self.stages.enter(stage);
        }
    }
}
