// The variable may have been sent.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded::<String>(1);
    let name = String::from("gopher");
    select! {
        tx <- name => {}
        <-rx => {}
    }
    println!("{name}");
}
// fix: use it in the arms in which it was not sent; or send a clone.
