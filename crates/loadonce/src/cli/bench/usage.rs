//! What processes of this machine spend, as Linux tells it in `/proc` (`proc_pid_stat(5)`).

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use loadonce_core::ledger::{ProcessMemory, peak_bytes};

use super::endpoint::Socket;

/// Processes that are one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Processes(Vec<u32>);

/// A look at processes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    at: Instant,
    /// Of all threads, in user mode and in the kernel.
    cpu: Duration,
    /// Bytes, with a share of what they have in common with others (PSS).
    memory: u64,
    /// Bytes of the largest working set until then, summed over the processes.
    peak: u64,
}

/// What was spent between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spent {
    /// Cores that were busy on average.
    pub(super) cores: f64,
    pub(super) cpu_per_request: Option<Duration>,
    pub(super) memory: u64,
    pub(super) peak: u64,
}

impl Processes {
    /// This process.
    pub(super) fn own() -> Self {
        Self(vec![std::process::id()])
    }

    /// A child.
    pub(super) fn one(pid: u32) -> Self {
        Self(vec![pid])
    }

    /// Who listens there: processes of this machine whose sockets may be looked at; none for another machine's address.
    pub(super) fn listening(socket: &Socket) -> Self {
        let inodes = match socket {
            Socket::Tcp(address) if address.ip().is_loopback() => tcp_inodes(*address),
            Socket::Tcp(_) => BTreeSet::new(),
            Socket::Unix(path) => unix_inodes(path),
        };
        if inodes.is_empty() { Self::default() } else { Self(holders(&inodes)) }
    }

    /// Names and numbers, for people: `loadonce 1234`.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |pid: &u32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            format!("{} {pid}", name.trim())
        };
        self.0.iter().map(name).collect()
    }

    /// Their numbers.
    pub(super) fn pids(&self) -> &[u32] {
        &self.0
    }

    /// What they have spent until now; nothing when one of them cannot be looked at.
    pub(super) fn usage(&self) -> Option<Usage> {
        let start = Usage { at: Instant::now(), cpu: Duration::ZERO, memory: 0, peak: 0 };
        let sum = |sum: Usage, pid: &u32| {
            Some(Usage {
                cpu: sum.cpu + cpu(*pid)?,
                memory: sum.memory + ProcessMemory::of(*pid)?.proportional_bytes,
                peak: sum.peak + peak_bytes(*pid)?,
                ..sum
            })
        };
        if self.0.is_empty() { None } else { self.0.iter().try_fold(start, sum) }
    }
}

impl Spent {
    /// The difference of two looks, of which the second tells the memory.
    pub(super) fn between(before: Option<Usage>, after: Option<Usage>, requests: u64) -> Option<Self> {
        let (before, after) = (before?, after?);
        let time = after.at.saturating_duration_since(before.at).as_secs_f64();
        let cpu = after.cpu.saturating_sub(before.cpu);
        let per_request = u32::try_from(requests).ok().and_then(|requests| cpu.checked_div(requests));
        let cores = if time > 0.0 { cpu.as_secs_f64() / time } else { 0.0 };
        Some(Self { cores, cpu_per_request: per_request, memory: after.memory, peak: after.peak })
    }
}

/// Fields 14 and 15 of `stat`: user and system time in ticks. The second field may hold anything, in parentheses.
fn cpu(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let behind_name = stat.rsplit_once(')')?.1;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    let ticks = ticks()?.checked_add(ticks()?)?;
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Duration::from_secs(1).checked_mul(ticks)?.checked_div(per_second)
}

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The flag of a listening socket in `/proc/net/unix`.
const ACCEPTS: u32 = 0x0001_0000;

fn tcp_inodes(address: SocketAddr) -> BTreeSet<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).filter_map(|line| tcp_inode(line, address)).collect()
}

/// The inode of a line, if it is of a socket that listens there or on all addresses.
fn tcp_inode(line: &str, wanted: SocketAddr) -> Option<u64> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (ip, port) = local.split_once(':')?;
    let ip = hex_address(ip)?;
    let is_there = ip == wanted.ip() || ip.is_unspecified();
    let is_it = *state == LISTENING && u16::from_str_radix(port, 16) == Ok(wanted.port()) && is_there;
    if is_it { inode.parse().ok() } else { None }
}

/// Words of four bytes in the machine's order.
fn hex_address(text: &str) -> Option<IpAddr> {
    let word = |position: usize| u32::from_str_radix(text.get(8 * position..8 * position + 8)?, 16).ok();
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?.to_ne_bytes()).into()),
        32 => {
            let mut octets = [0; 16];
            for (position, place) in octets.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(position)?.to_ne_bytes());
            }
            Some(Ipv6Addr::from(octets).to_canonical())
        }
        _ => None,
    }
}

fn unix_inodes(path: &Path) -> BTreeSet<u64> {
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let wanted = fs::canonicalize(path).ok();
    let inode = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let accepts = u32::from_str_radix(fields.get(3)?, 16).ok()? & ACCEPTS != 0;
        let is_it = accepts && fs::canonicalize(fields.get(7)?).ok() == wanted;
        if is_it { fields.get(6)?.parse().ok() } else { None }
    };
    if wanted.is_none() { BTreeSet::new() } else { table.lines().filter_map(inode).collect() }
}

/// Processes that have one of these sockets open.
fn holders(inodes: &BTreeSet<u64>) -> Vec<u32> {
    let links: BTreeSet<_> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| has_open(*pid, &links)).collect()
}

fn has_open(pid: u32, links: &BTreeSet<String>) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|link| link.to_str().is_some_and(|link| links.contains(link)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn whoever_listens_is_found_by_the_socket() {
        let ours = vec![std::process::id()];
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            let host = if address.contains("::") { "[::1]" } else { "127.0.0.1" };
            let asked = format!("{host}:{port}").parse().unwrap();
            assert_eq!(Processes::listening(&Socket::Tcp(asked)).0, ours, "{address}");
            drop(listener);
            assert_eq!(Processes::listening(&Socket::Tcp(asked)), Processes::default(), "{address}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(Processes::listening(&Socket::Unix(path)).0, ours);
        let elsewhere = "192.0.2.1:80".parse().unwrap();
        assert_eq!(Processes::listening(&Socket::Tcp(elsewhere)), Processes::default());
    }

    #[test]
    fn what_is_spent_is_a_difference() {
        let before = Processes::own().usage().unwrap();
        assert!(before.memory > 0 && before.peak >= before.memory / 2, "{before:?}");
        let after = Usage {
            at: before.at + Duration::from_secs(2),
            cpu: before.cpu + Duration::from_secs(3),
            memory: 7,
            peak: 9,
        };
        let spent = Spent::between(Some(before), Some(after), 1000).unwrap();
        let per_request = Some(Duration::from_millis(3));
        assert_eq!(spent, Spent { cores: 1.5, cpu_per_request: per_request, memory: 7, peak: 9 });
        assert_eq!(Spent::between(Some(before), Some(after), 0).unwrap().cpu_per_request, None);
        assert_eq!(Spent::between(None, Some(after), 1), None);
        assert!(Processes(vec![u32::MAX]).usage().is_none());
    }

    #[test]
    fn time_passes_for_who_works() {
        let started = cpu(std::process::id()).unwrap();
        while cpu(std::process::id()).unwrap() == started {}
    }
}
