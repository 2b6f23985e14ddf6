//! From what a template says of its model to the model's signature.

use loadonce_core::{Content, Dim, LoadError, LoadErrorKind, Signature, TensorSpec};

use super::control::{Axis, Loaded, SpecText};

/// The signature; what cannot be one is an error.
pub(super) fn signature(loaded: &Loaded) -> Result<Signature, LoadError> {
    let specs = |texts: &[SpecText]| texts.iter().map(spec).collect::<Result<Vec<_>, _>>();
    Ok(Signature { inputs: specs(&loaded.inputs)?, outputs: specs(&loaded.outputs)? })
}

fn spec(text: &SpecText) -> Result<TensorSpec, LoadError> {
    let SpecText { name, datatype, shape, columns, labels, json, schema } = text;
    let wrong = |detail: String| {
        let detail = format!("'{name}' is declared {detail}");
        LoadError::new(LoadErrorKind::Configuration, detail)
            .advise("correct 'inputs' or 'outputs' of the model's class")
    };
    let dtype = datatype.parse().map_err(|error| wrong(format!("with {error}")))?;
    let dims = shape.as_ref().map(|axes| axes.iter().map(dim).collect::<Option<Vec<_>>>());
    let dims = match dims {
        None => None,
        Some(None) => return Err(wrong(format!("with shape {shape:?}; an axis is -1 or a length"))),
        Some(dims) => dims,
    };
    let content = match json {
        true => Content::Json { schema: schema.as_ref().map(|schema| schema.to_string().into()) },
        false => Content::Bytes,
    };
    let labels = labels.iter().map(|label| label.as_str().map_or_else(|| label.to_string(), str::to_owned)).collect();
    let columns = columns.clone();
    Ok(TensorSpec { dims, columns, labels, content, ..TensorSpec::new(name, dtype, []) })
}

fn dim(axis: &Axis) -> Option<Dim> {
    match axis {
        Axis::Named(name) => Some(Dim::named(name)),
        Axis::Length(-1) => Some(Dim::ANY),
        Axis::Length(length) => usize::try_from(*length).ok().map(Dim::Fixed),
    }
}
