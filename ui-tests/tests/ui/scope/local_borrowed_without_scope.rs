// `join` waits, but the compiler does not know that.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    let sum = spawn(|| values.iter().sum::<i32>()).join();
    println!("{values:?}: {sum:?}");
}
// fix: borrow inside a scope: `gort::scope(|s| go!(in s; || values.iter().sum::<i32>()).join())`.
