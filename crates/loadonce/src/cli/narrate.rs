//! What a person sees while models load: bars on a terminal, lines elsewhere, events in a JSON log.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use loadonce_core::Memory;
use loadonce_core::status::{ComponentStatus, Snapshot, Stage, StatusView};
use loadonce_server::report::readable_size;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::output::say;
use super::settings::LogFormat;

/// How often the status is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How often a slow load is mentioned where there are no bars.
const REMINDER: Duration = Duration::from_secs(5);

/// The narrator of a startup, at work until it is told to finish.
pub(super) struct Narrator {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Teller {
    style: Style,
    /// Models whose end was told.
    told: BTreeMap<String, Stage>,
    reminded: Duration,
}

enum Style {
    Bars { all: MultiProgress, bars: BTreeMap<String, ProgressBar> },
    Lines,
    Events,
}

impl Narrator {
    /// Starts to tell what happens on that board.
    pub(super) fn start(status: StatusView, format: LogFormat) -> Self {
        let (finish, mut finished) = oneshot::channel();
        let mut teller = Teller::new(format);
        let task = tokio::spawn(async move {
            while tokio::time::timeout(TICK, &mut finished).await.is_err() {
                teller.tell(&status.snapshot());
            }
            teller.tell(&status.snapshot());
            teller.clear();
        });
        Self { finish, task }
    }

    /// Tells what is left and ends.
    pub(super) async fn finish(self) {
        let _ = self.finish.send(());
        let _ = self.task.await;
    }
}

impl Teller {
    fn new(format: LogFormat) -> Self {
        let style = match format {
            LogFormat::Json => Style::Events,
            LogFormat::Text if stderr().is_terminal() => {
                Style::Bars { all: MultiProgress::new(), bars: BTreeMap::new() }
            }
            LogFormat::Text => Style::Lines,
        };
        Self { style, told: BTreeMap::new(), reminded: Duration::ZERO }
    }

    fn tell(&mut self, snapshot: &Snapshot) {
        let width = snapshot.components.iter().map(|model| model.name.chars().count()).max().unwrap_or(0);
        for model in &snapshot.components {
            let ended = matches!(model.stage, Stage::Ready | Stage::Failed);
            if ended && self.told.insert(model.name.clone(), model.stage) != Some(model.stage) {
                self.tell_end(model, width);
            } else if !ended && model.stage > Stage::Declared {
                self.tell_progress(model, width);
            }
        }
        self.remind(snapshot);
    }

    fn tell_end(&mut self, model: &ComponentStatus, width: usize) {
        let line = line(model, width);
        match &mut self.style {
            Style::Lines => say(&line),
            Style::Events => event(model),
            Style::Bars { all, bars } => {
                if let Some(bar) = bars.remove(&model.name) {
                    bar.finish_and_clear();
                }
                all.suspend(|| say(&line));
            }
        }
    }

    fn tell_progress(&mut self, model: &ComponentStatus, width: usize) {
        let Style::Bars { all, bars } = &mut self.style else { return };
        let bar = bars.entry(model.name.clone()).or_insert_with(|| all.add(new_bar(&model.name, width)));
        bar.set_length(model.bytes_total);
        bar.set_position(model.bytes_read);
        bar.set_message(model.stage.as_str());
    }

    fn remind(&mut self, snapshot: &Snapshot) {
        if matches!(self.style, Style::Bars { .. }) || snapshot.uptime < self.reminded + REMINDER {
            return;
        }
        self.reminded = snapshot.uptime;
        for model in snapshot.components.iter().filter(|model| model.stage < Stage::Ready) {
            let (read, total) = (bytes(model.bytes_read), bytes(model.bytes_total));
            match self.style {
                Style::Events => tracing::info!(
                    model = model.name,
                    stage = model.stage.as_str(),
                    bytes_read = model.bytes_read,
                    bytes_total = model.bytes_total,
                    "still loading"
                ),
                _ => say(&format!("  {}: {}, {read} of {total}", model.name, model.stage)),
            }
        }
    }

    fn clear(&self) {
        if let Style::Bars { all, .. } = &self.style {
            let _ = all.clear();
        }
    }
}

fn new_bar(name: &str, width: usize) -> ProgressBar {
    let template = "  {prefix} {bar:30} {decimal_bytes} of {decimal_total_bytes}  {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("=> ")).with_prefix(format!("{name:width$}"))
}

/// The one line of a model: name, version, engine, copies, size, time, samples; or why it failed.
fn line(model: &ComponentStatus, width: usize) -> String {
    let name = &model.name;
    if model.stage == Stage::Failed {
        return format!("  {name:width$}  failed: {}", model.reason.as_deref().unwrap_or("no reason given"));
    }
    let record = &model.record;
    let version = record.version.as_deref().unwrap_or("-");
    let engine = record.engine.unwrap_or("-");
    let (copies, size) = record.memory.as_ref().map_or((0, None), |memory| (memory.copies(), memory.weight_bytes));
    let copies = if copies == 1 { "1 copy".to_owned() } else { format!("{copies} copies") };
    let unshared = record.memory.as_ref().and_then(|memory| memory.sharing.reason());
    let unshared = unshared.map(|reason| format!("; each worker loads a copy: {reason}")).unwrap_or_default();
    let time = model.startup_time().as_secs_f64() * 1e3;
    let samples = record.samples;
    let reason = record.engine_reason.as_deref().unwrap_or_default();
    let size = size.map_or_else(|| "?".to_owned(), readable_size);
    format!(
        "  {name:width$}  v{version}  {engine:<11}  {copies:<8} {size:>8}  {time:>8.1} ms  {samples}; {reason}{unshared}"
    )
}

fn event(model: &ComponentStatus) {
    let record = &model.record;
    if model.stage == Stage::Failed {
        tracing::error!(model = model.name, reason = model.reason, "model failed");
        return;
    }
    let memory = record.memory.as_ref();
    tracing::info!(
        model = model.name,
        version = record.version,
        engine = record.engine,
        engine_reason = record.engine_reason,
        options = ?record.options,
        loads = record.loads,
        copies = memory.map(Memory::copies),
        sharing = memory.map(|memory| memory.sharing.as_str()),
        sharing_reason = memory.and_then(|memory| memory.sharing.reason()),
        weight_bytes = memory.and_then(|memory| memory.weight_bytes),
        shared_bytes = memory.and_then(|memory| memory.shared_bytes),
        total_bytes = memory.and_then(Memory::total_bytes),
        load_peak_bytes = memory.and_then(|memory| memory.load_peak),
        milliseconds = model.startup_time().as_secs_f64() * 1e3,
        samples = record.samples.found,
        samples_right = record.samples.right,
        "model ready"
    );
}

fn bytes(count: u64) -> String {
    if count == 0 { "?".to_owned() } else { readable_size(count) }
}
