//! Data that an event refers to by a number: source locations, which are static, and texts, which
//! the event owns.
//!
//! A text is a leaked box. One event has it, and a log passes that event to the reader, which calls
//! [`take_name`], [`take_region`] or [`forget`] once for it. If no log accepts the event, the code
//! that made the text frees it.

use crate::traced::event::Kind;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

/// Returns a place as a number, or 0 for `None`.
pub(crate) fn place(at: Option<&'static Location<'static>>) -> u64 {
    at.map_or(0, |at| ptr::from_ref(at).expose_provenance() as u64)
}

/// Returns the place for a number from [`place`].
pub(crate) fn location(word: u64) -> Option<&'static Location<'static>> {
    // SAFETY: events of the kinds with a place hold words from `place`: 0 or the exposed address of
    // a `&'static Location`.
    unsafe { ptr::with_exposed_provenance::<Location<'static>>(word as usize).as_ref() }
}

/// Leaks a box with a goroutine's name and returns it as the word of a [`Kind::Named`].
pub(crate) fn name(name: Arc<str>) -> u64 {
    Box::into_raw(Box::new(name)).expose_provenance() as u64
}

/// Leaks a box with a copy of a region's name and returns it as the word of a [`Kind::Enters`].
pub(crate) fn region(name: &str) -> u64 {
    Box::into_raw(Box::new(Box::<str>::from(name))).expose_provenance() as u64
}

/// Takes the name back from a word that [`name`] returned.
///
/// # Safety
/// The name has not been taken back yet.
pub(crate) unsafe fn take_name(word: u64) -> Arc<str> {
    // SAFETY: the word is the address of `name`'s box, and the caller takes it back only once.
    *unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Arc<str>>(word as usize)) }
}

/// Takes the name back from a word that [`region`] returned.
///
/// # Safety
/// The name has not been taken back yet.
pub(crate) unsafe fn take_region(word: u64) -> Box<str> {
    // SAFETY: the word is the address of `region`'s box, and the caller takes it back only once.
    *unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Box<str>>(word as usize)) }
}

/// Frees the text of an event that will not be used, if it has one.
///
/// # Safety
/// `word` is the event's word, and the text has not been taken back yet.
pub(crate) unsafe fn forget(kind: Kind, word: u64) {
    // SAFETY: the kind says which function made the word. The caller guarantees that the text has
    // not been taken back yet.
    unsafe {
        match kind {
            Kind::Named => drop(take_name(word)),
            Kind::Enters => drop(take_region(word)),
            _ => {}
        }
    }
}
