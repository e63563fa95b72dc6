// `sleep` has returned before the select begins.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        <-gort::time::sleep(Duration::from_secs(1)) => {}
    }
}
// fix: `after(Duration::from_secs(1)) => {}`.
