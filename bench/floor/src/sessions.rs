//! The sessions of the one model.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use ort::environment::Environment;
use ort::session::Session;

/// Session objects of ONNX Runtime; `ort` runs each for one caller at a time.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<[Mutex<Session>]>);

impl Sessions {
    /// Loads the model, once for each session.
    pub(crate) fn open(environment: &Environment, model: &Path, count: usize) -> ort::Result<Self> {
        let open = || {
            let builder = Session::builder(environment)?.with_intra_threads(1)?.with_inter_threads(1)?;
            let mut builder = builder.with_intra_op_spinning(false)?;
            builder.commit_from_file(model).map(Mutex::new)
        };
        (0..count).map(|_| open()).collect::<ort::Result<_>>().map(Self)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// A free session; where there is none, waits for the first one.
    pub(crate) fn take(&self) -> MutexGuard<'_, Session> {
        let free = self.0.iter().find_map(|session| match session.try_lock() {
            Ok(session) => Some(session),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| self.0[0].lock().unwrap_or_else(PoisonError::into_inner))
    }
}
