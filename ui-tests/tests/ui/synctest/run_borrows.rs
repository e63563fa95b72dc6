// The bubble's goroutines may outlive the caller if they deadlock.
use gort::prelude::*;
use gort::{synctest, time};

fn main() {
    let limit = Duration::from_secs(60);
    let passed = synctest::run(|| {
        time::sleep(limit);
        time::now()
    });
    println!("{passed:?}");
}
// fix: `move || …`.
