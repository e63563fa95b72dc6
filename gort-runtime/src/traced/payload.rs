//! What an event points to, as a number: places, which are there for ever, and texts, which the event owns.
//!
//! A text is a leaked box. An event with one is made once, and passes by a ring to the reader, which calls
//! [`take_name`], [`take_region`] or [`forget`] once for it. An event that no ring has taken is undone by who made it.

use crate::traced::event::Kind;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

/// Returns a place as a number, 0 for none.
pub(crate) fn place(at: Option<&'static Location<'static>>) -> u64 {
    at.map_or(0, |at| ptr::from_ref(at).expose_provenance() as u64)
}

/// Returns the place that a number from [`place`] stands for.
pub(crate) fn location(word: u64) -> Option<&'static Location<'static>> {
    // SAFETY: the words that events of the kinds with a place hold are from `place`: 0 or the exposed address of a
    // `&'static Location`.
    unsafe { ptr::with_exposed_provenance::<Location<'static>>(word as usize).as_ref() }
}

/// Returns a goroutine's name as the word of a [`Kind::Named`].
pub(crate) fn name(name: Arc<str>) -> u64 {
    Box::into_raw(Box::new(name)).expose_provenance() as u64
}

/// Returns a region's name as the word of a [`Kind::Enters`].
pub(crate) fn region(name: &str) -> u64 {
    Box::into_raw(Box::new(Box::<str>::from(name))).expose_provenance() as u64
}

/// Takes the name that a word from [`name`] stands for.
///
/// # Safety
/// It has not been taken.
pub(crate) unsafe fn take_name(word: u64) -> Arc<str> {
    // SAFETY: caller's clause: the word is the address of `name`'s box, which is taken back once.
    *unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Arc<str>>(word as usize)) }
}

/// Takes the name that a word from [`region`] stands for.
///
/// # Safety
/// It has not been taken.
pub(crate) unsafe fn take_region(word: u64) -> Box<str> {
    // SAFETY: caller's clause: the word is the address of `region`'s box, which is taken back once.
    *unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Box<str>>(word as usize)) }
}

/// Frees the text of an event that nobody wants, if it has one.
///
/// # Safety
/// It has not been taken.
pub(crate) unsafe fn forget(kind: Kind, word: u64) {
    // SAFETY: the kind says where the word is from; the rest is the caller's clause.
    unsafe {
        match kind {
            Kind::Named => drop(take_name(word)),
            Kind::Enters => drop(take_region(word)),
            _ => {}
        }
    }
}
