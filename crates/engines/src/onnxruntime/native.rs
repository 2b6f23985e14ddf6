//! Calls of ONNX Runtime's C API: the one file of the engine with unsafe code.
//!
//! # Why runs of one session may overlap
//!
//! `OrtApi::Run` on one session from several threads at once is part of ONNX Runtime's contract ("Multiple threads are
//! allowed to run this function; hence its thread-safe", `inference_session.h`; its documentation's FAQ says the same).
//! The `ort` crate nevertheless takes `&mut` for a run, as not every execution provider keeps to that. The engine
//! registers none, so that all nodes run on the CPU provider, which does; the test `one_session_answers_many_threads`
//! and the stress run in `bench/` compare every answer.
//!
//! # What every unsafe block here relies on
//!
//! - Functions come from [`ort::api()`], which is the table that the opened library returned for a version of its interface
//!   that `ort-sys` describes; it is there, because a [`SharedSession`] is made from an `ort` session.
//! - A pointer that the library hands out is owned by one value here, which releases it once, and is not used later.
//! - An input lends the library its memory. The library keeps no part of it after `Run`: outputs are copied out before
//!   the inputs are released, as an output may be an input under another name.

use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use loadonce_core::{DType, RunError, Shape, Signature, Tensor, TensorSpec};
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SharedSessionInner};
use ort::sys::{ONNXTensorElementDataType as ElementType, OrtStatusPtr, OrtTensorTypeAndShapeInfo, OrtValue};
use ort::{AsPointer as _, ErrorCode, api};
use smallvec::{SmallVec, smallvec};

/// A session that many threads may run at once.
#[derive(Debug)]
pub(super) struct SharedSession {
    session: Arc<SharedSessionInner>,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
    memory: MemoryInfo<'static>,
}

/// As many as most models have: a list that takes no memory of its own.
pub(super) type Few<T> = SmallVec<[T; 4]>;

/// A tensor of the library. `'a` is the life of the memory that it borrows, if it is an input.
#[derive(Debug)]
struct Value<'a> {
    pointer: NonNull<OrtValue>,
    memory: PhantomData<&'a [u8]>,
}

// SAFETY: a tensor of the library belongs to no thread, and this is its only owner.
unsafe impl Send for Value<'_> {}

/// A tensor in the library's own memory, to be used for many runs.
#[derive(Debug)]
pub(super) struct OwnTensor {
    value: Value<'static>,
    /// Of its elements, in bytes.
    length: usize,
}

/// Element type and shape of a tensor of the library.
struct TypeAndShape(NonNull<OrtTensorTypeAndShapeInfo>);

impl SharedSession {
    /// Shares a session whose inputs and outputs are those of the signature, by name and in its order.
    pub(super) fn new(session: &Session, signature: &Signature) -> ort::Result<Self> {
        let memory = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::Default)?;
        let (inputs, outputs) = (names(&signature.inputs)?, names(&signature.outputs)?);
        Ok(Self { session: session.inner(), inputs, outputs, memory })
    }

    /// Runs the model: inputs and outputs are in the order of the signature.
    pub(super) fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        if inputs.len() != self.inputs.len() {
            let (expected, got) = (self.inputs.len(), inputs.len());
            return Err(RunError::InvalidInput(format!("expected {expected} inputs, got {got}")));
        }
        let inputs: Few<_> = inputs.iter().map(|tensor| self.value_of(tensor)).collect::<Result<_, _>>()?;
        let outputs = self.call(&inputs)?;
        outputs.iter().map(Value::to_tensor).collect()
    }

    /// Runs the model on tensors of the library, and has it write to tensors of the caller, of which there is one for
    /// each output.
    pub(super) fn run_into<'a>(
        &self,
        inputs: impl Iterator<Item = &'a OwnTensor>,
        outputs: impl Iterator<Item = &'a mut OwnTensor>,
    ) -> Result<(), RunError> {
        let inputs: Few<_> = inputs.map(|tensor| tensor.value.pointer.as_ptr().cast_const()).collect();
        let given: Few<_> = outputs.map(|tensor| tensor.value.pointer.as_ptr()).collect();
        if (inputs.len(), given.len()) != (self.inputs.len(), self.outputs.len()) {
            return Err(RunError::Failed("another number of tensors than the model has".to_owned()));
        }
        let mut pointers = given.clone();
        check(self.run_native(&inputs, &mut pointers)).map_err(|error| run_error(&error))?;
        if pointers == given {
            Ok(())
        } else {
            Err(RunError::Failed("ONNX Runtime made outputs of its own".to_owned()))
        }
    }

    fn call(&self, inputs: &[Value<'_>]) -> Result<Few<Value<'static>>, RunError> {
        let inputs: Few<_> = inputs.iter().map(|value| value.pointer.as_ptr().cast_const()).collect();
        let mut outputs: Few<*mut OrtValue> = smallvec![ptr::null_mut(); self.outputs.len()];
        let status = self.run_native(&inputs, &mut outputs);
        // Owned before the status is looked at, so that what a failed run made is released.
        let outputs: Few<_> = outputs.into_iter().map(Value::owned).collect();
        check(status).map_err(|error| run_error(&error))?;
        let missing = || RunError::Failed("ONNX Runtime left an output empty".to_owned());
        outputs.into_iter().map(|value| value.ok_or_else(missing)).collect()
    }

    /// Inputs and outputs are tensors that are alive, as many as the model has; where an output is null, the library
    /// makes one.
    fn run_native(&self, inputs: &[*const OrtValue], outputs: &mut [*mut OrtValue]) -> OrtStatusPtr {
        let input_names: Few<_> = self.inputs.iter().map(|name| name.as_ptr()).collect();
        let output_names: Few<_> = self.outputs.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the session lives as long as `self`, and its runs may overlap (see above). All four arrays have the
        // lengths given; names end with a zero; inputs are alive, and so are outputs that are not null, to which nobody
        // else has access now. Null run options mean the defaults.
        unsafe {
            (api().Run)(
                self.session.ptr().cast_mut(),
                ptr::null(),
                input_names.as_ptr(),
                inputs.as_ptr(),
                inputs.len(),
                output_names.as_ptr(),
                output_names.len(),
                outputs.as_mut_ptr(),
            )
        }
    }

    fn value_of<'a>(&self, tensor: &'a Tensor) -> Result<Value<'a>, RunError> {
        match tensor.dtype() {
            DType::Bytes => string_value(tensor),
            _ => self.lend(tensor),
        }
    }

    fn lend<'a>(&self, tensor: &'a Tensor) -> Result<Value<'a>, RunError> {
        let bytes = tensor.as_bytes().ok_or_else(|| RunError::Failed("a tensor without bytes".to_owned()))?;
        let shape = library_shape(tensor.shape())?;
        let mut value = ptr::null_mut();
        // SAFETY: the value borrows the tensor's bytes for `'a`. The library takes them as mutable, but does not write
        // to inputs of a graph: its planner counts the caller as one more user of them, so no node computes in place
        // there (`allocation_planner.cc`). The tensor's buffer is aligned for its dtype, and `bytes.len()` long.
        let status = unsafe {
            (api().CreateTensorWithDataAsOrtValue)(
                self.memory.ptr(),
                bytes.as_ptr().cast_mut().cast::<c_void>(),
                bytes.len(),
                shape.as_ptr(),
                shape.len(),
                element_type(tensor.dtype()),
                &raw mut value,
            )
        };
        created(status, value)
    }
}

impl OwnTensor {
    /// A tensor of elements of a fixed size.
    pub(super) fn new(dtype: DType, shape: &Shape) -> Result<Self, RunError> {
        let length = dtype.size().zip(shape.element_count()).and_then(|(size, count)| size.checked_mul(count));
        let length = length.ok_or_else(|| RunError::Failed(format!("no tensor of {dtype} and shape {shape}")))?;
        Ok(Self { value: allocate(element_type(dtype), shape)?, length })
    }

    /// The elements.
    pub(super) fn bytes(&self) -> Result<&[u8], RunError> {
        self.value.bytes(self.length)
    }

    /// The elements, to be written to.
    pub(super) fn bytes_mut(&mut self) -> Result<&mut [u8], RunError> {
        if self.length == 0 {
            return Ok(&mut []);
        }
        // SAFETY: the value holds `length` bytes, as its element type and shape say, until it is released, which the
        // borrow delays; the borrow is exclusive.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.value.data()?.as_ptr(), self.length) })
    }
}

impl Value<'_> {
    fn owned(pointer: *mut OrtValue) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self { pointer, memory: PhantomData })
    }

    /// A copy of the elements in memory of our own.
    fn to_tensor(&self) -> Result<Tensor, RunError> {
        let (dtype, shape) = self.type_and_shape()?;
        let count = shape.element_count().ok_or_else(|| RunError::Failed(format!("an output of shape {shape}")))?;
        let tensor = match dtype.size() {
            Some(size) => Tensor::from_bytes(dtype, shape, self.bytes(count * size)?.to_vec().into()),
            None => Tensor::from_strings(shape, self.strings(count)?),
        };
        tensor.map_err(|error| failed(&error))
    }

    fn type_and_shape(&self) -> Result<(DType, Shape), RunError> {
        let mut info = ptr::null_mut();
        // SAFETY: the value is alive; the information is owned by what it becomes below.
        let status = unsafe { (api().GetTensorTypeAndShape)(self.pointer.as_ptr(), &raw mut info) };
        check(status).map_err(|error| run_error(&error))?;
        let info = NonNull::new(info).map(TypeAndShape);
        let info = info.ok_or_else(|| RunError::Failed("an output that is no tensor".to_owned()))?;
        Ok((info.dtype()?, info.shape()?))
    }

    /// The elements, `length` bytes by their type and shape.
    fn bytes(&self, length: usize) -> Result<&[u8], RunError> {
        if length == 0 {
            return Ok(&[]);
        }
        // SAFETY: the value holds `length` bytes in the CPU's memory, as its element type and shape say, until it is
        // released, which the borrow of `self` delays; nobody else writes to them.
        Ok(unsafe { std::slice::from_raw_parts(self.data()?.as_ptr(), length) })
    }

    fn data(&self) -> Result<NonNull<u8>, RunError> {
        let mut data = ptr::null_mut();
        // SAFETY: the value is a tensor and alive.
        let status = unsafe { (api().GetTensorMutableData)(self.pointer.as_ptr(), &raw mut data) };
        check(status).map_err(|error| run_error(&error))?;
        NonNull::new(data.cast()).ok_or_else(|| RunError::Failed("a tensor without elements".to_owned()))
    }

    fn strings(&self, count: usize) -> Result<Vec<bytes::Bytes>, RunError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut length = 0;
        // SAFETY: the value is a tensor of strings and alive.
        let status = unsafe { (api().GetStringTensorDataLength)(self.pointer.as_ptr(), &raw mut length) };
        check(status).map_err(|error| run_error(&error))?;
        let (mut content, mut offsets) = (vec![0_u8; length], vec![0_usize; count]);
        // SAFETY: both buffers are as long as they are said to be.
        let status = unsafe {
            (api().GetStringTensorContent)(
                self.pointer.as_ptr(),
                content.as_mut_ptr().cast::<c_void>(),
                content.len(),
                offsets.as_mut_ptr(),
                offsets.len(),
            )
        };
        check(status).map_err(|error| run_error(&error))?;
        let content = bytes::Bytes::from(content);
        offsets.push(length);
        Ok(offsets.windows(2).map(|ends| content.slice(ends[0]..ends[1])).collect())
    }
}

impl Drop for Value<'_> {
    fn drop(&mut self) {
        // SAFETY: this is the value's only owner.
        unsafe { (api().ReleaseValue)(self.pointer.as_ptr()) }
    }
}

impl TypeAndShape {
    fn dtype(&self) -> Result<DType, RunError> {
        // A number, as a newer library may have types that the enumeration lacks.
        let mut code = 0_i32;
        // SAFETY: the information is alive; the enumeration is an `int` of the C interface.
        let status = unsafe { (api().GetTensorElementType)(self.0.as_ptr(), (&raw mut code).cast::<ElementType>()) };
        check(status).map_err(|error| run_error(&error))?;
        let found = DType::ALL.into_iter().find(|dtype| element_type(*dtype) as i32 == code);
        found.ok_or_else(|| RunError::Failed(format!("an output of ONNX data type {code}, which no protocol has")))
    }

    fn shape(&self) -> Result<Shape, RunError> {
        let mut rank = 0;
        // SAFETY: the information is alive.
        let status = unsafe { (api().GetDimensionsCount)(self.0.as_ptr(), &raw mut rank) };
        check(status).map_err(|error| run_error(&error))?;
        let mut axes: Few<i64> = smallvec![0; rank];
        // SAFETY: the buffer is as long as it is said to be.
        let status = unsafe { (api().GetDimensions)(self.0.as_ptr(), axes.as_mut_ptr(), axes.len()) };
        check(status).map_err(|error| run_error(&error))?;
        let axes: Result<Few<_>, _> = axes.into_iter().map(usize::try_from).collect();
        axes.map(Shape::new).map_err(|error| failed(&error))
    }
}

impl Drop for TypeAndShape {
    fn drop(&mut self) {
        // SAFETY: this is the information's only owner.
        unsafe { (api().ReleaseTensorTypeAndShapeInfo)(self.0.as_ptr()) }
    }
}

/// A tensor in the library's own memory.
fn allocate(element_type: ElementType, shape: &Shape) -> Result<Value<'static>, RunError> {
    let (shape, allocator) = (library_shape(shape)?, Allocator::default());
    let mut value = ptr::null_mut();
    // SAFETY: the default allocator belongs to the library and is never released.
    let status = unsafe {
        (api().CreateTensorAsOrtValue)(
            allocator.ptr().cast_mut(),
            shape.as_ptr(),
            shape.len(),
            element_type,
            &raw mut value,
        )
    };
    created(status, value)
}

/// A tensor of strings, which the library copies.
fn string_value(tensor: &Tensor) -> Result<Value<'static>, RunError> {
    let strings = tensor.as_strings().map_err(|error| failed(&error))?;
    let strings: Result<Vec<_>, _> = strings.iter().map(|text| CString::new(text.to_vec())).collect();
    let strings = strings.map_err(|_| {
        RunError::InvalidInput("a string holds a zero byte, which ONNX Runtime takes for its end".to_owned())
    })?;
    let pointers: Vec<_> = strings.iter().map(|text| text.as_ptr()).collect();
    let value = allocate(ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, tensor.shape())?;
    // SAFETY: there are as many strings as the tensor has elements, and each ends with a zero.
    let status = unsafe { (api().FillStringTensor)(value.pointer.as_ptr(), pointers.as_ptr(), pointers.len()) };
    check(status).map_err(|error| run_error(&error))?;
    Ok(value)
}

/// The version that the library at `path`, which is open already, gives itself; `None` if it gives none.
pub(super) fn version(path: &Path) -> Option<String> {
    // SAFETY: the library is in use, so that this opens no other and runs none of its code.
    let library = unsafe { libloading::Library::new(path) }.ok()?;
    // SAFETY: the function is of this type in every version of the library (`onnxruntime_c_api.h`).
    let base =
        unsafe { library.get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase\0") }.ok()?;
    // SAFETY: the function takes nothing and returns a table that lives as long as the library.
    let base = unsafe { base().as_ref() }?;
    // SAFETY: the text ends with a zero and lives as long as the library.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) };
    Some(version.to_string_lossy().into_owned())
}

/// Whether sessions of that builder keep freed memory for their next runs.
pub(super) fn use_memory_arena(builder: &mut SessionBuilder, wanted: bool) -> ort::Result<()> {
    let set = if wanted { api().EnableCpuMemArena } else { api().DisableCpuMemArena };
    // SAFETY: the options are alive, and nobody else has them.
    check(unsafe { set(builder.ptr_mut()) })
}

/// The value of a configuration entry as the library has it; `None` where it has none.
pub(super) fn config_entry(builder: &SessionBuilder, key: &str) -> Option<String> {
    let key = CString::new(key).ok()?;
    let mut size = 0;
    // SAFETY: without a buffer, the library tells the length that one needs, its zero included.
    let status = unsafe { (api().GetSessionConfigEntry)(builder.ptr(), key.as_ptr(), ptr::null_mut(), &raw mut size) };
    check(status).ok()?;
    let mut value = vec![0_u8; size];
    // SAFETY: the buffer is `size` bytes long.
    let status = unsafe {
        (api().GetSessionConfigEntry)(builder.ptr(), key.as_ptr(), value.as_mut_ptr().cast::<c_char>(), &raw mut size)
    };
    check(status).ok()?;
    CStr::from_bytes_until_nul(&value).ok().map(|value| value.to_string_lossy().into_owned())
}

fn names(specs: &[TensorSpec]) -> ort::Result<Vec<CString>> {
    let named = specs.iter().map(|spec| {
        CString::new(spec.name.as_str())
            .map_err(|_| ort::Error::new("the name of an input or output holds a zero byte"))
    });
    named.collect()
}

fn library_shape(shape: &Shape) -> Result<Few<i64>, RunError> {
    let axes: Result<_, _> = shape.iter().map(|axis| i64::try_from(*axis)).collect();
    axes.map_err(|_| RunError::InvalidInput(format!("shape {shape} is too large to address")))
}

fn created<'a>(status: OrtStatusPtr, value: *mut OrtValue) -> Result<Value<'a>, RunError> {
    let value = Value::owned(value);
    check(status).map_err(|error| run_error(&error))?;
    value.ok_or_else(|| RunError::Failed("ONNX Runtime made no tensor".to_owned()))
}

fn check(status: OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: the status comes from a function of the library and is not used again.
    unsafe { ort::Error::result_from_status(status) }
}

/// What a node cannot use, such as an index out of its bounds, is the library's "invalid argument".
fn run_error(error: &ort::Error) -> RunError {
    match error.code() {
        ErrorCode::InvalidArgument => RunError::InvalidInput(error.to_string()),
        _ => RunError::Failed(error.to_string()),
    }
}

fn failed(error: &dyn std::error::Error) -> RunError {
    RunError::Failed(error.to_string())
}

fn element_type(dtype: DType) -> ElementType {
    match dtype {
        DType::Bool => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,
        DType::Uint8 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        DType::Uint16 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,
        DType::Uint32 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
        DType::Uint64 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,
        DType::Int8 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
        DType::Int16 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,
        DType::Int32 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        DType::Int64 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
        DType::Fp16 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
        DType::Bf16 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16,
        DType::Fp32 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        DType::Fp64 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
        DType::Bytes => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
    }
}
