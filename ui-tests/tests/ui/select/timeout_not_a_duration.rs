// The time-out has no unit.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        after(1) => println!("time-out"),
    }
}
// fix: `after(Duration::from_secs(1)) => …`.
