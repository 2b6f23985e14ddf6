//! What targets share: a loaded model must run, whatever file it is from; a request that is read must say what its body says.

pub mod wire;

use loadonce_core::{Batch, DType, Dim, Model, Shape, Tensor, TensorSpec};

/// Runs a model on small inputs of zeros. A refusal is right; a panic, and an answer of another form than the signature
/// has, are not.
pub fn run_on_zeros(model: &dyn Model) {
    let inputs: Option<Vec<_>> = model.signature().inputs.iter().map(zeros).collect();
    let (Some(inputs), Ok(mut session)) = (inputs, model.open_session()) else { return };
    if let Ok(outputs) = session.run(&Batch::new(inputs)) {
        assert_eq!(outputs.len(), model.signature().outputs.len());
        for (tensor, spec) in outputs.iter().zip(&model.signature().outputs) {
            assert_eq!(tensor.dtype(), spec.dtype, "{}", spec.name);
        }
    }
}

/// Zeros for an input, two along each free axis; nothing for one that would be large.
fn zeros(spec: &TensorSpec) -> Option<Tensor> {
    let lengths = spec.dims.iter().flatten().map(|dim| match dim {
        Dim::Fixed(length) => *length,
        Dim::Dynamic(_) => 2,
    });
    let shape = Shape::new(lengths);
    shape.element_count().filter(|&count| count <= 4096)?;
    let dtype = if spec.dtype.size().is_some() { spec.dtype } else { DType::Bytes };
    Tensor::zeros(dtype, shape).ok()
}
