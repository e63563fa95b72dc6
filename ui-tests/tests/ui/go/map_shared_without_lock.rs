// Two goroutines write to a map (GoKer's data races).
use gort::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

fn main() {
    let seen = Arc::new(HashMap::new());
    for id in 0..2 {
        go!(clone [seen]; {
            seen.insert(id, true);
        });
    }
}
// fix: `Arc<Mutex<HashMap<…>>>`.
// GK12
