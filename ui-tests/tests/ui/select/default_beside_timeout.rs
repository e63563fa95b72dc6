// With `default` the select never waits.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        after(Duration::from_secs(1)) => println!("slow"),
        default => println!("not now"),
    }
}
