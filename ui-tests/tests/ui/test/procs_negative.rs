// The number of procs is above zero.
#[gort::test(procs = -1)]
fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
