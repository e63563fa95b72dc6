// In parentheses a variable is a value, made before the choice; it can be made once.
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
// fix: without the parentheses: `first <- name => {}`; a variable moves only in the chosen arm.
