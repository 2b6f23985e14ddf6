//! `DictVectorizer` (ai.onnx.ml 1): a map becomes a row of its values, in the order of a vocabulary.
//!
//! Maps come into the engine as tables of just these rows (see `maps.rs`), so what is left to do is to pass them on.

use loadonce_core::{LoadError, RunError, Tensor};

use crate::tabular::kernel::{Extent, Inputs, Kernel, Prepared, Value};
use crate::tabular::maps::MAPPED;
use crate::tabular::node::Node;

#[derive(Debug)]
struct DictVectorizer {
    width: usize,
}

pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&MAPPED, node)?;
    let width = match (node.strings("string_vocabulary")?.len(), node.ints("int64_vocabulary")?.len()) {
        (0, 0) => return Err(node.corrupt("no vocabulary")),
        (words, 0) | (0, words) => words,
        _ => return Err(node.corrupt("two vocabularies, expected one")),
    };
    input.table(node)?.expect_width(width, node)?;
    let output = Value::new(input.dtype, input.dims.clone());
    Ok(Prepared { kernel: Box::new(DictVectorizer { width }), outputs: vec![output] })
}

impl Kernel for DictVectorizer {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        Extent::of(input)?.expect_width(self.width)?;
        outputs.push(input.clone());
        Ok(())
    }
}
