//! What a process takes, from the kernel (`proc(5)`: `smaps_rollup`, `stat`).

use std::fs;

/// Bytes that are the process's own, shared with nobody.
pub(super) fn private_bytes(pid: u32) -> Option<u64> {
    let rollup = read(pid)?;
    Some(sum(&rollup, "Private_Clean:") + sum(&rollup, "Private_Dirty:"))
}

/// Bytes of the process, of shared ones its part.
pub(super) fn proportional_bytes(pid: u32) -> Option<u64> {
    Some(sum(&read(pid)?, "Pss:"))
}

/// Processor time that the process has had, in ticks of the kernel.
pub(super) fn ticks(pid: u32) -> Option<u64> {
    const USER: usize = 11;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it, in brackets, may hold anything.
    let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Some(fields.skip(USER).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}

fn read(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()
}

fn sum(rollup: &str, key: &str) -> u64 {
    let lines = rollup.lines().filter_map(|line| line.strip_prefix(key));
    let kilobytes = lines.filter_map(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.sum::<u64>() * 1024
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

    #[test]
    fn kilobytes_are_read() {
        let rollup = "00400000-7fff r--p [rollup]\nRss:  900 kB\nPss:    10 kB\nPss_Anon: 7 kB\nPrivate_Dirty:  4 kB\n";
        assert_eq!((sum(rollup, "Pss:"), sum(rollup, "Private_Dirty:"), sum(rollup, "Swap:")), (10_240, 4096, 0));
        assert!(proportional_bytes(std::process::id()).unwrap() > private_bytes(std::process::id()).unwrap() / 2);
    }
}
