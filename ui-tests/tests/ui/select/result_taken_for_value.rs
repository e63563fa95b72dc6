// A receive returns a `Result`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let value: u32 = select! {
        value = <-rx => value,
    };
    println!("{value}");
}
// fix: `Ok(value) = <-rx else { … } => value`.
