//! Says where goroutines are threads (`cfg(gort_threads)`, see `src/threads/README.md`): under Miri, and on systems for
//! which there is no native scheduler; elsewhere with `RUSTFLAGS="--cfg gort_threads"`.
//!
//! It exists anyhow, so that `links` in Cargo.toml forbids two schedulers in one program.

use std::env;

/// Systems that have everything but a native scheduler.
const WITHOUT_SCHEDULER: [&str; 1] = ["macos"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_CFG_MIRI");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if env::var_os("CARGO_CFG_MIRI").is_some() || WITHOUT_SCHEDULER.contains(&os.as_str()) {
        println!("cargo::rustc-cfg=gort_threads");
    }
}
