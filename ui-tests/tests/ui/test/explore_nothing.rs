// No schedule is no test.
#[gort::test(explore = 0)]
fn is_never_run() {
    unreachable!();
}

fn main() {}
