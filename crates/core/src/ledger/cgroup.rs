//! What control groups allow this process to take (`cgroups(7)`; the kernel's `cgroup-v2.rst`, "Memory Interface Files";
//! `cgroup-v1/memory.rst`).
//!
//! A limit holds for a group and all below it, so that the least one on the way up to the mount counts.

use std::fs;
use std::path::{Path, PathBuf};

/// Memory that the control groups of this process allow, and that one of them has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlGroup {
    /// Bytes past which the kernel ends processes: the least `memory.max`, or `memory.limit_in_bytes` of version 1.
    pub max: Option<u64>,
    /// Bytes past which it slows them down: the least `memory.high`; version 1 has none.
    pub high: Option<u64>,
    /// Bytes that are taken in the group with the least `max`; in the process's own where none has one.
    pub current: Option<u64>,
    /// The most that ever were.
    pub peak: Option<u64>,
}

/// Names of the files, `None` for what a version does not have.
struct Files {
    max: &'static str,
    high: Option<&'static str>,
    current: &'static str,
    peak: &'static str,
}

const VERSION_1: Files = Files {
    max: "memory.limit_in_bytes",
    high: None,
    current: "memory.usage_in_bytes",
    peak: "memory.max_usage_in_bytes",
};

const VERSION_2: Files =
    Files { max: "memory.max", high: Some("memory.high"), current: "memory.current", peak: "memory.peak" };

/// Version 1 says so much where there is no limit: the largest number of whole pages, whatever their size.
const NO_LIMIT: u64 = 1 << 62;

/// Where the groups of a process are.
struct Place {
    files: Files,
    mount: PathBuf,
    /// The process's own, at or below the mount.
    own: PathBuf,
}

impl ControlGroup {
    /// Those of this process; `None` where they cannot be seen.
    pub fn of_this_process() -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        Place::find(&read("cgroup")?, &read("mountinfo")?)?.read()
    }
}

impl Place {
    /// `cgroup` has lines `ID:CONTROLLERS:PATH`, which are none of version 2 where a controller is one of version 1.
    fn find(cgroup: &str, mountinfo: &str) -> Option<Self> {
        let groups = || cgroup.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let old = groups().find(|(controllers, _)| controllers.split(',').any(|name| name == "memory"));
        let (files, path, is_ours): (_, _, fn(&str, &str) -> bool) = match old {
            Some((_, path)) => (VERSION_1, path, |kind, options| kind == "cgroup" && options == "memory"),
            None => {
                (VERSION_2, groups().find(|(controllers, _)| controllers.is_empty())?.1, |kind, _| kind == "cgroup2")
            }
        };
        let (root, mount) = mountinfo.lines().find_map(|line| mounted(line, is_ours))?;
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some(Self { files, own: Path::new(mount).join(below), mount: mount.into() })
    }

    fn read(&self) -> Option<ControlGroup> {
        let above = |group: &&Path| group.starts_with(&self.mount);
        let groups: Vec<_> = self.own.ancestors().take_while(above).collect();
        let number = |group: &Path, file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        let limit = |group: &Path, file: &str| number(group, file).filter(|bytes| *bytes < NO_LIMIT);
        let least =
            groups.iter().filter_map(|group| Some((limit(group, self.files.max)?, *group))).min_by_key(|(max, _)| *max);
        let high = self.files.high.and_then(|file| groups.iter().filter_map(|group| limit(group, file)).min());
        let counted = least.map_or(&*self.own, |(_, group)| group);
        let current = number(counted, self.files.current);
        let found =
            ControlGroup { max: least.map(|(max, _)| max), high, current, peak: number(counted, self.files.peak) };
        (found.max.is_some() || current.is_some()).then_some(found)
    }
}

/// Root and place of a mount, if it is wanted by its kind and one of its options. The fields before ` - ` are ID, parent,
/// device, root, place and more, those behind it are kind, source and options.
fn mounted(line: &str, is_wanted: fn(&str, &str) -> bool) -> Option<(&str, &str)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let mut kind = kind.split(' ');
    let (name, options) = (kind.next()?, kind.nth(1)?);
    let found = (place.next()?, place.next()?);
    options.split(',').any(|option| is_wanted(name, option)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 /docker/4f /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    fn place(cgroup: &str, mountinfo: &str) -> Option<(PathBuf, PathBuf, &'static str)> {
        Place::find(cgroup, mountinfo).map(|place| (place.mount, place.own, place.files.max))
    }

    #[test]
    fn the_groups_are_found_of_either_version() {
        let old = "9:name=systemd:/\n4:memory,hugetlb:/docker/4f/a:b\n1:cpu:/\n0::/\n";
        let memory = PathBuf::from("/sys/fs/cgroup/memory");
        assert_eq!(place(old, MOUNTS), Some((memory.clone(), memory.join("a:b"), "memory.limit_in_bytes")));
        let new = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
        let own = PathBuf::from("/sys/fs/cgroup/user.slice/one.scope");
        let found = place("0::/user.slice/one.scope\n", new);
        assert_eq!(found, Some((PathBuf::from("/sys/fs/cgroup"), own, "memory.max")));
        // Out of the part that is mounted, and not mounted at all.
        assert_eq!((place("4:memory:/other\n", MOUNTS), place(old, new), place("", MOUNTS)), (None, None, None));
    }

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().to_owned();
        let own = mount.join("pod/container");
        fs::create_dir_all(&own).unwrap();
        let write = |group: &Path, files: &[(&str, &str)]| {
            for (name, text) in files {
                fs::write(group.join(name), text).unwrap();
            }
        };
        write(&own, &[("memory.max", "max\n"), ("memory.high", "900\n"), ("memory.current", "10\n")]);
        let place = Place { files: VERSION_2, mount: mount.clone(), own };
        let unlimited = ControlGroup { max: None, high: Some(900), current: Some(10), peak: None };
        assert_eq!(place.read(), Some(unlimited));
        let pod =
            [("memory.max", "1000\n"), ("memory.high", "max\n"), ("memory.current", "20\n"), ("memory.peak", "30\n")];
        write(&mount.join("pod"), &pod);
        write(&mount, &[("memory.max", "2000\n"), ("memory.current", "50\n")]);
        let limited = ControlGroup { max: Some(1000), high: Some(900), current: Some(20), peak: Some(30) };
        assert_eq!(place.read(), Some(limited));
    }

    #[test]
    fn version_1_says_that_there_is_no_limit_by_a_large_one() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().to_owned();
        fs::write(own.join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        let place = Place { files: VERSION_1, mount: own.clone(), own: own.clone() };
        assert_eq!(place.read(), None);
        fs::write(own.join("memory.usage_in_bytes"), "7\n").unwrap();
        assert_eq!(place.read(), Some(ControlGroup { max: None, high: None, current: Some(7), peak: None }));
    }
}
