// The lock is released at once.
#![deny(unused_must_use)]
use gort::sync::RwLock;

static TABLE: RwLock<Vec<u32>> = RwLock::new(Vec::new());

fn main() {
    TABLE.read();
}
// fix: keep the guard: `let table = TABLE.read();`.
