//! The gate of the loader: how many models are loaded at a time, so that what they take then does not add up past the room
//! that there is.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Declared;
use crate::plan::{Admission, Need, in_order};

/// Models that are to be loaded, in order.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes for all models; no bound where it is not known.
    room: Option<u64>,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Task>,
    /// Bytes of models that are loaded, and of those that are being loaded at the most.
    taken: u64,
    loading: usize,
}

/// A model, and its place among those declared.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) position: usize,
    pub(super) declared: Declared,
    need: Need,
}

/// The right to load a model; gives back what it takes only while it is loaded.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    need: Need,
    is_loaded: bool,
}

impl Gate {
    pub(super) fn new(declared: Vec<Declared>, admission: &Admission) -> Self {
        let room = admission.room;
        let need = |declared: &Declared| admission.needs.get(&declared.spec.name).copied().unwrap_or(Need::NOTHING);
        let needs: Vec<_> = declared.iter().map(need).collect();
        let all: u64 = needs.iter().map(|need| need.peak).sum();
        let tasks = declared.into_iter().zip(&needs).enumerate();
        let task =
            |(position, (declared, need)): (usize, (Declared, &Need))| Some(Task { position, declared, need: *need });
        let mut tasks: Vec<_> = tasks.map(task).collect();
        let is_short = room.is_some_and(|room| all > room);
        let order = if is_short { in_order(&needs) } else { (0..tasks.len()).collect() };
        let waiting = order.into_iter().filter_map(|position| tasks[position].take()).collect();
        Self { state: Mutex::new(State { waiting, taken: 0, loading: 0 }), changed: Condvar::new(), room }
    }

    /// The next model, once there is room for it; one at least is always loaded. None when there is none left.
    pub(super) fn next(&self) -> Option<(Task, Pass<'_>)> {
        let mut state = self.state();
        loop {
            let need = state.waiting.front()?.need;
            if state.loading == 0 || self.room.is_none_or(|room| state.taken + need.peak <= room) {
                let task = state.waiting.pop_front()?;
                state.loading += 1;
                state.taken += need.peak;
                return Some((task, Pass { gate: self, need, is_loaded: false }));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The model stays: only what loading it took is given back.
    pub(super) fn loaded(mut self) {
        self.is_loaded = true;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        let given_back = if self.is_loaded { self.need.passing() } else { self.need.peak };
        state.taken = state.taken.saturating_sub(given_back);
        state.loading -= 1;
        drop(state);
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelSpec;
    use crate::plan::Source;
    use crate::status::{Board, ReadyRules};

    /// Models that take so much, and so much while they are loaded.
    fn gate(needs: &[(u64, u64)], room: u64) -> Gate {
        let board = Board::new(ReadyRules::default());
        let name = |position: usize| position.to_string();
        let declared = (0..needs.len()).map(|position| Declared {
            spec: ModelSpec::new(name(position), ""),
            component: board.declare(&name(position)),
        });
        let need = |(resident, peak): &(u64, u64)| Need { resident: *resident, peak: *peak, source: Source::Measured };
        let needs = needs.iter().enumerate().map(|(position, both)| (name(position), need(both)));
        Gate::new(declared.collect(), &Admission { needs: needs.collect(), room: Some(room) })
    }

    /// Whether a model could be loaded now; without waiting.
    fn has_room(gate: &Gate) -> bool {
        let state = gate.state();
        let next = state.waiting.front().map(|task| task.need.peak);
        state.loading == 0 || next.is_some_and(|peak| state.taken + peak <= 100)
    }

    #[test]
    fn loads_wait_for_room_and_come_in_the_best_order() {
        let gate = gate(&[(30, 40), (20, 80)], 100);
        let (task, first) = gate.next().unwrap();
        assert_eq!((task.position, has_room(&gate)), (1, false));
        first.loaded();
        let (task, second) = gate.next().unwrap();
        assert_eq!((task.position, gate.state().taken), (0, 60));
        second.loaded();
        assert_eq!(gate.state().taken, 50);
        assert!(gate.next().is_none());
    }

    #[test]
    fn what_fits_together_is_loaded_together_in_the_order_of_declaration() {
        let gate = gate(&[(30, 40), (20, 60)], 100);
        let (first, _pass) = gate.next().unwrap();
        let (second, _pass) = gate.next().unwrap();
        assert_eq!((first.position, second.position), (0, 1));
    }

    #[test]
    fn a_model_that_fails_leaves_its_room() {
        let gate = gate(&[(30, 90), (20, 80)], 100);
        drop(gate.next());
        assert_eq!(gate.state().taken, 0);
        assert!(has_room(&gate));
    }

    #[test]
    fn one_is_always_loaded() {
        let gate = gate(&[(500, 600)], 100);
        assert!(gate.next().is_some());
    }

    #[test]
    fn who_waits_goes_on_when_there_is_room() {
        let gate = gate(&[(0, 90), (0, 80)], 100);
        let (_, pass) = gate.next().unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| gate.next().map(|(task, _)| task.position));
            drop(pass);
            assert_eq!(waiter.join().unwrap(), Some(1));
        });
    }
}
