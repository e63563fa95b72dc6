// The compiler does not check which functions run between fork and exec.
use gort::process::Command;

fn main() {
    let mut command = Command::new("server");
    command.pre_exec(|| Ok(()));
}
// fix: `unsafe`, with a comment that says why the closure does only what a signal handler may do.
