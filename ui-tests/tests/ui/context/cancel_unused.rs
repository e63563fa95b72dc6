// Without its handle a context cannot be cancelled.
#![deny(unused_must_use)]
use gort::context::{Cancel, Context};

fn part_of(parent: &Context) -> Cancel {
    let (_ctx, cancel) = parent.with_cancel();
    cancel
}

fn main() {
    part_of(&Context::background());
}
// fix: keep the handle, and `defer! { cancel.cancel(); }`.
