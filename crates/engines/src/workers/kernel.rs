//! Whether a process works, from the kernel (`proc_pid_stat(5)`).

use std::fs;

/// Processor time that the process has had, in ticks of the kernel.
pub(super) fn ticks(pid: u32) -> Option<u64> {
    const USER: usize = 11;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it, in brackets, may hold anything.
    let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Some(fields.skip(USER).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_ticks() {
        let before = ticks(std::process::id()).unwrap();
        while ticks(std::process::id()).unwrap() == before {}
        assert_eq!(ticks(0), None);
    }
}
