// A variable in parentheses is a value, which is evaluated before the choice, and only once.
use gort::prelude::*;

fn main() {
    let (first, _rx) = bounded::<String>(1);
    let (second, _rx) = bounded::<String>(1);
    let name = String::from("gopher");
    select! {
        first <- (name) => {}
        second <- (name) => {}
    }
}
// fix: remove the parentheses, `first <- name => {}`; a variable moves only in the chosen arm.
