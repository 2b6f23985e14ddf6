//! Writing weights beside the model: a small file with the graph, and one file with all large tensors, from which each can
//! be mapped as it lies there.
//!
//! The format is that of the ONNX documents, "External Data". `onnx.proto` asks for offsets that are multiples of the page
//! size, 4096, "to enable mmap support". Nothing else in the model changes: its file is edited as bytes (`walk.rs`), so that
//! also what [`super::proto`] does not have stays in it.
//!
//! Large tensors of the graph move into the data file. Those in attributes, nested graphs and functions stay where they
//! are, in the model's file or in a data file, because engines expect them there. Small tensors of any place are put into
//! the model's file: they are lengths and axes that a reader wants to know before it looks at data.

mod walk;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use loadonce_core::{LoadError, LoadErrorKind, Progress};
use prost::Message as _;
use sha1::{Digest as _, Sha1};

use self::walk::{Place, rewrite};
use super::external::{ExternalData, byte_length, hex};
use super::proto::{StringStringEntryProto, TensorProto, data_type};
use super::{OnnxFile, wire};

/// Offsets in the data file are multiples of this, in bytes.
pub const ALIGNMENT: u64 = 4096;

/// Tensors of fewer bytes stay in the model's file.
pub const THRESHOLD: u64 = 1024;

/// A model whose large tensors are to lie in one data file.
#[derive(Debug)]
pub struct Layout {
    content: Bytes,
    path: PathBuf,
    external: ExternalData,
    parts: Vec<Part>,
}

/// The bytes of one tensor in the data file.
#[derive(Clone, Debug)]
pub struct Part {
    /// The tensor's name; often empty for one in an attribute.
    pub name: String,
    /// Its first byte in the data file, a multiple of [`ALIGNMENT`].
    pub offset: u64,
    /// Its number of bytes.
    pub length: u64,
    source: Source,
}

/// Where a tensor's bytes are now.
#[derive(Clone, Debug)]
enum Source {
    /// In the model's file.
    Here(Bytes),
    /// In a data file, from that byte on.
    File(PathBuf, u64),
}

impl Layout {
    /// Plans the layout of a model, given as its file's content. Its data files are looked for beside `path` and checked.
    ///
    /// # Errors
    /// Those of [`OnnxFile::parse`] and [`OnnxFile::external_data`].
    pub fn of(content: Bytes, path: &Path) -> Result<Self, LoadError> {
        let external = OnnxFile::parse(content.clone(), path)?.external_data()?;
        let mut layout = Self { content, path: path.to_owned(), external, parts: Vec::new() };
        let (_, parts) = layout.walk("", None)?;
        layout.parts = parts;
        Ok(layout)
    }

    /// The tensors in the data file, in the order of their offsets; none where no tensor is large.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Size of the data file in bytes.
    pub fn data_bytes(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.offset + part.length)
    }

    /// Writes the data file, and gives its SHA-1 in hexadecimal digits.
    ///
    /// # Errors
    /// What `out` says; and what the system says of a former data file, with its path.
    pub fn write_data(&self, out: &mut impl Write) -> io::Result<String> {
        let mut out = Hashing { out, hasher: Sha1::new() };
        let mut end = 0;
        for part in &self.parts {
            io::copy(&mut io::repeat(0).take(part.offset - end), &mut out)?;
            part.write(&mut out)?;
            end = part.offset + part.length;
        }
        Ok(hex(&out.hasher.finalize()))
    }

    /// The model's file, which names the data file `location`; with the SHA-1 of that file, if given, which readers of the
    /// format may verify.
    ///
    /// # Errors
    /// [`LoadErrorKind::Corrupt`] where a former data file cannot be read.
    pub fn model(&self, location: &str, sha1: Option<&str>) -> Result<Vec<u8>, LoadError> {
        Ok(self.walk(location, sha1)?.0)
    }

    fn walk(&self, location: &str, sha1: Option<&str>) -> Result<(Vec<u8>, Vec<Part>), LoadError> {
        let mut mover = Mover { layout: self, location, sha1, parts: Vec::new(), end: 0, error: None };
        let model = rewrite(&self.content, &mut |place, tensor| mover.rewritten(place, tensor));
        match mover.error {
            None => Ok((model, mover.parts)),
            Some(error) => Err(error.at(&self.path)),
        }
    }
}

/// Gives each tensor its place, in the order in which they stand in the file.
struct Mover<'a> {
    layout: &'a Layout,
    location: &'a str,
    sha1: Option<&'a str>,
    parts: Vec<Part>,
    /// Behind the last part.
    end: u64,
    /// The first one, after which nothing matters.
    error: Option<LoadError>,
}

/// What becomes of a tensor.
enum Fate {
    Stays,
    /// Its elements are put into the model's file.
    ComesIn(Bytes),
    /// They lie in the data file.
    GoesOut(Source, u64),
}

impl Mover<'_> {
    /// The message of a tensor in its new form, if it has one.
    fn rewritten(&mut self, place: Place, message: &[u8]) -> Option<Vec<u8>> {
        // Shares the content, of which the message is a part.
        let tensor = TensorProto::decode(self.layout.content.slice_ref(message)).ok()?;
        match self.fate(place, &tensor) {
            Ok(Fate::Stays) => None,
            Ok(Fate::ComesIn(elements)) => {
                let mut changed = wire::without_fields(message, &ELEMENTS);
                wire::put(&mut changed, RAW_DATA, &elements);
                Some(changed)
            }
            Ok(Fate::GoesOut(source, length)) => {
                let mut changed = wire::without_fields(message, &ELEMENTS);
                self.put_place(&mut changed, length);
                let (name, offset) = (tensor.name_str().to_owned(), self.end);
                self.end = (offset + length).next_multiple_of(ALIGNMENT);
                self.parts.push(Part { name, offset, length, source });
                Some(changed)
            }
            Err(error) => {
                self.error.get_or_insert(error);
                None
            }
        }
    }

    fn fate(&self, place: Place, tensor: &TensorProto) -> Result<Fate, LoadError> {
        if tensor.is_external() {
            let unchecked = || LoadError::new(LoadErrorKind::Internal, "a data file was not checked");
            let found = self.layout.external.place_of(tensor).ok_or_else(unchecked)?;
            return Ok(if found.length < THRESHOLD {
                Fate::ComesIn(found.file.read(found.offset, found.length, &Progress::default())?)
            } else {
                Fate::GoesOut(Source::File(found.file.path.clone(), found.offset), found.length)
            });
        }
        let length = byte_length(tensor).ok().filter(|length| *length >= THRESHOLD && place == Place::Initializer);
        let out = length.and_then(|length| Some(Fate::GoesOut(Source::Here(elements(tensor, length)?), length)));
        Ok(out.unwrap_or(Fate::Stays))
    }

    /// The entries of "External Data", and that they are meant.
    fn put_place(&self, message: &mut Vec<u8>, length: u64) {
        let (offset, length) = (self.end.to_string(), length.to_string());
        let entries = [("location", self.location), ("offset", &offset), ("length", &length)];
        for (key, value) in entries.into_iter().chain(self.sha1.map(|sha1| ("checksum", sha1))) {
            let entry = StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) };
            wire::put(message, EXTERNAL_DATA, &entry.encode_to_vec());
        }
        wire::put_number(message, DATA_LOCATION, 1);
    }
}

// Fields of `TensorProto` (`onnx.proto`).
const RAW_DATA: usize = 9;
const EXTERNAL_DATA: usize = 13;
const DATA_LOCATION: usize = 14;

/// All of its fields that hold elements or say where they are.
const ELEMENTS: [usize; 9] = [4, 5, 6, 7, RAW_DATA, 10, 11, EXTERNAL_DATA, DATA_LOCATION];

/// The bytes of a tensor's elements, little-endian; `None` for what only the field of its type can hold, such as strings, and
/// for a message that contradicts itself, which the engine is to refuse.
fn elements(tensor: &TensorProto, length: u64) -> Option<Bytes> {
    if tensor.data_type == Some(data_type::STRING) {
        return None;
    }
    let raw = tensor.raw_data.clone().filter(|raw| !raw.is_empty());
    let elements = raw.or_else(|| tensor.to_tensor().ok()?.as_bytes().cloned())?;
    (elements.len() as u64 == length).then_some(elements)
}

impl Part {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (path, offset) = match &self.source {
            Source::Here(bytes) => return out.write_all(bytes),
            Source::File(path, offset) => (path, *offset),
        };
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        match io::copy(&mut file.take(self.length), out)? {
            copied if copied == self.length => Ok(()),
            _ => Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "became shorter while it was read"))),
        }
    }
}

/// Hashes what goes through it.
struct Hashing<'a, W> {
    out: &'a mut W,
    hasher: Sha1,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
