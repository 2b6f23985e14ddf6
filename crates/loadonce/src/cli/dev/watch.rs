//! What a model's files look like, and when they have changed: pure but for the look itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::repository::{Stamp, files};

/// The files of a model at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look(BTreeMap<PathBuf, Stamp>);

/// A model's files as they were when it was loaded, and when they were last looked at.
#[derive(Debug)]
pub(super) struct Watched {
    loaded: Look,
    last: Look,
}

impl Watched {
    /// The files of a model that was loaded from them.
    pub(super) fn new(loaded: Look) -> Self {
        Self { last: loaded.clone(), loaded }
    }

    /// The files that have changed since the model was loaded, once they change no more: an editor writes in steps. The
    /// model is then taken to be loaded from what is there now.
    pub(super) fn changed(&mut self, now: Look) -> Option<Vec<PathBuf>> {
        let is_still = now == self.last;
        self.last = now;
        if !is_still || self.last == self.loaded {
            return None;
        }
        let former = std::mem::replace(&mut self.loaded, self.last.clone());
        Some(former.differences(&self.loaded))
    }
}

impl Look {
    /// Looks at a model's folder, or at its only file.
    pub(super) fn at(root: &Path) -> Self {
        Self(files(root))
    }

    fn differences(&self, other: &Self) -> Vec<PathBuf> {
        let changed = other.0.iter().filter(|(path, stamp)| self.0.get(*path) != Some(stamp)).map(|(path, _)| path);
        let gone = self.0.keys().filter(|path| !other.0.contains_key(*path));
        changed.chain(gone).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(files: &[(&str, u64)]) -> Look {
        let stamp = |length| Stamp { modified: None, length };
        Look(files.iter().map(|(path, length)| (PathBuf::from(path), stamp(*length))).collect())
    }

    #[test]
    fn a_change_is_told_once_and_when_it_is_over() {
        let mut watched = Watched::new(look(&[("model.py", 1), ("old.py", 1)]));
        assert_eq!(watched.changed(look(&[("model.py", 1), ("old.py", 1)])), None);
        assert_eq!(watched.changed(look(&[("model.py", 0), ("old.py", 1)])), None, "it is being written");
        let after = || look(&[("model.py", 2), ("model.toml", 1)]);
        assert_eq!(watched.changed(after()), None);
        let changed = ["model.py", "model.toml", "old.py"].map(PathBuf::from);
        assert_eq!(watched.changed(after()).as_deref(), Some(changed.as_slice()));
        assert_eq!(watched.changed(after()), None);
    }

    #[test]
    fn what_is_changed_and_changed_back_is_no_change() {
        let mut watched = Watched::new(look(&[("model.py", 1)]));
        assert_eq!(watched.changed(look(&[])), None);
        assert_eq!(watched.changed(look(&[("model.py", 1)])), None);
        assert_eq!(watched.changed(look(&[("model.py", 1)])), None);
    }
}
