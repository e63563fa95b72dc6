//! The processor as the models see it: one M per thread at a time. Stacks are not switched.

use super::{Gobuf, OnG0Fn};
use std::cell::Cell;
use std::ptr;

loom::thread_local! {
    static M: Cell<*mut u8> = Cell::new(ptr::null_mut());
}

pub(crate) fn current_m() -> *mut u8 {
    M.with(Cell::get)
}

pub(crate) fn set_current_m(m: *mut u8) {
    M.with(|cell| cell.set(m));
}

pub(crate) unsafe fn mcall(_f: OnG0Fn, _from: *mut Gobuf, _m: *mut Gobuf) {
    unreachable!("a model switched stacks")
}

pub(crate) fn prefetch(_at: *const u8) {}

pub fn prefetch_to_write(_at: *const u8) {}
