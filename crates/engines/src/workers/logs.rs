//! What a model's processes write, in the server's log: line by line, with the model, the worker and the request.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde::Deserialize;
use tracing::Span;

/// The first byte of a line that a logger wrote there, which is JSON behind it.
const RECORD: u8 = 0x1e;

/// Bytes of one event; a longer line makes several.
const MOST_LINE: usize = 64 << 10;

/// Runs whose requests are remembered: a line may be read after its run's answer.
const REMEMBERED: usize = 16;

/// The requests of a worker's last runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(Arc<Mutex<VecDeque<(u64, Span)>>>);

impl Runs {
    /// Remembers that the current span is that of this run.
    pub(super) fn begin(&self, run: u64) {
        let span = Span::current();
        if span.is_disabled() {
            return;
        }
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.truncate(REMEMBERED - 1);
        runs.push_front((run, span));
    }

    fn span(&self, run: Option<u64>) -> Span {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let span = runs.iter().find(|(own, _)| Some(*own) == run).map(|(_, span)| span.clone());
        span.unwrap_or_else(Span::none)
    }
}

/// Who writes.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) model: Arc<str>,
    /// None for the template.
    pub(super) worker: Option<u64>,
    pub(super) runs: Runs,
}

#[derive(Debug, Deserialize)]
struct Record {
    level: Option<String>,
    logger: Option<String>,
    stream: Option<String>,
    message: String,
    run: Option<u64>,
}

/// Tells when a pipe was read to its end.
#[derive(Debug)]
pub(super) struct Drained(Receiver<()>);

impl Drained {
    pub(super) fn is_over(&self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Waits for the end, but no longer than until then.
    pub(super) fn wait(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        if self.0.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("a process that a worker has started still holds its log");
        }
    }
}

/// Reads a pipe to its end on a thread of its own.
pub(super) fn pump(pipe: PipeReader, writer: Writer) -> std::io::Result<Drained> {
    let (open, drained) = channel();
    let read = move || {
        let _open = open;
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(read_line(&mut pipe, &mut line), Ok(true)) {
            tell(&line, &writer);
            line.clear();
        }
    };
    thread::Builder::new().name("worker-log".to_owned()).spawn(read)?;
    Ok(Drained(drained))
}

/// Reads a line without its end, or as much of it as an event may have; false at the end.
fn read_line(pipe: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    loop {
        let available = pipe.fill_buf()?;
        if available.is_empty() {
            return Ok(!line.is_empty());
        }
        let room = MOST_LINE - line.len();
        let end = available.iter().take(room).position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(available.len().min(room));
        line.extend_from_slice(&available[..taken]);
        pipe.consume(taken + usize::from(end.is_some()));
        if end.is_some() || line.len() == MOST_LINE {
            return Ok(true);
        }
    }
}

fn tell(line: &[u8], writer: &Writer) {
    let record = line.strip_prefix(&[RECORD]).and_then(|json| serde_json::from_slice(json).ok());
    let record = record.unwrap_or_else(|| Record {
        level: None,
        logger: None,
        stream: None,
        message: String::from_utf8_lossy(line).into_owned(),
        run: None,
    });
    let Record { level, logger, stream, message, run } = record;
    let _entered = writer.runs.span(run).entered();
    let (model, worker, logger) = (&*writer.model, writer.worker, logger.or(stream));
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(target: "model", model, worker, logger, "{message}")
        };
    }
    match level.as_deref() {
        Some("CRITICAL" | "ERROR") => event!(error),
        Some("WARNING") => event!(warn),
        Some("DEBUG" | "NOTSET") => event!(debug),
        _ => event!(info),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_long_ones_in_pieces() {
        let text = [b"one\n\n".as_slice(), &vec![b'x'; MOST_LINE + 3], b"\nlast"].concat();
        let (mut pipe, mut line) = (BufReader::with_capacity(1000, text.as_slice()), Vec::new());
        let mut lengths = Vec::new();
        while read_line(&mut pipe, &mut line).unwrap() {
            lengths.push(line.len());
            line.clear();
        }
        assert_eq!(lengths, [3, 0, MOST_LINE, 3, 4]);
    }
}
