// A process ends with an `ExitCode`, not with a plain number.
#[gort::main]
fn main() -> i32 {
    0
}
// fix: return an `ExitCode` or a `Result`, or call `std::process::exit`.
