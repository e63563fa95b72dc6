//! A wait group of one atomic word and a `Notify`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel};
use tokio::sync::Notify;

#[derive(Clone)]
pub(super) struct Wg(Arc<(AtomicU64, Notify)>);

impl Wg {
    pub(super) fn new(n: u64) -> Self {
        Self(Arc::new((AtomicU64::new(n), Notify::new())))
    }

    pub(super) fn done(&self) {
        if self.0.0.fetch_sub(1, AcqRel) == 1 {
            self.0.1.notify_one();
        }
    }

    pub(super) async fn wait(&self) {
        self.0.1.notified().await;
    }
}
