//! `serve --dev`: a model whose files change is loaded anew aside and put in the other's place; where that fails, the former
//! serves on and the reason is told.
//!
//! Files are looked at instead of waited for: that works on every file system, mounted and remote ones too.

mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loadonce_core::ledger::Sharing;
use loadonce_core::loader::Serving;
use loadonce_core::{ModelHandle, ModelSpec};
use loadonce_server::Api;

use self::watch::{Look, Watched};
use super::output::say;
use super::settings::LogFormat;
use super::{Failure, Settings, find, plan};
use crate::InstalledEngines;
use crate::repository::roots;

/// Between two looks; a change is acted on once two looks in a row see the same.
const TICK: Duration = Duration::from_millis(200);

/// The models that are watched.
pub(super) struct Dev {
    settings: Arc<Settings>,
    engines: Arc<InstalledEngines>,
    watched: BTreeMap<String, Watched>,
    /// What is wrong with the models on disk, told once.
    complaint: Option<String>,
    /// Names that are on disk only or in the server only, told once.
    strays: BTreeSet<String>,
}

/// The models on disk: what they are, and what their files look like.
struct Found {
    specs: Vec<ModelSpec>,
    looks: BTreeMap<String, Look>,
}

impl Dev {
    /// Looks at the models' files before they are loaded, so that no later change is missed.
    pub(super) fn new(settings: &Settings, engines: Arc<InstalledEngines>) -> Self {
        let watched = looks(&settings.models).into_iter().map(|(name, look)| (name, Watched::new(look)));
        let watched: BTreeMap<_, _> = watched.collect();
        Self { settings: Arc::new(settings.clone()), engines, watched, complaint: None, strays: BTreeSet::new() }
    }

    /// Loads anew what changes, for as long as it is polled.
    pub(super) async fn watch(mut self, serving: Arc<Serving>, api: Api) {
        self.tell("", &format!("watching the files of {}", super::serve::counted(self.watched.len(), "model")));
        loop {
            tokio::time::sleep(TICK).await;
            let settings = Arc::clone(&self.settings);
            let Ok(found) = tokio::task::spawn_blocking(move || Found::now(&settings)).await else { return };
            match found {
                Ok(found) => self.act(found, &serving, &api).await,
                Err(failure) => self.complain(failure.message),
            }
        }
    }

    async fn act(&mut self, found: Found, serving: &Serving, api: &Api) {
        self.complaint = None;
        let Found { specs, mut looks } = found;
        self.tell_strays(&looks);
        for spec in specs {
            let Some(watched) = self.watched.get_mut(&spec.name) else { continue };
            let Some(changed) = looks.remove(&spec.name).and_then(|look| watched.changed(look)) else { continue };
            self.reload(spec, &changed, serving, api).await;
        }
    }

    async fn reload(&self, spec: ModelSpec, changed: &[PathBuf], serving: &Serving, api: &Api) {
        let (name, started) = (spec.name.clone(), Instant::now());
        self.tell(&name, &format!("{} changed, loading the model anew beside the one that serves", names(changed)));
        let swapped = |registry| {
            api.replace(registry);
            let time = started.elapsed().as_secs_f64() * 1e3;
            self.tell(&name, &format!("reloaded after {time:.0} ms as a whole, nothing of the former one was kept"));
        };
        let reloaded = match self.admit(&spec, serving).await {
            Ok(()) => serving.reload(spec, swapped).await.map_err(|error| error.to_string()),
            Err(failure) => Err(failure.message),
        };
        if let Err(reason) = reloaded {
            self.tell(&name, &format!("not reloaded, the former one serves on: {reason}"));
        }
    }

    /// Whether there is room for a second copy for a while.
    async fn admit(&self, spec: &ModelSpec, serving: &Serving) -> Result<(), Failure> {
        let (settings, engines) = (Arc::clone(&self.settings), Arc::clone(&self.engines));
        let (spec, registry) = (spec.clone(), serving.registry());
        let admitted = tokio::task::spawn_blocking(move || {
            let memory = registry.handles().filter_map(ModelHandle::memory);
            let processes = memory.filter(|memory| memory.sharing != Sharing::InProcess);
            let bytes = processes.filter_map(|memory| memory.total_bytes()).sum();
            plan::admit_successor(&settings, &spec, &engines, bytes)
        });
        // A task that panics refuses nothing.
        admitted.await.unwrap_or(Ok(()))
    }

    /// Says once of each model that it is on disk only, or no longer there.
    fn tell_strays(&mut self, looks: &BTreeMap<String, Look>) {
        let is_known = |name: &&String| self.watched.contains_key(*name);
        let new =
            looks.keys().filter(|name| !is_known(name)).map(|name| (name, "is new; start the server anew to serve it"));
        let gone = self.watched.keys().filter(|name| !looks.contains_key(*name));
        let gone = gone.map(|name| (name, "is gone from the disk; what was loaded serves on"));
        let strays: BTreeMap<_, _> = new.chain(gone).collect();
        for (name, what) in strays.iter().filter(|(name, _)| !self.strays.contains(**name)) {
            self.tell(name, what);
        }
        self.strays = strays.into_keys().cloned().collect();
    }

    fn complain(&mut self, message: String) {
        if self.complaint.as_ref() != Some(&message) {
            self.tell("", &format!("nothing is reloaded as long as this is so: {message}"));
            self.complaint = Some(message);
        }
    }

    fn tell(&self, model: &str, what: &str) {
        match (self.settings.log, model) {
            (LogFormat::Json, _) => tracing::info!(model, "{what}"),
            (LogFormat::Text, "") => say(what),
            (LogFormat::Text, _) => say(&format!("{model}: {what}")),
        }
    }
}

impl Found {
    fn now(settings: &Settings) -> Result<Self, Failure> {
        // In this order: what changes in between is seen by the next look.
        let looks = looks(&settings.models);
        Ok(Self { specs: find(settings)?, looks })
    }
}

fn looks(paths: &[PathBuf]) -> BTreeMap<String, Look> {
    roots(paths).into_iter().map(|(name, root)| (name, Look::at(&root))).collect()
}

/// The names of a few files.
fn names(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 3;
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let shown = paths.iter().take(SHOWN).map(name).collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
