// A group's function says how it went.
use gort::sync::ErrGroup;

fn main() {
    let group = ErrGroup::<String>::new();
    group.go(|| println!("done"));
    group.wait().unwrap();
}
// fix: end with `Ok(())`; if nothing can fail, a `WaitGroup`.
