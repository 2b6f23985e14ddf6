//! Runs of single nodes, for the operators' tests.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::{Batch, Element, LoadError, Outputs, RunError, Session, Shape, Tensor};

use super::plan::Plan;
use super::session::TabularSession;
use crate::onnx::OnnxFile;
use crate::onnx::proto::{NodeProto, TensorProto, data_type};
use crate::onnx::testing::{ModelBuilder, tensor_info, untyped};

/// A model of one node with one input, `x`.
#[derive(Clone, Debug)]
pub(super) struct Case {
    node: NodeProto,
    axes: Vec<String>,
    data_type: i32,
    ml_version: i64,
    onnx_version: i64,
    initializers: Vec<TensorProto>,
}

impl Case {
    /// The node with an input of `FP32` with these axes.
    pub(super) fn new(node: NodeProto, axes: &[&str]) -> Self {
        let axes = axes.iter().map(|&axis| axis.to_owned()).collect();
        Self { node, axes, data_type: data_type::FLOAT, ml_version: 3, onnx_version: 17, initializers: Vec::new() }
    }

    pub(super) fn initializer(mut self, tensor: TensorProto) -> Self {
        self.initializers.push(tensor);
        self
    }

    pub(super) fn of_type(mut self, data_type: i32) -> Self {
        self.data_type = data_type;
        self
    }

    pub(super) fn of_strings(self) -> Self {
        self.of_type(data_type::STRING)
    }

    pub(super) fn ml_version(mut self, version: i64) -> Self {
        self.ml_version = version;
        self
    }

    pub(super) fn onnx_version(mut self, version: i64) -> Self {
        self.onnx_version = version;
        self
    }

    pub(super) fn model(&self) -> ModelBuilder {
        let axes: Vec<_> = self.axes.iter().map(String::as_str).collect();
        let mut model = ModelBuilder::new().opset("", self.onnx_version).opset("ai.onnx.ml", self.ml_version);
        model = model.input(tensor_info("x", self.data_type, &axes));
        for initializer in &self.initializers {
            model = model.initializer(initializer.clone());
        }
        for output in &self.node.output {
            model = model.output(untyped(output));
        }
        model.node(self.node.clone())
    }

    pub(super) fn load(&self) -> Result<Plan, LoadError> {
        compile(&self.model())
    }

    pub(super) fn run(&self, input: Tensor) -> Outputs {
        self.try_run(input).unwrap()
    }

    pub(super) fn run_error(&self, input: Tensor) -> RunError {
        self.try_run(input).unwrap_err()
    }

    fn try_run(&self, input: Tensor) -> Result<Outputs, RunError> {
        let plan = Arc::new(self.load().unwrap());
        TabularSession::new(plan).run(&Batch::new(vec![input]))
    }
}

pub(super) fn compile(model: &ModelBuilder) -> Result<Plan, LoadError> {
    let file = OnnxFile::parse(Bytes::from(model.encode()), Path::new("model.onnx"))?;
    Plan::compile(&file)
}

/// Loads a node with an input of `FP32` with these axes.
pub(super) fn plan(node: NodeProto, axes: &[&str]) -> Result<Plan, LoadError> {
    Case::new(node, axes).load()
}

/// The error of such a load.
pub(super) fn load_error(node: NodeProto, axes: &[&str]) -> LoadError {
    plan(node, axes).unwrap_err()
}

/// Runs a node whose input's axes are all free.
pub(super) fn run(node: NodeProto, input: Tensor) -> Outputs {
    free(node, &input).run(input)
}

/// The error of such a run.
pub(super) fn run_error(node: NodeProto, input: Tensor) -> RunError {
    free(node, &input).run_error(input)
}

fn free(node: NodeProto, input: &Tensor) -> Case {
    let code = (0..17).find(|&code| crate::onnx::types::dtype(code) == Some(input.dtype())).unwrap();
    Case::new(node, &vec![""; input.shape().len()]).of_type(code)
}

pub(super) fn floats(shape: &[usize], elements: &[f32]) -> Tensor {
    numbers(shape, elements)
}

pub(super) fn numbers<T: Element>(shape: &[usize], elements: &[T]) -> Tensor {
    Tensor::from_vec(Shape::from(shape), elements.to_vec()).unwrap()
}

/// Equal within rounding.
#[track_caller]
pub(super) fn assert_floats(got: &[f32], expected: &[f32]) {
    let near = |(got, expected): (&f32, &f32)| (got - expected).abs() <= 1e-6 || got.total_cmp(expected).is_eq();
    assert!(got.len() == expected.len() && got.iter().zip(expected).all(near), "{got:?} is not {expected:?}");
}
