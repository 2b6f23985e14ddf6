//! Weights in files beside the model: mapped, not read, where rten can use them as they lie there.
//!
//! A mapped file takes no memory of the process' own: its pages are the kernel's, which shares them with other
//! processes and can drop them and read them again. The model's file is written anew for rten, with each data file
//! under a name that rten takes (`*.data`, in no folder) and with every entry that rten asks for.

use std::collections::BTreeMap;

use bytes::Bytes;
use loadonce_core::{LoadError, Progress};

use super::mapped::Maps;
use crate::onnx::proto::{StringStringEntryProto, TensorProto, data_type};
use crate::onnx::{ExternalData, ExternalTensor, OnnxFile};

/// The model for rten and the files that it points into. Tensors that rten would convert hold their elements instead.
pub(super) fn map(file: OnnxFile, data: &ExternalData, progress: &Progress) -> Result<(OnnxFile, Maps), LoadError> {
    progress.expect(data.file_bytes());
    let mut maps = Maps::default();
    let mut names = BTreeMap::new();
    for (index, data) in data.files().enumerate() {
        let name = format!("{index}.data");
        maps.add(&name, data)?;
        names.insert(data.location.as_str(), name);
    }
    let file = file.change_external(data, |tensor, place| {
        let name = names.get(place.file.location.as_str()).map(String::as_str).unwrap_or_default();
        let elements = maps.elements(name, place)?;
        if is_usable(tensor, elements) {
            tensor.external_data = entries(name, place);
        } else {
            tensor.hold(Bytes::copy_from_slice(elements));
        }
        Ok(())
    })?;
    progress.advance(data.file_bytes());
    Ok((file, maps))
}

/// Whether rten takes the elements as they are: of a type of its own, and aligned.
fn is_usable(tensor: &TensorProto, elements: &[u8]) -> bool {
    let alignment = match tensor.data_type.unwrap_or(0) {
        data_type::FLOAT | data_type::INT32 => 4,
        data_type::INT8 | data_type::UINT8 => 1,
        _ => return false,
    };
    !elements.is_empty() && elements.as_ptr().addr().is_multiple_of(alignment)
}

fn entries(location: &str, place: &ExternalTensor) -> Vec<StringStringEntryProto> {
    let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
    vec![
        entry("location", location.to_owned()),
        entry("offset", place.offset.to_string()),
        entry("length", place.length.to_string()),
    ]
}
