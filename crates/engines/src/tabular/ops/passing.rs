//! `Identity` (ai.onnx 1 and later) and `ZipMap` (ai.onnx.ml 1): operators that pass their input on as it is.
//!
//! `ZipMap` makes a list of maps from a tensor of scores and the names of its columns. No protocol has maps, so the
//! tensor itself is the answer and the names become the output's labels.

use loadonce_core::{DType, LoadError, RunError, Tensor};

use crate::tabular::kernel::{Extent, Inputs, Kernel, Prepared, Value};
use crate::tabular::labels::Labels;
use crate::tabular::node::Node;

#[derive(Debug)]
struct Identity;

#[derive(Debug)]
struct ZipMap {
    width: usize,
}

#[expect(clippy::unnecessary_wraps, reason = "every operator is prepared by a function of one type")]
pub(super) fn prepare_identity(_: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    Ok(Prepared { kernel: Box::new(Identity), outputs: vec![inputs[0].clone()] })
}

pub(super) fn prepare_zip_map(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&[DType::Fp32], node)?;
    let labels = Labels::read(node, "classlabels_int64s", "classlabels_strings")?;
    if labels.len() == 0 {
        return Err(node.corrupt("no class labels"));
    }
    input.table(node)?.expect_width(labels.len(), node)?;
    let output = input.clone().with_labels(labels.texts());
    Ok(Prepared { kernel: Box::new(ZipMap { width: labels.len() }), outputs: vec![output] })
}

impl Kernel for Identity {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        outputs.push(inputs.get(0)?.clone());
        Ok(())
    }
}

impl Kernel for ZipMap {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        Extent::of(input)?.expect_width(self.width)?;
        outputs.push(input.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::testing::{
        Value::{Ints, Texts},
        ml_node, node,
    };
    use crate::tabular::testing::{floats, load_error, plan, run};

    #[test]
    fn elements_pass_and_share_their_memory() {
        let input = floats(&[2, 1], &[1.0, 2.0]);
        let outputs = run(node("Identity", &["x"], &["y"]), input.clone());
        assert_eq!(outputs[0].as_bytes().unwrap().as_ptr(), input.as_bytes().unwrap().as_ptr());
    }

    #[test]
    fn the_names_of_a_map_become_labels() {
        let node = ml_node("ZipMap", &["x"], &["y"]).with("classlabels_strings", Texts(&["a", "b"]));
        assert_eq!(plan(node, &["", "2"]).unwrap().signature().outputs[0].labels, ["a", "b"]);
        let node = ml_node("ZipMap", &["x"], &["y"]).with("classlabels_int64s", Ints(&[3, 4]));
        let signature = plan(node.clone(), &["", "2"]).unwrap();
        assert_eq!(signature.signature().outputs[0].labels, ["3", "4"]);
        assert_eq!(signature.signature().outputs[0].to_string(), "FP32 [?,2]");
        assert_eq!(run(node.clone(), floats(&[1, 2], &[0.5, 0.25]))[0], floats(&[1, 2], &[0.5, 0.25]));
        assert!(load_error(node, &["", "3"]).detail().ends_with("the input has 3 columns, the attributes are for 2"));
        assert!(load_error(ml_node("ZipMap", &["x"], &["y"]), &["", "3"]).detail().ends_with("no class labels"));
    }
}
