//! What models are said to take in memory.

use loadonce_core::ledger::{ProcessMemory, Sharing};
use loadonce_core::{Memory, Model, Session};

use crate::support::{Folder, ask};

const WEIGHTS: u64 = 64 << 20;

/// Much more than what an interpreter takes and writes to for itself.
const LITTLE: u64 = WEIGHTS / 2;

/// A model of that many bytes, each of them used, and two sessions that have answered.
fn loaded(preload: bool) -> (Folder, std::sync::Arc<dyn Model>, Vec<Box<dyn Session>>) {
    let code = format!(
        "class Model:\n    def load(self):\n        self.weights = b'1' * {WEIGHTS}\n\n    \
         def predict(self, rows):\n        return [sum(memoryview(self.weights)[::4096]) for row in rows]\n"
    );
    let folder = Folder::of(&code).option("preload", &preload.to_string());
    let model = folder.load().unwrap();
    let mut sessions: Vec<_> = (0..2).map(|_| model.open_session().unwrap()).collect();
    for session in &mut sessions {
        assert_eq!(ask(&mut **session, "1").unwrap(), (WEIGHTS / 4096 * 49).to_string());
    }
    (folder, model, sessions)
}

fn private(memory: &Memory) -> Vec<u64> {
    memory.workers.iter().map(|worker| worker.memory.unwrap().private_bytes).collect()
}

#[test]
fn workers_share_what_their_template_has_loaded() {
    let (_folder, model, sessions) = loaded(true);
    let memory = model.memory();
    assert_eq!((&memory.sharing, memory.copies(), memory.loads, memory.deaths), (&Sharing::CopyOnWrite, 1, 1, 0));
    let weights = WEIGHTS..WEIGHTS + LITTLE;
    assert!(weights.contains(&memory.weight_bytes.unwrap()) && memory.load_peak.unwrap() > WEIGHTS, "{memory:?}");
    assert!(memory.shared_bytes.unwrap() >= WEIGHTS && private(&memory).iter().all(|own| *own < LITTLE), "{memory:?}");
    let processes = memory.workers.iter().map(|worker| ProcessMemory::of(worker.pid).unwrap().proportional_bytes);
    assert!(memory.total_bytes().unwrap() > processes.sum(), "the template has its part: {memory:?}");
    let who: Vec<_> = memory.workers.iter().map(|worker| (worker.slot, worker.runs)).collect();
    assert_eq!(who, [(0, 1), (1, 1)]);
    drop(sessions);
    assert_eq!(model.memory().workers, []);
}

#[test]
fn workers_that_load_for_themselves_are_copies() {
    let (_folder, model, _sessions) = loaded(false);
    let memory = model.memory();
    assert_eq!((memory.sharing.reason(), memory.copies(), memory.loads), (Some("preload = false in model.toml"), 2, 2));
    let weights = WEIGHTS..WEIGHTS + LITTLE;
    assert!(weights.contains(&memory.weight_bytes.unwrap()) && memory.load_peak.unwrap() > WEIGHTS, "{memory:?}");
    assert!(memory.shared_bytes.unwrap() < LITTLE && private(&memory).iter().all(|own| *own >= WEIGHTS), "{memory:?}");
}
