//! The supervision of a model's processes: workers are replaced when they die, and the template when it does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use loadonce_core::ledger::{Memory, ProcessMemory, Sharing};
use loadonce_core::{LoadError, Progress};

use super::control::{Form, Loaded};
use super::launch::{Launch, Recycling};
use super::roster::{Cost, Roster};
use super::template::Template;
use super::worker::{Wanted, Worker};

/// Time for a worker to be ready that has nothing to load.
const READY: Duration = Duration::from_mins(1);

/// Workers in a row that could not start, after which no more is tried.
const MOST_FAILURES: u32 = 5;

/// The pause after the first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A model's template, and what it takes to have workers of it.
#[derive(Debug)]
pub(super) struct Crew {
    launch: Launch,
    preload: bool,
    template: Mutex<Arc<Template>>,
    /// Ready, and nobody's yet.
    spare: Mutex<Option<Worker>>,
    next: AtomicU64,
    roster: Arc<Roster>,
    /// Of the load at the start.
    cost: Cost,
}

impl Crew {
    /// Starts the template; also what was loaded.
    pub(super) fn start(launch: Launch, preload: bool, progress: &Progress) -> Result<(Self, Loaded), LoadError> {
        let roster = Arc::new(Roster::default());
        let (template, loaded) = Template::start(&launch, preload, &roster, progress)?;
        let (pid, cost) = (template.pid(), template.cost());
        let (template, spare) = (Mutex::new(Arc::new(template)), Mutex::new(None));
        let mut crew = Self { launch, preload, template, spare, next: AtomicU64::new(1), roster, cost };
        if loaded.form != Form::Deferred {
            return Ok((crew, loaded));
        }
        let (worker, own) = crew.fork()?;
        crew.cost = Cost::of(worker.pid(), ProcessMemory::of(pid));
        crew.keep(worker);
        Ok((crew, own.unwrap_or(loaded)))
    }

    /// Keeps a worker for whoever needs the next.
    pub(super) fn keep(&self, worker: Worker) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
    }

    /// A worker that is ready; the first failure is final.
    pub(super) fn hire(&self) -> Result<Worker, LoadError> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.map_or_else(|| self.fork().map(|(worker, _)| worker), Ok)
    }

    /// A worker in the place of one that is lost; tried several times.
    pub(super) fn replace(&self) -> Result<Worker, LoadError> {
        let mut failures = 0;
        loop {
            let error = match self.hire() {
                Ok(worker) => return Ok(worker),
                Err(error) => error,
            };
            failures += 1;
            let Some(pause) = pause(failures) else { return Err(error) };
            tracing::warn!(model = &*self.launch.name, %error, failures, "no worker could be started, trying again");
            thread::park_timeout(pause);
        }
    }

    fn fork(&self) -> Result<(Worker, Option<Loaded>), LoadError> {
        let template = self.template()?;
        let wanted = Wanted {
            launch: &self.launch,
            number: self.next.fetch_add(1, Ordering::Relaxed),
            roster: &self.roster,
            deadline: self.preload.then_some(READY),
        };
        Worker::fork(&template, &wanted)
    }

    /// The template, which is started anew if it has ended.
    fn template(&self) -> Result<Arc<Template>, LoadError> {
        let mut template = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        if template.is_gone() {
            tracing::warn!(model = &*self.launch.name, "the template has ended, the model is loaded again");
            *template = Arc::new(Template::start(&self.launch, self.preload, &self.roster, &Progress::default())?.0);
        }
        Ok(Arc::clone(&template))
    }

    /// What the template and the workers take now, which share the model like that.
    pub(super) fn memory(&self, sharing: Sharing) -> Memory {
        let workers = self.roster.workers();
        let Cost { weight_bytes, load_peak } = self.cost;
        let shared_bytes = self.roster.shared_bytes(&workers);
        let (loads, deaths) = (self.loads(), self.roster.deaths());
        Memory { sharing, weight_bytes, shared_bytes, load_peak, workers, loads, deaths }
    }

    /// How often the model was loaded.
    pub(super) fn loads(&self) -> u64 {
        self.roster.loads()
    }

    /// Whether workers share what the template has loaded.
    pub(super) fn preload(&self) -> bool {
        self.preload
    }

    pub(super) fn launch(&self) -> &Launch {
        &self.launch
    }
}

/// How long to wait after so many failures in a row; `None` when it is enough.
fn pause(failures: u32) -> Option<Duration> {
    (failures < MOST_FAILURES).then(|| FIRST_PAUSE * 2_u32.pow(failures - 1))
}

/// Why a worker that is well should make place for a fresh one.
pub(super) fn is_due(rules: &Recycling, worker: &Worker) -> Option<&'static str> {
    let over = |limit: Option<u64>, value: u64| limit.is_some_and(|limit| value >= limit);
    if over(rules.runs, worker.runs()) {
        return Some("max_runs");
    }
    if rules.age.is_some_and(|limit| worker.age() >= limit) {
        return Some("max_age");
    }
    let memory = rules.private_bytes.and_then(|_| ProcessMemory::of(worker.pid()));
    memory.filter(|memory| over(rules.private_bytes, memory.private_bytes)).map(|_| "max_private_bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let pauses: Vec<_> = (1..=5).map(|failures| pause(failures).map(|pause| pause.as_millis())).collect();
        assert_eq!(pauses, [Some(100), Some(200), Some(400), Some(800), None]);
    }
}
