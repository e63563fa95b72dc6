// The first error of the group would be lost.
#![deny(unused_must_use)]
use gort::sync::ErrGroup;

fn main() {
    let group = ErrGroup::new();
    group.go(|| Err("failed"));
    group.wait();
}
// fix: `group.wait()?;`.
