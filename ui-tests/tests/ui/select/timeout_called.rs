// The time-out of a select is called `after`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        gort::time::sleep(Duration::from_secs(1)) => {}
    }
}
