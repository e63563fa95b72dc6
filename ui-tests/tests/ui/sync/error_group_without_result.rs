// The function of an error group returns a `Result`.
use gort::sync::ErrGroup;

fn main() {
    let group = ErrGroup::<String>::new();
    group.go(|| println!("done"));
    group.wait().unwrap();
}
// fix: end with `Ok(())`; if nothing can fail, use a `WaitGroup`.
