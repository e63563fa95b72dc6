// A read guard does not allow writing.
use gort::sync::RwLock;

static TABLE: RwLock<Vec<u32>> = RwLock::new(Vec::new());

fn main() {
    TABLE.read().push(1);
}
// fix: `TABLE.write().push(1)`.
