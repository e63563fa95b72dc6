// None of the forms.
use gort::prelude::*;

fn main() {
    select! {
        => println!("nothing"),
    }
}
