// A mapped write guard cannot be downgraded.
use gort::sync::{RwLock, RwLockWriteGuard};

static TABLE: RwLock<(u32, u32)> = RwLock::new((1, 2));

fn main() {
    let first = RwLockWriteGuard::map(TABLE.write(), |table| &mut table.0);
    let _reader = RwLockWriteGuard::downgrade(first);
}
// fix: downgrade the guard of `TABLE.write()`, and map that.
