// Without its handle a context cannot be cancelled (here: with a cause).
#![deny(unused_must_use)]
use gort::context::{CancelCause, Context};

fn part_of(parent: &Context) -> CancelCause {
    let (_ctx, cancel) = parent.with_cancel_cause();
    cancel
}

fn main() {
    part_of(&Context::background());
}
// fix: keep the handle, and give a cause: `cancel.cancel("too late")`.
