//! A model over mapped files: the one place with unsafe code in this engine.
//!
//! A file that another process changes while it is mapped changes under the model; one that is cut short ends the
//! process with a bus error as soon as a missing page is read. No program can prevent that. So a data file is replaced by
//! renaming a new one over it, which leaves the mapped one whole, and is never written in place.

#![expect(unsafe_code, reason = "mapping files, and lending the maps to rten, which takes slices of any lifetime only")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::slice;

use ::rten::{Model, ModelOptions};
use loadonce_core::{LoadError, LoadErrorKind};
use memmap2::{Advice, Mmap};

use crate::onnx::{DataFile, ExternalTensor};

/// Mapped data files under the names that the model has for them.
#[derive(Debug, Default)]
pub(super) struct Maps(BTreeMap<String, Mmap>);

/// A loaded model and the maps that its weights are in.
pub(super) struct MappedModel {
    // Fields are dropped in the order of their declaration: the model, which points into the maps, before the maps.
    model: Model,
    _maps: Maps,
}

impl Maps {
    /// Maps a file, read-only.
    pub(super) fn add(&mut self, name: &str, data: &DataFile) -> Result<(), LoadError> {
        let map = map(data).map_err(|error| {
            LoadError::new(LoadErrorKind::Corrupt, "cannot map the data file").at(&data.path).caused_by(error)
        })?;
        self.0.insert(name.to_owned(), map);
        Ok(())
    }

    /// The bytes of a tensor; an error if the file became shorter since it was checked.
    pub(super) fn elements(&self, name: &str, place: &ExternalTensor) -> Result<&[u8], LoadError> {
        let elements = self.0.get(name).zip(place.range(0)).and_then(|(map, range)| map.get(range));
        elements.ok_or_else(|| {
            let detail = format!("the data file became shorter while it was read, without tensor '{}'", place.name);
            LoadError::new(LoadErrorKind::Corrupt, detail).at(&place.file.path)
        })
    }
}

fn map(data: &DataFile) -> io::Result<Mmap> {
    let file = File::open(&data.path)?;
    // SAFETY: the map is only ever read, and only as bytes and numbers, for which every pattern of bits is valid. That
    // nobody changes the file meanwhile cannot be enforced; see the head of this file for what users must do.
    let map = unsafe { Mmap::map(&file) }?;
    // All of it will be read soon: packing, or the warm-up. That is a hint, and a kernel that refuses it changes nothing.
    let _ = map.advise(Advice::WillNeed);
    Ok(map)
}

impl MappedModel {
    /// Loads a model whose external data is in `maps`. The weights are packed for speed.
    pub(super) fn load(content: Vec<u8>, maps: Maps) -> Result<Self, ::rten::LoadError> {
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        for (name, map) in &maps.0 {
            // SAFETY: pointer and length are those of a live map. The slice is not really `'static`: it lives as long as
            // `maps`. It is known to `options`, which ends with this function, and to the model's constants, which
            // `MappedModel` drops before the maps and never moves out: `Deref` lends the model, answers of a run are
            // owned by the caller, and nothing in rten's interface hands constants out.
            let content: &'static [u8] = unsafe { slice::from_raw_parts(map.as_ptr(), map.len()) };
            options.external_data_static(name, content);
        }
        Ok(Self { model: options.load(content)?, _maps: maps })
    }
}

impl Deref for MappedModel {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.model
    }
}

impl fmt::Debug for MappedModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model.fmt(formatter)
    }
}
