//! Weights in files beside the model: which bytes of which file each tensor takes, checked before anybody reads them.
//!
//! The format is that of the ONNX documents, "External Data": a tensor names a `location` (a path relative to the
//! model's folder, without `..`), and may name `offset` and `length` in bytes and a `checksum` (SHA-1 of the file).
//!
//! A model may read nothing but its own files: what it reads can come out in its answers. With all links resolved, a
//! data file must lie in the folder of the model's path or in the folder where the model's own link ends. The first
//! holds for plain folders and for volumes of Kubernetes, whose links stay within; the second for the cache of Hugging
//! Face, which links every file of a model into one folder of blobs. ONNX Runtime follows the same rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::{LoadError, LoadErrorKind, Progress};
use sha1::{Digest as _, Sha1};

use super::constants::{self, Constant};
use super::proto::TensorProto;
use super::{OnnxFile, types};

/// The data files of a model and the part of them that each tensor takes; empty for a model in one file.
#[derive(Clone, Debug, Default)]
pub struct ExternalData {
    files: BTreeMap<String, Arc<DataFile>>,
    tensors: Vec<ExternalTensor>,
}

/// A data file, which was there when it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// The path as the model names it.
    pub location: String,
    /// Where that is, with all links resolved.
    pub path: PathBuf,
    /// Its size in bytes.
    pub length: u64,
}

/// A tensor whose elements lie in a data file. `offset + length` is not beyond that file's end, and `length` is what
/// the tensor's shape and type ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalTensor {
    /// The tensor's name; often empty for one in an attribute.
    pub name: String,
    /// The file.
    pub file: Arc<DataFile>,
    /// The first byte.
    pub offset: u64,
    /// The number of bytes.
    pub length: u64,
}

impl OnnxFile {
    /// Finds and checks the data files and the tensors in them, those of attributes, nested graphs and functions too.
    /// Nothing is read, but for a file whose tensors give its checksum.
    ///
    /// # Errors
    /// [`LoadErrorKind::Corrupt`] for a file that is missing, that is not the model's own or not a regular file, that
    /// is too short or has another checksum, and for entries that contradict the tensor or cannot be read.
    pub fn external_data(&self) -> Result<ExternalData, LoadError> {
        let mut checker = Checker::new(self.path());
        for constant in constants::constants(self.graph(), &self.model.functions) {
            if constant.tensor.is_external() {
                checker.add(constant).map_err(|error| error.at(self.path()))?;
            }
        }
        Ok(checker.data)
    }

    /// The model with the elements of its data files in its tensors, as if it were one file. Each data file is read
    /// once, as far as tensors lie in it, and the tensors share what was read. Functions keep theirs outside.
    ///
    /// # Errors
    /// Those of [`OnnxFile::external_data`], [`LoadErrorKind::DoesNotFit`] if there is no memory for the data, and
    /// [`LoadErrorKind::Internal`] if the load was cancelled.
    pub fn with_external_data(self, progress: &Progress) -> Result<Self, LoadError> {
        let external = self.external_data()?;
        let contents = external.read(progress)?;
        self.change_external(&external, |tensor, place| {
            let (first, content) = contents.get(place.file.location.as_str()).ok_or_else(|| unchecked(tensor))?;
            let elements = place.range(*first).filter(|range| range.end <= content.len());
            tensor.hold(content.slice(elements.ok_or_else(|| unchecked(tensor))?));
            Ok(())
        })
    }

    /// Changes every tensor that has its elements in a data file, but for those of functions.
    pub(crate) fn change_external(
        mut self,
        external: &ExternalData,
        mut change: impl FnMut(&mut TensorProto, &ExternalTensor) -> Result<(), LoadError>,
    ) -> Result<Self, LoadError> {
        let change = &mut |tensor: &mut TensorProto| {
            if !tensor.is_external() {
                return Ok(());
            }
            let place = external.place_of(tensor).ok_or_else(|| unchecked(tensor))?;
            change(tensor, &place)
        };
        constants::try_change(&mut self.graph, change).map_err(|error| error.at(&self.path))?;
        Ok(self)
    }
}

/// Cannot be: data files are checked before anybody asks for what is in them.
fn unchecked(tensor: &TensorProto) -> LoadError {
    let detail = format!("tensor '{}' is not in the data that was checked", tensor.name_str());
    LoadError::new(LoadErrorKind::Internal, detail)
}

impl ExternalData {
    /// Whether the model is in one file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The data files, in the order of their locations.
    pub fn files(&self) -> impl Iterator<Item = &Arc<DataFile>> {
        self.files.values()
    }

    /// The tensors, in the file's order.
    pub fn tensors(&self) -> &[ExternalTensor] {
        &self.tensors
    }

    /// Size of all data files in bytes.
    pub fn file_bytes(&self) -> u64 {
        // A file may have several locations, such as 'a.data' and './a.data'.
        let files: BTreeMap<&Path, u64> = self.files.values().map(|file| (&*file.path, file.length)).collect();
        files.into_values().fold(0, u64::saturating_add)
    }

    /// Where that tensor's elements lie; `None` for one that was not checked.
    pub(super) fn place_of(&self, tensor: &TensorProto) -> Option<ExternalTensor> {
        let entries = Entries::of(tensor).ok()?;
        let file = Arc::clone(self.files.get(entries.location)?);
        let length = byte_length(tensor).ok()?;
        Some(ExternalTensor { name: tensor.name_str().to_owned(), file, offset: entries.offset, length })
    }

    /// What tensors use of each location: where in the file that begins, and the bytes.
    fn read(&self, progress: &Progress) -> Result<BTreeMap<&str, (u64, Bytes)>, LoadError> {
        let mut parts: BTreeMap<&str, (&DataFile, u64, u64)> = BTreeMap::new();
        for ExternalTensor { file, offset, length, .. } in &self.tensors {
            let end = offset + length;
            let (_, first, last) = parts.entry(&file.location).or_insert((file, *offset, end));
            (*first, *last) = ((*first).min(*offset), (*last).max(end));
        }
        let read = |(location, (file, first, last)): (_, (&DataFile, u64, u64))| {
            Ok((location, (first, file.read(first, last - first, progress)?)))
        };
        parts.into_iter().map(read).collect()
    }
}

impl ExternalTensor {
    /// The tensor's bytes in a buffer that holds the file from byte `first` on.
    pub(crate) fn range(&self, first: u64) -> Option<Range<usize>> {
        let start = usize::try_from(self.offset.checked_sub(first)?).ok()?;
        Some(start..start.checked_add(usize::try_from(self.length).ok()?)?)
    }
}

impl DataFile {
    /// Bytes read between two looks at progress and cancellation.
    const CHUNK: u64 = 1 << 20;

    pub(super) fn read(&self, offset: u64, length: u64, progress: &Progress) -> Result<Bytes, LoadError> {
        let unreadable = |error| corrupt("cannot read the data file").at(&self.path).caused_by(error);
        let mut content = Vec::new();
        let room = usize::try_from(length).ok().filter(|&room| content.try_reserve_exact(room).is_ok());
        if room.is_none() {
            let detail = format!("no memory for {length} bytes of weights");
            return Err(LoadError::new(LoadErrorKind::DoesNotFit, detail).at(&self.path));
        }
        let mut file = File::open(&self.path).map_err(unreadable)?;
        file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        progress.expect(length);
        while (content.len() as u64) < length {
            let chunk = Self::CHUNK.min(length - content.len() as u64);
            let read = file.by_ref().take(chunk).read_to_end(&mut content).map_err(unreadable)?;
            if read == 0 {
                return Err(corrupt("the data file became shorter while it was read").at(&self.path));
            }
            progress.advance(read as u64);
            progress.go_on().map_err(|error| error.at(&self.path))?;
        }
        Ok(content.into())
    }

    fn sha1(&self) -> Result<String, std::io::Error> {
        let (mut file, mut hasher, mut chunk) = (File::open(&self.path)?, Sha1::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok(hex(&hasher.finalize())),
                read => hasher.update(&chunk[..read]),
            }
        }
    }
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The entries of `TensorProto.external_data`.
struct Entries<'a> {
    location: &'a str,
    offset: u64,
    length: Option<u64>,
    checksum: Option<&'a str>,
}

impl<'a> Entries<'a> {
    fn of(tensor: &'a TensorProto) -> Result<Self, String> {
        let location = entry(tensor, "location")?.unwrap_or_default();
        let number = |key| match entry(tensor, key)? {
            None | Some("") => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("the {key} of its data is '{text}', expected a number of bytes")),
            },
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        Ok(Self { location, offset, length, checksum: entry(tensor, "checksum")? })
    }
}

/// Readers take either the first or the last of two entries with one key, so what was checked might not be what is read.
fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Result<Option<&'a str>, String> {
    match tensor.external_data.iter().filter(|entry| entry.key.as_deref() == Some(key)).count() {
        0 => Ok(None),
        1 => Ok(tensor.external_entry(key)),
        _ => Err(format!("its data has two entries '{key}'")),
    }
}

/// Bytes that shape and type ask for.
pub(super) fn byte_length(tensor: &TensorProto) -> Result<u64, String> {
    let data_type = tensor.data_type.unwrap_or(0);
    let bits = types::element_bits(data_type).ok_or_else(|| {
        let name = types::data_type_name(data_type);
        format!("elements of {name} cannot be in another file")
    })?;
    let shape = tensor.shape()?;
    let count = shape.element_count().and_then(|count| u64::try_from(count).ok());
    let bits = count.and_then(|count| count.checked_mul(u64::from(bits)));
    bits.map(|bits| bits.div_ceil(8)).ok_or_else(|| format!("shape {shape} is too large to address"))
}

struct Checker<'a> {
    model: &'a Path,
    /// Folders in which data files may lie, with all links resolved; empty before the first file is looked for.
    homes: Vec<PathBuf>,
    checksums: BTreeMap<PathBuf, String>,
    data: ExternalData,
}

impl<'a> Checker<'a> {
    fn new(model: &'a Path) -> Self {
        Self { model, homes: Vec::new(), checksums: BTreeMap::new(), data: ExternalData::default() }
    }

    fn add(&mut self, constant: Constant<'_>) -> Result<(), LoadError> {
        let tensor = constant.tensor;
        let wrong = |detail: String| corrupt(format!("{constant}: {detail}"));
        let entries = Entries::of(tensor).map_err(wrong)?;
        let length = byte_length(tensor).map_err(wrong)?;
        if let Some(claimed) = entries.length.filter(|claimed| *claimed != length) {
            return Err(wrong(format!(
                "its shape and type take {length} bytes, but it claims {claimed} of its data file"
            )));
        }
        let file = self.file(entries.location, &constant)?;
        let end = entries.offset.checked_add(length).filter(|end| *end <= file.length);
        if end.is_none() {
            let (location, offset, size) = (&file.location, entries.offset, file.length);
            let detail = format!("expected {length} bytes from byte {offset} on in '{location}', which has {size}");
            return Err(wrong(detail).advise("fetch the data file again: it is cut short, or of another model"));
        }
        if let Some(expected) = entries.checksum.filter(|checksum| !checksum.is_empty()) {
            self.verify(&file, expected).map_err(|error| error.at(self.model))?;
        }
        let name = tensor.name_str().to_owned();
        self.data.tensors.push(ExternalTensor { name, file, offset: entries.offset, length });
        Ok(())
    }

    fn file(&mut self, location: &str, constant: &Constant<'_>) -> Result<Arc<DataFile>, LoadError> {
        if let Some(file) = self.data.files.get(location) {
            return Ok(Arc::clone(file));
        }
        let file = self.find(location, constant)?;
        self.data.files.insert(location.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn find(&mut self, location: &str, constant: &Constant<'_>) -> Result<Arc<DataFile>, LoadError> {
        check_location(location, constant)?;
        let expected = folder_of(self.model).join(location);
        let path = fs::canonicalize(&expected).map_err(|error| {
            let detail = format!("{constant} is in the data file '{location}', which cannot be opened");
            corrupt(detail).caused_by(error).advise(format!("put the data file at {}", expected.display()))
        })?;
        if !self.homes()?.iter().any(|home| path.starts_with(home)) {
            let detail = format!("{constant} is in '{location}', a link that leads out of the model's folder");
            return Err(corrupt(detail).advise("put the data file itself beside the model"));
        }
        let metadata = fs::metadata(&path).map_err(|error| corrupt("cannot read the data file").caused_by(error))?;
        if !metadata.is_file() {
            let detail = format!("{constant} is in '{location}', which is no regular file");
            return Err(corrupt(detail).advise("put the data file itself beside the model"));
        }
        Ok(Arc::new(DataFile { location: location.to_owned(), path, length: metadata.len() }))
    }

    fn homes(&mut self) -> Result<&[PathBuf], LoadError> {
        if self.homes.is_empty() {
            let resolve = |path: &Path| {
                fs::canonicalize(path).map_err(|error| corrupt("cannot resolve the model's path").caused_by(error))
            };
            let own = resolve(folder_of(self.model))?;
            let linked = resolve(self.model)?.parent().map(Path::to_owned);
            self.homes = linked.into_iter().chain([own]).collect();
        }
        Ok(&self.homes)
    }

    fn verify(&mut self, file: &DataFile, expected: &str) -> Result<(), LoadError> {
        let location = &file.location;
        if !self.checksums.contains_key(&file.path) {
            let got = file.sha1().map_err(|error| corrupt("cannot read the data file").caused_by(error))?;
            self.checksums.insert(file.path.clone(), got);
        }
        match self.checksums.get(&file.path) {
            Some(got) if !got.eq_ignore_ascii_case(expected) => {
                let detail = format!("checksum mismatch: expected sha1:{expected} of '{location}', got sha1:{got}");
                Err(corrupt(detail).advise("fetch the data file again"))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses locations that no file beside the model can have. ONNX Runtime's own marker of an address in memory holds a
/// `*`.
fn check_location(location: &str, constant: &Constant<'_>) -> Result<(), LoadError> {
    if location.is_empty() {
        return Err(corrupt(format!("{constant} is in another file, but the model does not say in which")));
    }
    let path = Path::new(location);
    let stays_inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if stays_inside && !location.contains(['\0', '*']) {
        return Ok(());
    }
    let detail = format!("{constant} is in '{}', expected a file in the model's folder", location.escape_debug());
    Err(corrupt(detail).advise("do not serve this model before you know where it comes from"))
}

fn folder_of(model: &Path) -> &Path {
    match model.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn corrupt(detail: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Corrupt, detail)
}

#[cfg(test)]
mod tests;
