//! Says where goroutines are threads (`cfg(gort_threads)`, see `src/threads/README.md`): under Miri, and on systems for
//! which there is no native scheduler; elsewhere with `RUSTFLAGS="--cfg gort_threads"`.
//!
//! `--cfg gort_native` says no to Miri: gort's own tests of records run there (`.ci/miri`), and little else could.
//!
//! It exists anyhow, so that `links` in Cargo.toml forbids two schedulers in one program.

use std::env;

/// Systems that have everything but a native scheduler.
const WITHOUT_SCHEDULER: [&str; 1] = ["macos"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let has = |cfg: &str| env::var_os(format!("CARGO_CFG_{cfg}")).is_some();
    let is_miri = has("MIRI") && !has("GORT_NATIVE");
    // Only nightly names sanitizers, and only there they can be had.
    let sanitizers = env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    let sanitizes = |by: &str| sanitizers.split(',').any(|one| one == by);
    if is_miri || sanitizes("thread") || WITHOUT_SCHEDULER.contains(&os.as_str()) {
        println!("cargo::rustc-cfg=gort_threads");
    } else if sanitizes("address") && !has("GORT_THREADS") {
        println!("cargo::rustc-cfg=gort_asan");
    }
}
