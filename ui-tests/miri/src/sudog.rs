//! The record of a waiting arm.

use crate::Waiter;
use std::cell::Cell;
use std::ptr;

#[derive(Debug, Default)]
pub struct SelectWord(pub(crate) Cell<Option<usize>>);

#[derive(Debug)]
pub struct Sudog {
    pub(crate) success: Cell<bool>,
    pub(crate) elem: Cell<*mut u8>,
    word: Cell<*const SelectWord>,
    case: Cell<usize>,
}

impl Sudog {
    pub(crate) fn new() -> Self {
        Self {
            success: Cell::new(false),
            elem: Cell::new(ptr::null_mut()),
            word: Cell::new(ptr::null()),
            case: Cell::new(0),
        }
    }

    pub(crate) fn enter(&self, _: Waiter, elem: *mut u8, word: &SelectWord, case: usize) {
        self.elem.set(elem);
        self.word.set(word);
        self.case.set(case);
    }

    /// Tries to win the select for this arm. Returns whether it did.
    pub(crate) fn win(&self) -> bool {
        // SAFETY: the select keeps its word valid until it has dequeued the record.
        let word = unsafe { &*self.word.get() };
        let won = word.0.get().is_none();
        if won {
            word.0.set(Some(self.case.get()));
        }
        won
    }
}
