//! `free.rs` under loom: the models have no records.

#[derive(Debug)]
pub(crate) struct FreeRecords;

impl FreeRecords {
    pub(crate) fn new() -> Self {
        Self
    }
}
