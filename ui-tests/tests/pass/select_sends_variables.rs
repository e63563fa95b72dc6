// A variable moves only in the chosen arm, so several arms may send it.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

pub(crate) fn main() {
    let (full, _keep) = bounded::<String>(0);
    let (tx, rx) = bounded::<String>(1);
    let name = String::from("gopher");
    select! {
        full <- name => {}
        tx <- name => {}
    }
    let again = String::from("again");
    let kept = select! {
        tx <- again => None,
        refused = full <- again => refused.err().map(|error| error.0),
        default => Some(again),
    };
    assert_eq!(kept.as_deref(), Some("again"));
    let mut pending = Some(String::from("pending"));
    while let Some(next) = pending.take() {
        select! {
            tx <- next => {}
            received = <-rx => {
                assert_eq!(received.as_deref(), Ok("gopher"));
                pending = Some(next);
            }
        }
    }
    assert_eq!(rx.recv().as_deref(), Ok("pending"));
    // The select's own `unsafe` block does not count as unused inside the user's.
    let inside = String::from("inside");
    // SAFETY: `name` points to a live string.
    let length = unsafe {
        let name = &raw const inside;
        let length = String::len(&*name);
        select! { tx <- inside => length }
    };
    assert_eq!((length, rx.recv().as_deref()), (6, Ok("inside")));
}
