// Only one `default` can run.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        default => println!("first"),
        <-rx => {}
        default => println!("second"),
    }
}
