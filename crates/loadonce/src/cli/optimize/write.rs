//! The files of the model that is written: the graph, the weights, what its user wrote beside them, and checksums.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use loadonce_core::spec::hex;
use loadonce_core::{LoadError, LoadErrorKind, ModelSpec, Progress};
use loadonce_engines::onnx::{Layout, OnnxFile, Summary};
use sha2::{Digest as _, Sha256};

use super::flags::{Graph, OptimizeFlags};
use super::keys::{self, Key};
use super::place::{Place, unwritable};
use super::rewriting::Rewriting;
use crate::InstalledEngines;
use crate::cli::Failure;
use crate::engines::Preparer;
use crate::repository::files;

const MODEL: &str = "model.onnx";
const WEIGHTS: &str = "model.onnx.data";
const KEYS: &str = "model.toml";
const SUMS: &str = "SHA256SUMS";
const SAMPLES: &str = "samples";

/// Everything that may stand in a folder that this command writes.
pub(super) const FILES: [&str; 5] = [MODEL, WEIGHTS, KEYS, SUMS, SAMPLES];

/// What was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The engine that serves the model, and why.
    pub(super) engine: &'static str,
    pub(super) reason: String,
    /// The draft.
    pub(super) folder: PathBuf,
    /// What became of the graph; nothing where it is as before.
    pub(super) rewriting: Option<Rewriting>,
    /// Tensors in the data file.
    pub(super) tensors: usize,
    /// Bytes of the data file.
    pub(super) data_bytes: u64,
    /// Bytes of the model's file and its data file.
    pub(super) bytes: u64,
    /// Of those before.
    pub(super) former_bytes: u64,
}

/// What is known of the model before.
struct Former {
    summary: Summary,
    bytes: u64,
}

/// Writes the model into drafts: one, or where both forms of its graph are to be tried, one with each, the plain one first.
pub(super) fn write(
    model: (&ModelSpec, &Path),
    engines: &InstalledEngines,
    place: &Place,
    flags: &OptimizeFlags,
) -> Result<Vec<Written>, Failure> {
    let preparer = engines.preparer(model.0).map_err(|error| error.of_model(&model.0.name))?;
    let forms: &[Graph] = match (flags.graph, preparer.rewriter()) {
        (Graph::Optimized, None) => return Err(cannot_rewrite(&preparer, model.0)),
        (Graph::Keep, _) | (_, None) => &[Graph::Keep],
        (Graph::Optimized, Some(_)) => &[Graph::Optimized],
        (Graph::Auto, Some(_)) => &[Graph::Keep, Graph::Optimized],
    };
    forms.iter().map(|form| Draft { model, preparer: &preparer, place, flags }.write(*form)).collect()
}

/// What it takes to write a draft.
struct Draft<'a> {
    model: (&'a ModelSpec, &'a Path),
    preparer: &'a Preparer,
    place: &'a Place,
    flags: &'a OptimizeFlags,
}

impl Draft<'_> {
    /// Writes all files of the model, with its graph in that form.
    fn write(&self, form: Graph) -> Result<Written, Failure> {
        let Self { model: (spec, root), preparer, place, flags } = *self;
        let of_model = |error: LoadError| error.of_model(&spec.name);
        let former = Former::of(spec).map_err(of_model)?;
        let rewriter = preparer.rewriter().filter(|_| form == Graph::Optimized);
        let source = source(preparer, rewriter.is_some(), spec, place)?;
        let folder = place.folder(if rewriter.is_some() { "optimized" } else { "plain" })?;
        let layout = read(&source, spec).and_then(|content| Layout::of(content, &source)).map_err(of_model)?;
        spec.file.release();
        let sha1 = write_weights(&layout, &folder.join(WEIGHTS))?;
        let model = layout.model(WEIGHTS, flags.checksum_weights.then_some(sha1.as_str())).map_err(of_model)?;
        let model = Bytes::from(model);
        write_file(&folder.join(MODEL), &model)?;
        let summary = OnnxFile::parse(model.clone(), &folder.join(MODEL)).map_err(of_model)?.summary();
        let written = Written {
            engine: preparer.engine,
            reason: preparer.reason.clone(),
            folder: folder.clone(),
            rewriting: rewriter.map(|by| Rewriting::new(by, &former.summary, &summary)),
            tensors: layout.parts().len(),
            data_bytes: layout.data_bytes(),
            bytes: model.len() as u64 + layout.data_bytes(),
            former_bytes: former.bytes,
        };
        write_keys((spec, root), &folder, &model, &written)?;
        copy_samples(root, &folder)?;
        write_sums(&folder)?;
        Ok(written)
    }
}

impl Former {
    fn of(spec: &ModelSpec) -> Result<Self, LoadError> {
        let content = spec.file.read(&Progress::default())?;
        let length = content.len() as u64;
        let file = OnnxFile::parse(content, spec.file.path())?;
        Ok(Self { bytes: length + file.external_data()?.file_bytes(), summary: file.summary() })
    }
}

fn cannot_rewrite(preparer: &Preparer, spec: &ModelSpec) -> Failure {
    let message = format!(
        "model '{}': --graph optimized is for engines that rewrite a graph, but its engine would be {} ({}); leave it out, \
         or name another engine in model.toml",
        spec.name, preparer.engine, preparer.reason
    );
    Failure::new(LoadErrorKind::Configuration.into(), message)
}

/// The file whose weights are laid out anew.
fn source(preparer: &Preparer, is_rewritten: bool, spec: &ModelSpec, place: &Place) -> Result<PathBuf, Failure> {
    if is_rewritten {
        // It reads the file itself.
        spec.file.release();
        let rewritten = preparer.rewrite(spec, &place.scratch()?).map_err(|error| error.of_model(&spec.name))?;
        if let Some(rewritten) = rewritten {
            return Ok(rewritten);
        }
    }
    Ok(spec.file.path().to_owned())
}

fn read(source: &Path, spec: &ModelSpec) -> Result<Bytes, LoadError> {
    if source == spec.file.path() {
        return spec.file.read(&Progress::default());
    }
    let unreadable =
        |error| LoadError::new(LoadErrorKind::Internal, "cannot read the rewritten graph").caused_by(error);
    fs::read(source).map(Bytes::from).map_err(|error: io::Error| unreadable(error).at(source))
}

/// Writes the data file, if there are data; gives its SHA-1.
fn write_weights(layout: &Layout, path: &Path) -> Result<String, Failure> {
    if layout.parts().is_empty() {
        return Ok(String::new());
    }
    let write = || {
        let mut file = File::create(path)?;
        let sha1 = layout.write_data(&mut file)?;
        // What is renamed into its place is on the disk.
        file.sync_all()?;
        Ok(sha1)
    };
    write().map_err(|error| unwritable(path, &error))
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || {
        fs::write(path, content)?;
        File::open(path)?.sync_all()
    };
    write().map_err(|error| unwritable(path, &error))
}

/// `model.toml` as its user wrote it, with the checksum of the new file, and what else the new folder would not say.
fn write_keys(
    (spec, root): (&ModelSpec, &Path),
    folder: &Path,
    model: &[u8],
    written: &Written,
) -> Result<(), Failure> {
    let former = root.join(KEYS);
    let text = match fs::read_to_string(&former) {
        Ok(text) => text,
        // A file of its own has none either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => String::new(),
        Err(error) => return Err(unwritable(&former, &error)),
    };
    let key = |name, value, comment| Key { name, value, comment };
    let checksum = format!("sha256:{}", hex(&Sha256::digest(model)));
    let mut set = vec![key("checksum", checksum, format!("of {MODEL}"))];
    if let Some(rewriting) = written.rewriting.as_ref().filter(|rewriting| rewriting.binds()) {
        let comment = format!("its graph was rewritten by {}, and runs on no other engine", rewriting.by);
        set.push(key("engine", written.engine.to_owned(), comment));
    }
    if spec.version != ModelSpec::new("", "").version {
        set.push(key("version", spec.version.clone(), "of the model that this was made from".to_owned()));
    }
    write_file(&folder.join(KEYS), keys::set(&text, &set).as_bytes())
}

fn copy_samples(root: &Path, folder: &Path) -> Result<(), Failure> {
    for path in files(&root.join(SAMPLES)).keys() {
        let Ok(name) = path.strip_prefix(root) else { continue };
        let target = folder.join(name);
        let copied = target.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(path, &target));
        copied.map_err(|error| unwritable(&target, &error))?;
    }
    Ok(())
}

/// A list for `sha256sum --check`.
fn write_sums(folder: &Path) -> Result<(), Failure> {
    let mut sums = String::new();
    for name in [MODEL, WEIGHTS].into_iter().filter(|name| folder.join(name).exists()) {
        let path = folder.join(name);
        let hash = || {
            let mut hasher = Hasher(Sha256::new());
            io::copy(&mut File::open(&path)?, &mut hasher)?;
            Ok(hex(&hasher.0.finalize()))
        };
        let hash = hash().map_err(|error| unwritable(&path, &error))?;
        let _ = writeln!(sums, "{hash}  {name}");
    }
    write_file(&folder.join(SUMS), sums.as_bytes())
}

struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
