//! What the models and the server take in memory, read when somebody asks, and once a second at most, whoever asks.
//!
//! The kernel walks over all pages of each process, which takes some 30 ms for a gigabyte of them.

use std::sync::Arc;
use std::time::Duration;

use loadonce_core::ledger::{ControlGroup, Memory, ProcessMemory, peak_bytes};
use loadonce_core::{ModelHandle, status::ComponentStatus};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// How old a reading may be.
const FRESH: Duration = Duration::from_secs(1);

/// How old it may be where it took long, in multiples of that time.
const FRESH_RATIO: u32 = 10;

/// The latest reading.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    latest: Arc<Mutex<Option<Arc<Reading>>>>,
}

/// What was read at one moment.
#[derive(Debug)]
pub(crate) struct Reading {
    at: Instant,
    took: Duration,
    models: Vec<Model>,
    /// Of the server's process, without those of models.
    pub(crate) server: Option<ProcessMemory>,
    /// The largest working set that the server's process has had.
    pub(crate) peak: Option<u64>,
    pub(crate) group: Option<ControlGroup>,
}

#[derive(Debug)]
struct Model {
    name: String,
    version: String,
    memory: Memory,
}

impl Ledger {
    /// What these models take; where that was read less than a second ago, they are not asked for.
    pub(crate) async fn read(&self, models: impl FnOnce() -> Vec<ModelHandle>) -> Arc<Reading> {
        let mut latest = Arc::clone(&self.latest).lock_owned().await;
        if let Some(reading) = latest.as_ref().filter(|reading| reading.is_fresh()) {
            return Arc::clone(reading);
        }
        let (at, models) = (Instant::now(), models());
        // Holds the lock, also where its caller has left: the kernel is never asked twice at the same time.
        let read = spawn_blocking(move || {
            let reading = Arc::new(Reading::take(at, &models));
            *latest = Some(Arc::clone(&reading));
            reading
        });
        read.await.unwrap_or_else(|_| Arc::new(Reading::nothing(at)))
    }
}

impl Reading {
    fn take(at: Instant, handles: &[ModelHandle]) -> Self {
        let own = std::process::id();
        let model = |handle: &ModelHandle| {
            let (name, version) = (handle.name().to_owned(), handle.version().to_owned());
            handle.memory().map(|memory| Model { name, version, memory })
        };
        let models = handles.iter().filter_map(model).collect();
        let (server, peak, group) = (ProcessMemory::of(own), peak_bytes(own), ControlGroup::of_this_process());
        Self { at, took: at.elapsed(), models, server, peak, group }
    }

    fn nothing(at: Instant) -> Self {
        Self { at, took: Duration::ZERO, models: Vec::new(), server: None, peak: None, group: None }
    }

    fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH.max(self.took * FRESH_RATIO)
    }

    /// What each model takes, with its name and version.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&str, &str, &Memory)> {
        self.models.iter().map(|model| (model.name.as_str(), model.version.as_str(), &model.memory))
    }

    /// What a model takes: as it was read, or as it was when it was loaded.
    pub(crate) fn of<'a>(&'a self, model: &'a ComponentStatus) -> Option<&'a Memory> {
        let is_it = |read: &&Model| read.name == model.name && Some(&read.version) == model.record.version.as_ref();
        self.models.iter().find(is_it).map(|read| &read.memory).or(model.memory())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_took_long_is_read_less_often() {
        let reading = |took| Reading { took: Duration::from_millis(took), ..Reading::nothing(Instant::now()) };
        let (quick, slow) = (reading(10), reading(500));
        tokio::time::advance(FRESH).await;
        assert!(!quick.is_fresh() && slow.is_fresh());
        tokio::time::advance(FRESH * 4).await;
        assert!(!slow.is_fresh());
    }
}
