// Only one time-out can apply.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        after(Duration::from_secs(1)) => println!("slow"),
        after(Duration::from_secs(9)) => println!("slower"),
    }
}
