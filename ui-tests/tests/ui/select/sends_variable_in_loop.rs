// A variable can be sent only once.
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
// fix: leave the loop in the arm, or assign another value to the variable; or send a clone.
