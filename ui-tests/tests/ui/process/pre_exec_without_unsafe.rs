// What runs between fork and exec is not checked by the compiler.
use gort::process::Command;

fn main() {
    let mut command = Command::new("server");
    command.pre_exec(|| Ok(()));
}
// fix: `unsafe`, and a comment that says why the closure does only what a signal handler may.
