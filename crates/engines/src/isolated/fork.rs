//! What a template asks of the kernel that Rust has no safe word for.

use std::fs;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::process::Pid;

/// Time for the threads of a pool to fall asleep once they have nothing to do.
const FALL_ASLEEP: Duration = Duration::from_secs(5);

/// Between two looks at them.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// Forks this process: the worker's id in the template, `None` in the worker. Threads that a load has left in the template
/// are not in the worker; a run that needs one of them hangs, for the probe to find.
///
/// # Errors
/// The kernel's; and where another thread goes on working.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    let deadline = Instant::now() + FALL_ASLEEP;
    while is_any_other_at_work()? {
        if Instant::now() >= deadline {
            let message = "a thread that the load has left goes on working, and a process cannot be forked meanwhile";
            return Err(io::Error::new(ErrorKind::ResourceBusy, message));
        }
        poll(&mut [], Some(&LOOK))?;
    }
    // SAFETY: the child is a copy of this thread and of the memory. All other threads sleep, and nobody runs who could wake
    // them, so that none is in the middle of changing anything: what they leave in the child is whole, and at worst a lock
    // that is never released, at which the child waits. The allocators see to their own locks (`pthread_atfork`).
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Whether a thread besides this one runs, or waits for a disk (`proc_pid_stat(5)`: all states but S are of such).
fn is_any_other_at_work() -> io::Result<bool> {
    let own = rustix::thread::gettid().as_raw_nonzero().to_string();
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name().to_str() == Some(&own) {
            continue;
        }
        // One that has ended meanwhile is not at work.
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if state != Some('S') {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has this process and its children pass over what ends a server. The server ends them when it has answered what it
/// accepted, or the kernel when the server is gone.
pub(super) fn ignore_terminal() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: no handler is installed, only the kernel's disposition changes; the arguments are valid.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Ends this process at once. What libraries would take apart is the template's too, and is taken back by the kernel.
pub(super) fn end(code: u8) -> ! {
    // SAFETY: it only ends the process.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Threads of this process, as the kernel counts them.
pub(super) fn threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}
