//! The files of a model, without what does not belong to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders below a model's that are looked into.
const DEPTH: usize = 4;

/// Files of one model that are looked at.
const MOST_FILES: usize = 1000;

/// A file as the disk has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it was written last.
    pub modified: Option<SystemTime>,
    /// Bytes.
    pub length: u64,
}

/// The files in a model's folder, or its only file. What cannot be read is not there; hidden files are not the model's,
/// nor is what Python or an editor leaves behind, nor an environment of Python.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Stamp> {
    let mut files = BTreeMap::new();
    collect(root, DEPTH, &mut files);
    files
}

fn collect(path: &Path, depth: usize, files: &mut BTreeMap<PathBuf, Stamp>) {
    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.is_file() && files.len() < MOST_FILES {
        files.insert(path.to_owned(), Stamp { modified: metadata.modified().ok(), length: metadata.len() });
    }
    if !metadata.is_dir() || depth == 0 || path.join("pyvenv.cfg").exists() {
        return;
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten().map(|entry| entry.path()).filter(|entry| is_of_the_model(entry)) {
        collect(&entry, depth - 1, files);
    }
}

fn is_of_the_model(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.') && !name.ends_with('~') && name != "__pycache__"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_own_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["model.py", "text/words.py", "__pycache__/model.pyc", ".git/x", "venv/pyvenv.cfg", "venv/x.py"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "12").unwrap();
        }
        let found = files(folder.path());
        let names: Vec<_> = found.keys().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, [Path::new("model.py"), Path::new("text/words.py")]);
        assert!(found.values().all(|stamp| stamp.length == 2));
        assert_eq!(files(&folder.path().join("model.py")).len(), 1);
        assert!(files(&folder.path().join("none")).is_empty());
    }
}
