//! The values that a context carries: a list, the nearest value first. Values are found by their
//! types.

use std::any::{Any, TypeId};
use std::sync::Arc;

pub(super) struct Values {
    of: TypeId,
    value: Arc<dyn Any + Send + Sync>,
    farther: Option<Arc<Values>>,
}

impl Values {
    pub(super) fn new<T: Send + Sync + 'static>(value: T, farther: Option<Arc<Self>>) -> Self {
        Self {
            of: TypeId::of::<T>(),
            value: Arc::new(value),
            farther,
        }
    }

    /// Returns the nearest value of type `T`.
    pub(super) fn find<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let mut values = self;
        while values.of != TypeId::of::<T>() {
            values = values.farther.as_deref()?;
        }
        Arc::clone(&values.value).downcast().ok()
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        // In a loop, not by recursion: the list may be long.
        let mut farther = self.farther.take();
        while let Some(mut last) = farther.and_then(Arc::into_inner) {
            farther = last.farther.take();
        }
    }
}
