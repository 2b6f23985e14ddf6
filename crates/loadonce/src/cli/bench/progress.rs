//! How far a row is, for whoever sits at a terminal; elsewhere nothing is drawn.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::flags::{Load, LoadFlags};
use super::pace::Window;
use super::tally::Tally;
use crate::cli::numbers::{rate, thousands};

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(100);

/// A bar that moves by itself, and is gone when it is let go.
pub(super) struct Progress {
    bar: ProgressBar,
    mover: JoinHandle<()>,
}

struct Mover {
    bar: ProgressBar,
    window: Window,
    /// Requests to come, where their count ends the row and not the time.
    requests: Option<NonZeroU64>,
    tallies: Vec<Arc<Mutex<Tally>>>,
}

impl Progress {
    pub(super) fn start(load: Load, flags: &LoadFlags, window: Window, tallies: Vec<Arc<Mutex<Tally>>>) -> Self {
        let requests = flags.requests;
        let whole = requests.map_or_else(|| milliseconds(flags.warm_up + flags.duration), NonZeroU64::get);
        let style = ProgressStyle::with_template("  {prefix} {bar:30} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
        let bar = ProgressBar::new(whole).with_style(style).with_prefix(load.to_string());
        let mover = Mover { bar: bar.clone(), window, requests, tallies };
        Self { bar, mover: tokio::spawn(mover.go_on()) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.mover.abort();
        self.bar.finish_and_clear();
    }
}

impl Mover {
    async fn go_on(self) {
        loop {
            self.look();
            sleep(TICK).await;
        }
    }

    fn look(&self) {
        let tallies = self.tallies.iter().map(|tally| tally.lock().unwrap_or_else(PoisonError::into_inner));
        let (right, failed) = tallies.fold((0, 0), |sum, it| (sum.0 + it.right(), sum.1 + it.failed()));
        let measured = Instant::now().saturating_duration_since(self.window.begin);
        self.bar.set_position(match self.requests {
            Some(_) => right + failed,
            None => milliseconds(self.window.start.elapsed()),
        });
        self.bar.set_message(match (measured.is_zero(), failed) {
            (true, _) => "warming up".to_owned(),
            (false, 0) => format!("{} requests/s", rate(right, measured)),
            (false, _) => format!("{} requests/s, {} failed", rate(right, measured), thousands(failed)),
        });
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
