//! `kernel NAME`: runs a program that gets stuck, in a process without libtest's threads, which
//! could wake any goroutine.

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    gort_tests::kernels::run_broken(&name);
}
