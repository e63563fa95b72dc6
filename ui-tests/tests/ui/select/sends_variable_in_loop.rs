// Sent once, it is gone.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<String>(1);
    let name = String::from("gopher");
    loop {
        select! {
            tx <- name => {}
        }
    }
}
// fix: leave the loop in the arm, or put another value into the variable; or send a clone.
