//! What one process takes (`proc_pid_smaps_rollup(5)`, `proc_pid_status(5)`).

use std::fs;

/// Memory of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Bytes, of pages that several processes share its part. Summed over all processes, these count every page once.
    pub proportional_bytes: u64,
    /// Bytes of pages that no other process shares.
    pub private_bytes: u64,
    /// Bytes of pages that belong to no file, shared ones as whole.
    pub anonymous_bytes: u64,
}

impl ProcessMemory {
    /// Of a process that may be looked at. The kernel walks over all of its pages, which takes milliseconds where it is
    /// large.
    pub fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
    }

    fn parse(rollup: &str) -> Option<Self> {
        let private_bytes = bytes(rollup, "Private_Clean:")? + bytes(rollup, "Private_Dirty:")?;
        let (proportional_bytes, anonymous_bytes) = (bytes(rollup, "Pss:")?, bytes(rollup, "Anonymous:")?);
        Some(Self { proportional_bytes, private_bytes, anonymous_bytes })
    }
}

/// The largest working set that the process has had: pages in memory, shared ones as whole (`VmHWM`).
pub fn peak_bytes(pid: u32) -> Option<u64> {
    bytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

/// Has the kernel forget the largest working set so far, so that [`peak_bytes`] is that from now on (`proc(5)`,
/// `/proc/PID/clear_refs`, 5). Whether it did.
pub fn reset_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Bytes of the machine's memory that can be taken without swapping (`proc(5)`, `/proc/meminfo`, `MemAvailable`).
pub fn available_bytes() -> Option<u64> {
    bytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// The bytes of a line such as `Pss:   1234 kB`.
fn bytes(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLLUP: &str = "\
55cd43672000-7fff8e112000 ---p 00000000 00:00 0                          [rollup]
Rss:                1696 kB
Pss:                 565 kB
Pss_Dirty:           112 kB
Pss_Anon:            112 kB
Shared_Clean:       1448 kB
Shared_Dirty:          0 kB
Private_Clean:       136 kB
Private_Dirty:       112 kB
Anonymous:           100 kB
Private_Hugetlb:       0 kB
";

    #[test]
    fn kilobytes_are_read() {
        let [proportional_bytes, private_bytes, anonymous_bytes] = [565, 248, 100].map(|kilobytes| kilobytes * 1024);
        let expected = ProcessMemory { proportional_bytes, private_bytes, anonymous_bytes };
        assert_eq!(ProcessMemory::parse(ROLLUP), Some(expected));
        // A kernel without some of it, or a file that was cut.
        assert_eq!(ProcessMemory::parse(&ROLLUP.replace("Private_Dirty", "Other")), None);
        assert_eq!(ProcessMemory::parse(""), None);
        assert_eq!(bytes("VmPeak:\t    900 kB\nVmHWM:\t    2068 kB\n", "VmHWM:"), Some(2068 * 1024));
        assert_eq!(bytes("VmHWM:\tmuch\n", "VmHWM:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_taken_is_seen() {
        const TAKEN: usize = 32 << 20;
        let own = std::process::id();
        let before = ProcessMemory::of(own).unwrap();
        let taken = vec![1_u8; TAKEN];
        let after = ProcessMemory::of(own).unwrap();
        assert!(after.private_bytes >= before.private_bytes + taken.len() as u64 / 2, "{before:?} {after:?}");
        assert!(after.proportional_bytes >= after.private_bytes, "{after:?}");
        assert!(peak_bytes(own).unwrap() >= after.private_bytes);
    }

    #[test]
    fn a_process_that_there_is_not_takes_nothing_that_could_be_told() {
        assert_eq!((ProcessMemory::of(u32::MAX), peak_bytes(u32::MAX)), (None, None));
    }
}
