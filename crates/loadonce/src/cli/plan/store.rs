//! What models were measured to take, kept in the user's state folder: one file for each model's place on disk.
//!
//! A record is good as long as the model's files are the same (by size and time, else by content), and so are the engines
//! that there are, the program, and the number of sessions.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use loadonce_core::ModelSpec;
use loadonce_core::plan::{Need, Source};
use loadonce_core::spec::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::InstalledEngines;
use crate::cli::Settings;
use crate::repository::{Stamp, files};

/// What one model took when it was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) engine: String,
    pub(super) resident_bytes: u64,
    pub(super) peak_bytes: u64,
    pub(super) copies: usize,
    pub(super) sessions: usize,
    pub(super) run_threads: usize,
}

/// Size and time of writing, in nanoseconds since 1970, of files.
type Stamps = BTreeMap<String, (u64, u64)>;

/// A measurement, and what it holds for.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    circumstances: String,
    files: Stamps,
    /// SHA-256 of all of them.
    content: String,
    measured: Measured,
}

/// The records of a user.
#[derive(Debug)]
pub(super) struct Store {
    folder: Option<PathBuf>,
    /// Program, engines and cores.
    circumstances: String,
}

impl Store {
    /// The records in the state folder; none are kept where there is no such folder.
    pub(super) fn of(settings: &Settings, engines: &InstalledEngines) -> Self {
        let mut circumstances = format!("loadonce {}, {} cores", env!("CARGO_PKG_VERSION"), settings.cores);
        if let Some(library) = engines.library() {
            // What it is for its version, without opening it.
            let length = fs::metadata(library).map_or(0, |metadata| metadata.len());
            let _ = write!(circumstances, ", {} of {length} bytes", library.display());
        }
        Self { folder: settings.state.as_ref().map(|state| state.join("measured")), circumstances }
    }

    /// What a model took, if it is still the same.
    pub(super) fn look(&self, spec: &ModelSpec, root: &Path) -> Option<Measured> {
        let text = fs::read_to_string(self.file(root)?).ok()?;
        let record: Record = serde_json::from_str(&text).ok()?;
        let weights = weights(root);
        let now = stamps(&weights);
        // Other lengths are other contents, which need not be read.
        let has_lengths = || lengths(&record.files).eq(lengths(&now));
        let is_same = record.circumstances == self.circumstances_of(spec)
            && (record.files == now
                || has_lengths() && content(root, &weights).is_ok_and(|content| content == record.content));
        is_same.then_some(record.measured)
    }

    /// Keeps what a model took; nothing where there is no folder for it.
    pub(super) fn keep(&self, spec: &ModelSpec, root: &Path, measured: Measured) -> io::Result<()> {
        let Some(file) = self.file(root) else { return Ok(()) };
        let (circumstances, weights) = (self.circumstances_of(spec), weights(root));
        let (files, content) = (stamps(&weights), content(root, &weights)?);
        let record = Record { circumstances, files, content, measured };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, serde_json::to_vec_pretty(&record)?)
    }

    fn circumstances_of(&self, spec: &ModelSpec) -> String {
        let sessions =
            spec.limits.sessions.map_or_else(|| "as many as fit".to_owned(), |sessions| sessions.to_string());
        format!("{}, {sessions} sessions", self.circumstances)
    }

    /// Named after the place of the model.
    fn file(&self, root: &Path) -> Option<PathBuf> {
        let place = fs::canonicalize(root).ok()?;
        let name = hex(Sha256::digest(place.as_os_str().as_encoded_bytes()).as_slice());
        Some(self.folder.as_ref()?.join(format!("{}.json", &name[..32])))
    }
}

/// Files by their paths.
pub(super) type Weights = BTreeMap<PathBuf, Stamp>;

impl Measured {
    pub(super) fn need(&self) -> Need {
        let resident = self.resident_bytes;
        Need { resident, peak: self.peak_bytes.max(resident), source: Source::Measured }
    }
}

/// The files that decide what a model takes: not its samples.
pub(super) fn weights(root: &Path) -> Weights {
    let samples = root.join("samples");
    files(root).into_iter().filter(|(path, _)| !path.starts_with(&samples)).collect()
}

fn lengths(stamps: &Stamps) -> impl Iterator<Item = u64> + '_ {
    stamps.values().map(|(length, _)| *length)
}

fn stamps(weights: &Weights) -> Stamps {
    let stamp = |(path, stamp): (&PathBuf, &Stamp)| {
        let since = stamp.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let nanoseconds = since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        (path.display().to_string(), (stamp.length, nanoseconds))
    };
    weights.iter().map(stamp).collect()
}

fn content(root: &Path, weights: &Weights) -> io::Result<String> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    for path in weights.keys() {
        digest.update(path.strip_prefix(root).unwrap_or(path).as_os_str().as_encoded_bytes());
        let mut file = fs::File::open(path)?;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
        }
    }
    Ok(hex(digest.finalize().as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path, cores: usize) -> Store {
        let mut settings = Settings::default();
        (settings.state, settings.cores) = (Some(folder.join("state")), cores);
        Store::of(&settings, &InstalledEngines::default())
    }

    #[test]
    fn a_record_holds_while_nothing_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("m");
        fs::create_dir_all(root.join("samples")).unwrap();
        fs::write(root.join("model.onnx"), "weights").unwrap();
        let spec = ModelSpec::new("m", root.join("model.onnx"));
        let measured = Measured {
            engine: "tabular".to_owned(),
            resident_bytes: 10,
            peak_bytes: 20,
            copies: 1,
            sessions: 2,
            run_threads: 1,
        };
        let kept = store(folder.path(), 2);
        assert_eq!(kept.look(&spec, &root), None);
        kept.keep(&spec, &root, measured.clone()).unwrap();
        assert_eq!(kept.look(&spec, &root), Some(measured.clone()));
        // A copy of the same content, and a sample, change nothing.
        fs::write(root.join("model.onnx"), "weights").unwrap();
        fs::write(root.join("samples/one.json"), "{}").unwrap();
        assert_eq!(kept.look(&spec, &root), Some(measured));
        assert_eq!(store(folder.path(), 4).look(&spec, &root), None, "more cores, more sessions");
        fs::write(root.join("model.onnx"), "WEIGHTS").unwrap();
        assert_eq!(kept.look(&spec, &root), None);
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        fs::write(&file, "weights").unwrap();
        let store = Store::of(&Settings::default(), &InstalledEngines::default());
        let measured = Measured {
            engine: String::new(),
            resident_bytes: 1,
            peak_bytes: 1,
            copies: 1,
            sessions: 1,
            run_threads: 1,
        };
        let spec = ModelSpec::new("m", &file);
        store.keep(&spec, &file, measured).unwrap();
        assert_eq!(store.look(&spec, &file), None);
    }
}
