//! Writes lines on a thread of its own, so that a reader who does not read holds up nobody but the log.

use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// Lines that may wait to be written; one more is dropped, and counted.
const QUEUE: usize = 8192;

/// How long the end of the program waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Takes lines, never waits.
#[derive(Debug)]
pub(super) struct Lines {
    queue: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes; it ends when the [`Lines`] are gone.
#[derive(Debug)]
pub(in crate::cli) struct Writer {
    done: oneshot::Receiver<()>,
}

pub(super) fn start(out: impl Write + Send + 'static) -> (Lines, Writer) {
    let (queue, lines) = sync_channel(QUEUE);
    let (sender, done) = oneshot::channel();
    let dropped = Arc::new(AtomicU64::new(0));
    let lost = Arc::clone(&dropped);
    std::thread::spawn(move || {
        write_lines(&lines, &lost, out);
        drop(sender);
    });
    (Lines { queue, dropped }, Writer { done })
}

impl Lines {
    pub(super) fn write(&self, line: String) {
        if self.queue.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Waits until everything is written, but not for long; whether it is.
    pub(in crate::cli) async fn finish(self) -> bool {
        timeout(LAST_LINES, self.done).await.is_ok()
    }
}

fn write_lines(lines: &Receiver<String>, dropped: &AtomicU64, out: impl Write) {
    let mut out = BufWriter::new(out);
    while let Ok(line) = lines.recv() {
        // A reader who has closed the pipe has seen enough.
        let _ = out.write_all(line.as_bytes());
        for line in lines.try_iter() {
            let _ = out.write_all(line.as_bytes());
        }
        let _ = out.flush();
        let dropped = dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "lines of the access log were dropped, because nobody read them in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// Takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Shared>);

    #[derive(Default)]
    struct Shared {
        state: Mutex<State>,
        opened: Condvar,
    }

    #[derive(Default)]
    struct State {
        is_open: bool,
        taken: Vec<u8>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let state = self.0.state.lock().unwrap();
            let mut state = self.0.opened.wait_while(state, |state| !state.is_open).unwrap();
            state.taken.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Pipe {
        fn open(&self) {
            self.0.state.lock().unwrap().is_open = true;
            self.0.opened.notify_all();
        }
    }

    #[tokio::test]
    async fn a_full_pipe_blocks_nobody_and_what_is_dropped_is_counted() {
        let pipe = Pipe::default();
        let (lines, writer) = start(pipe.clone());
        let many = 10 * QUEUE;
        for number in 0..many {
            lines.write(format!("{number}\n"));
        }
        let dropped = lines.dropped.load(Ordering::Relaxed);
        assert!(dropped > 0);
        pipe.open();
        drop(lines);
        assert!(writer.finish().await);
        let written = String::from_utf8(pipe.0.state.lock().unwrap().taken.clone()).unwrap();
        assert_eq!(written.lines().count() as u64 + dropped, many as u64);
        assert!(written.starts_with("0\n1\n2\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_does_not_wait_for_a_reader_who_does_not_read() {
        let pipe = Pipe::default();
        let (lines, writer) = start(pipe.clone());
        lines.write("line\n".to_owned());
        drop(lines);
        assert!(!writer.finish().await);
        pipe.open();
    }
}
