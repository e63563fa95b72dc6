// A body that is not a block ends with a comma.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => println!("received")
        default => {}
    }
}
// fix: `<-rx => println!("received"),`
