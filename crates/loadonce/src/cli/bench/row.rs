//! One row of the table: a load for a while, and what came of it.

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::arrivals::{Arrivals, Share};
use super::caller::{Caller, Shared, Target};
use super::flags::{Load, LoadFlags};
use super::interrupt::Interrupt;
use super::pace::{Pace, Window};
use super::progress::Progress;
use super::tally::Tally;
use super::usage::{Processes, Spent};

/// A load, and what came of it.
pub(super) struct Row {
    pub(super) load: Load,
    pub(super) tally: Tally,
    /// From the end of the warm-up to the end of the last request.
    pub(super) time: Duration,
    /// What the server spent, where its process is known.
    pub(super) server: Option<Spent>,
    /// What this process spent.
    pub(super) client: Option<Spent>,
    /// Threads that asked.
    pub(super) threads: usize,
    /// Whether it was stopped before its end.
    pub(super) is_cut_short: bool,
}

/// How to make rows.
pub(super) struct Plan<'a> {
    pub(super) flags: &'a LoadFlags,
    pub(super) target: Target,
    pub(super) server: &'a Processes,
    pub(super) interrupt: &'a Interrupt,
}

/// The threads of a row.
struct Threads {
    workers: JoinSet<io::Result<()>>,
    tallies: Vec<Arc<Mutex<Tally>>>,
    window: watch::Sender<Option<Window>>,
}

/// What a thread needs.
struct Job {
    target: Target,
    load: Load,
    share: Share,
    tally: Arc<Mutex<Tally>>,
    window: watch::Receiver<Option<Window>>,
    /// Dropped when all connections are made.
    connecting: mpsc::Sender<()>,
}

impl Plan<'_> {
    /// Puts a load on the server.
    pub(super) async fn row(&self, load: Load) -> io::Result<Row> {
        let mut threads = self.connect(load).await;
        let window = self.window();
        threads.window.send_replace(Some(window.clone()));
        let progress = Progress::start(load, self.flags, window.clone(), threads.tallies.clone());
        self.interrupt.unless(sleep_until(window.begin.into())).await;
        let before = (self.server.usage(), Processes::own().usage());
        let is_cut_short = !threads.end(self.interrupt).await?;
        let after = (self.server.usage(), Processes::own().usage());
        drop(progress);
        let tally = threads.tally();
        let time = tally.last.unwrap_or_else(Instant::now).saturating_duration_since(window.begin);
        let spent = |before, after| Spent::between(before, after, tally.right() + tally.failed());
        let (server, client) = (spent(before.0, after.0), spent(before.1, after.1));
        Ok(Row { load, time, server, client, threads: threads.tallies.len(), is_cut_short, tally })
    }

    /// Starts the threads, and waits until all connections are made, or refused.
    async fn connect(&self, load: Load) -> Threads {
        let (window, receiver) = watch::channel(None);
        let (connecting, mut connected) = mpsc::channel(1);
        let count = self.flags.threads().min(load.connections());
        let of = u32::try_from(count).unwrap_or(u32::MAX);
        let mut threads = Threads { workers: JoinSet::new(), tallies: Vec::new(), window };
        for thread in 0..of {
            let tally = Arc::<Mutex<Tally>>::default();
            threads.tallies.push(Arc::clone(&tally));
            let (target, window, connecting) = (self.target.clone(), receiver.clone(), connecting.clone());
            let job = Job { target, load, share: Share { thread, of }, tally, window, connecting };
            threads.workers.spawn_blocking(move || job.work());
        }
        drop(connecting);
        self.interrupt.unless(async { while connected.recv().await.is_some() {} }).await;
        threads
    }

    fn window(&self) -> Window {
        let start = Instant::now();
        let begin = start + self.flags.warm_up;
        match self.flags.requests {
            None => Window { start, begin, end: Some(begin + self.flags.duration), left: None },
            Some(count) => Window { start, begin, end: None, left: Some(Arc::new(AtomicU64::new(count.get()))) },
        }
    }
}

impl Threads {
    /// Waits for the end of all threads; whether nobody ended them before.
    async fn end(&mut self, interrupt: &Interrupt) -> io::Result<bool> {
        let ended = interrupt.unless(all(&mut self.workers)).await;
        if let Some(ended) = ended {
            return ended.map(|()| true);
        }
        self.window.send_replace(None);
        all(&mut self.workers).await.map(|()| false)
    }

    /// What all threads have counted.
    fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for tally in &self.tallies {
            sum.merge(&tally.lock().unwrap_or_else(PoisonError::into_inner));
        }
        sum
    }
}

impl Job {
    /// Asks until the row is over; blocks its thread.
    fn work(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.ask())
    }

    async fn ask(self) -> io::Result<()> {
        let Self { target, load, share, tally, mut window, connecting } = self;
        let pace = match load {
            Load::Closed { .. } => Pace::Closed,
            Load::Open { rate, spacing, .. } => Pace::open(Arrivals::new(rate, spacing, share))?,
        };
        let shared = Arc::new(Shared { target, pace, tally: Arc::clone(&tally) });
        let mut callers = JoinSet::new();
        for position in share.of(load.connections()) {
            let (shared, mut window, connecting) = (Arc::clone(&shared), window.clone(), connecting.clone());
            callers.spawn(async move {
                let caller = Caller::connect(shared, position).await;
                drop(connecting);
                match opened(&mut window).await {
                    Some(window) => caller.ask_on(&window).await,
                    None => Ok(()),
                }
            });
        }
        drop(connecting);
        if opened(&mut window).await.is_some() {
            tokio::select! {
                // Who is cut short leaves requests without their answers.
                _ = window.wait_for(Option::is_none) => (),
                ended = all(&mut callers) => ended?,
            }
        }
        callers.shutdown().await;
        let unsent = shared.pace.unsent().await;
        tally.lock().unwrap_or_else(PoisonError::into_inner).unsent = unsent;
        Ok(())
    }
}

/// Waits for the end of all tasks; the first failure is the set's.
async fn all(tasks: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

/// The window, once it is known; nothing when the row ended before.
async fn opened(window: &mut watch::Receiver<Option<Window>>) -> Option<Window> {
    window.wait_for(Option::is_some).await.ok()?.clone()
}

impl Share {
    /// The positions of a thread's connections.
    fn of(self, connections: usize) -> impl Iterator<Item = usize> {
        let (first, step) = (self.thread as usize, self.of as usize);
        (first..connections).step_by(step)
    }
}
