//! How the kernel divides a processor between threads that run models and threads that receive and answer requests.

/// Steps of niceness between them. Receiving is short and lets the next run be fuller; with this many steps a run gets a
/// third of the weight of a thread that receives.
#[cfg(target_os = "linux")]
const STEPS: i32 = 5;

/// Lets other threads of this process go before the calling thread and those that it starts from now on. Where that is
/// not allowed, nothing changes.
///
/// On Linux each thread has a nice value of its own, see setpriority(2), "C library/kernel differences".
#[cfg(target_os = "linux")]
pub(crate) fn stand_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    let lowered = getpriority_process(None).and_then(|nice| setpriority_process(None, (nice + STEPS).min(19)));
    if let Err(error) = lowered {
        tracing::debug!(%error, "this thread keeps its priority");
    }
}

/// Other systems know a priority of the process only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stand_back() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn a_thread_and_those_that_it_starts_stand_back() {
        let before = getpriority_process(None).unwrap();
        let lowered = std::thread::spawn(|| {
            stand_back();
            let started = std::thread::spawn(|| getpriority_process(None).unwrap());
            (getpriority_process(None).unwrap(), started.join().unwrap())
        });
        let lower = (before + STEPS).min(19);
        assert_eq!(lowered.join().unwrap(), (lower, lower));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
