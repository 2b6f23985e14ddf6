//! Status: where the process and each of its models or other resources stand, and whether that means "ready".
//!
//! A [`Board`] owns the truth, a [`StatusView`] is the cheap handle that probes read. Whoever builds a resource holds
//! its [`Component`] and must claim [`Stage::Ready`]; a component that is dropped before that has failed, and a board
//! that is dropped has stopped. Nothing is ever ready by accident.

mod component;
mod readiness;
mod stage;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::Contract;
use crate::ledger::Memory;

pub use self::component::Component;
pub use self::readiness::{Readiness, ReadyRules, readiness};
pub use self::stage::{Phase, Stage};

/// The owner of a process' status.
#[derive(Debug)]
pub struct Board {
    shared: Arc<Shared>,
}

/// A handle that reads the status; cheap to clone.
#[derive(Clone, Debug)]
pub struct StatusView {
    shared: Arc<Shared>,
}

/// The status at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where the process stands.
    pub phase: Phase,
    /// Since the board was made.
    pub uptime: Duration,
    /// Time spent in each phase so far, in order.
    pub phases: Vec<(Phase, Duration)>,
    /// Every declared component, in the order of declaration.
    pub components: Vec<ComponentStatus>,
}

/// Status of one component.
#[derive(Clone, Debug)]
pub struct ComponentStatus {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub stage: Stage,
    /// Why it failed.
    pub reason: Option<String>,
    /// Bytes read while loading.
    pub bytes_read: u64,
    /// Bytes expected; 0 where unknown.
    pub bytes_total: u64,
    /// Time spent in each stage so far, in order.
    pub stages: Vec<(Stage, Duration)>,
    /// What is known of the load, for components that are models.
    pub record: LoadRecord,
}

/// What a load found out, filled in as it becomes known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadRecord {
    /// The model's version.
    pub version: Option<String>,
    /// The engine's name.
    pub engine: Option<&'static str>,
    /// Why that engine was chosen.
    pub engine_reason: Option<String>,
    /// Options in effect, as the engine stored them.
    pub options: Vec<(String, String)>,
    /// How often the model's weights were loaded until it answered.
    pub loads: u64,
    /// What the model took in memory once it was loaded.
    pub memory: Option<Memory>,
    /// How many runs may be under way at once.
    pub contract: Option<Contract>,
    /// Sessions open.
    pub sessions: usize,
    /// Threads that one run keeps busy.
    pub run_threads: usize,
    /// How requests share runs.
    pub batching: Option<BatchingRecord>,
    /// Samples and how they went.
    pub samples: SampleTally,
}

/// How requests of a model share runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchingRecord {
    /// Rows of one run; 1 where no request shares one.
    pub max_rows: usize,
    /// Why.
    pub reason: String,
}

/// How a model's samples went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleTally {
    /// Samples found.
    pub found: usize,
    /// Samples that the model answered without an error.
    pub answered: usize,
    /// Samples whose right answer is known and was given.
    pub right: usize,
}

impl LoadRecord {
    /// How often the weights were loaded until the model took so much memory: at its start, and by its processes since then.
    pub fn loads_until(&self, now: Option<&Memory>) -> u64 {
        let loads = |memory: &Memory| memory.loads;
        let since = now.map_or(0, loads).saturating_sub(self.memory.as_ref().map_or(0, loads));
        self.loads + since
    }
}

impl fmt::Display for SampleTally {
    /// For people: `3 of 3 samples right`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { found: 0, .. } => formatter.write_str("no samples"),
            Self { found, answered, right: 0 } if answered == found => {
                write!(formatter, "{found} samples without a right answer")
            }
            Self { found, right, .. } => write!(formatter, "{right} of {found} samples right"),
        }
    }
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    rules: ReadyRules,
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    phases: Timeline<Phase>,
    /// Of every component that somebody holds, or that is shown.
    components: BTreeMap<component::Id, component::State>,
    /// The components that count, in the order of declaration.
    shown: Vec<component::Id>,
}

/// What was entered when; the last entry is where things stand.
#[derive(Clone, Debug)]
struct Timeline<T>(Vec<(T, Instant)>);

impl Board {
    /// A board in [`Phase::Binding`] with nothing declared.
    pub fn new(rules: ReadyRules) -> Self {
        let state = State { phases: Timeline::new(Phase::Binding), components: BTreeMap::new(), shown: Vec::new() };
        let (version, _) = watch::channel(0);
        Self { shared: Arc::new(Shared { started: Instant::now(), rules, state: Mutex::new(state), version }) }
    }

    /// A handle that reads this board.
    pub fn view(&self) -> StatusView {
        StatusView { shared: Arc::clone(&self.shared) }
    }

    /// Moves the process on. A phase that does not come after the present one is ignored: phases go one way.
    pub fn enter(&self, phase: Phase) {
        self.shared.change(|state| {
            if phase > state.phases.last() {
                state.phases.enter(phase);
            }
        });
    }

    /// Declares a component; it counts for readiness from now on.
    pub fn declare(&self, name: &str) -> Component {
        Component::declare(&self.shared, name)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.enter(Phase::Stopped);
    }
}

impl StatusView {
    /// The status now.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.shared.state();
        let now = Instant::now();
        Snapshot {
            phase: state.phases.last(),
            uptime: now - self.shared.started,
            phases: state.phases.durations(now),
            components: state.shown.iter().map(|id| state.components[id].status(now)).collect(),
        }
    }

    /// Whether the process is ready now, and why not.
    pub fn readiness(&self) -> Readiness {
        readiness(&self.snapshot(), &self.shared.rules)
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        self.shared.state().phases.last()
    }

    /// Waits until the status meets a condition; progress in bytes alone does not count as a change.
    pub async fn wait_until(&self, mut condition: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        let mut changes = self.shared.version.subscribe();
        loop {
            changes.mark_unchanged();
            let snapshot = self.snapshot();
            if condition(&snapshot) || changes.changed().await.is_err() {
                return snapshot;
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.state());
        self.version.send_modify(|version| *version += 1);
        result
    }
}

impl<T: Copy> Timeline<T> {
    fn new(first: T) -> Self {
        Self(vec![(first, Instant::now())])
    }

    fn enter(&mut self, next: T) {
        self.0.push((next, Instant::now()));
    }

    fn last(&self) -> T {
        self.0[self.0.len() - 1].0
    }

    fn durations(&self, now: Instant) -> Vec<(T, Duration)> {
        let ends = self.0.iter().skip(1).map(|(_, start)| *start).chain([now]);
        self.0.iter().zip(ends).map(|((entry, start), end)| (*entry, end - *start)).collect()
    }
}

impl Snapshot {
    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&ComponentStatus> {
        self.components.iter().find(|component| component.name == name)
    }
}

impl ComponentStatus {
    /// Time spent in one stage.
    pub fn time_in(&self, stage: Stage) -> Duration {
        self.stages.iter().filter(|(entry, _)| *entry == stage).map(|(_, time)| *time).sum()
    }

    /// What the model took once it was loaded, unless it has failed or is gone.
    pub fn memory(&self) -> Option<&Memory> {
        self.record.memory.as_ref().filter(|_| self.stage <= Stage::Ready)
    }

    /// Time from the start of loading until ready or failed, or until now.
    pub fn startup_time(&self) -> Duration {
        [Stage::Loading, Stage::WarmingUp, Stage::Testing].into_iter().map(|stage| self.time_in(stage)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_without_a_right_answer_are_not_wrong() {
        let tally = |found, answered, right| SampleTally { found, answered, right }.to_string();
        assert_eq!([tally(0, 0, 0), tally(3, 3, 3)], ["no samples", "3 of 3 samples right"]);
        assert_eq!([tally(2, 2, 0), tally(2, 1, 0)], ["2 samples without a right answer", "0 of 2 samples right"]);
    }

    #[test]
    fn phases_go_one_way() {
        let board = Board::new(ReadyRules::default());
        let view = board.view();
        board.enter(Phase::Loading);
        board.enter(Phase::Draining);
        board.enter(Phase::Ready);
        assert_eq!(view.phase(), Phase::Draining);
        drop(board);
        assert_eq!(view.phase(), Phase::Stopped);
        let phases: Vec<_> = view.snapshot().phases.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(phases, [Phase::Binding, Phase::Loading, Phase::Draining, Phase::Stopped]);
    }

    #[test]
    fn a_component_dropped_before_it_is_ready_has_failed() {
        let board = Board::new(ReadyRules::default());
        drop(board.declare("iris"));
        let snapshot = board.view().snapshot();
        assert_eq!(snapshot.components[0].stage, Stage::Failed);
        assert!(snapshot.components[0].reason.as_ref().unwrap().contains("ended"));
    }

    #[test]
    fn a_ready_component_is_unloaded_when_dropped() {
        let board = Board::new(ReadyRules::default());
        let component = board.declare("iris");
        component.enter(Stage::Loading);
        component.enter(Stage::Ready);
        component.enter(Stage::Loading);
        assert_eq!(board.view().snapshot().components[0].stage, Stage::Ready);
        drop(component);
        assert_eq!(board.view().snapshot().components[0].stage, Stage::Unloaded);
    }

    #[test]
    fn a_successor_counts_once_it_has_taken_the_others_place() {
        let board = Board::new(ReadyRules::default());
        let view = board.view();
        let former = board.declare("iris");
        former.record(|record| record.loads = 1);
        former.enter(Stage::Ready);
        drop(former.successor());
        let successor = former.successor();
        successor.record(|record| record.loads = 1);
        successor.enter(Stage::Loading);
        assert_eq!(stages(&view), [("iris".to_owned(), Stage::Ready)]);
        successor.enter(Stage::Ready);
        successor.succeed(&former);
        drop(former);
        assert_eq!(stages(&view), [("iris".to_owned(), Stage::Ready)]);
        assert_eq!(view.snapshot().components[0].record.loads, 2);
        assert_eq!(view.shared.state().components.len(), 1, "what is gone is forgotten");
    }

    fn stages(view: &StatusView) -> Vec<(String, Stage)> {
        view.snapshot().components.into_iter().map(|component| (component.name, component.stage)).collect()
    }

    #[tokio::test]
    async fn a_waiter_sees_the_state_it_waits_for() {
        let board = Board::new(ReadyRules::default());
        let view = board.view();
        let waiter = tokio::spawn(async move { view.wait_until(|now| now.phase == Phase::Ready).await.phase });
        tokio::task::yield_now().await;
        board.enter(Phase::Loading);
        board.enter(Phase::Ready);
        assert_eq!(waiter.await.unwrap(), Phase::Ready);
    }
}
