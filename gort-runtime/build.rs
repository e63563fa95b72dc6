//! Decides whether goroutines are threads (`cfg(gort_threads)`, see `src/threads/README.md`): under
//! Miri and ThreadSanitizer, and on systems without a native scheduler. Elsewhere
//! `RUSTFLAGS="--cfg gort_threads"` asks for it.
//!
//! `--cfg gort_native` keeps the native scheduler under Miri. gort's own tests of records run that
//! way (`.ci/miri`); code that switches stacks cannot.
//!
//! Without this script `links` in Cargo.toml could not forbid two schedulers in one program.

use std::env;

/// Systems that have everything but a native scheduler.
const WITHOUT_SCHEDULER: [&str; 1] = ["macos"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let has = |cfg: &str| env::var_os(format!("CARGO_CFG_{cfg}")).is_some();
    let is_miri = has("MIRI") && !has("GORT_NATIVE");
    // Only nightly compilers have sanitizers, and only they set this variable.
    let sanitizers = env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    let sanitizes = |by: &str| sanitizers.split(',').any(|one| one == by);
    if is_miri || sanitizes("thread") || WITHOUT_SCHEDULER.contains(&os.as_str()) {
        println!("cargo::rustc-cfg=gort_threads");
    } else if sanitizes("address") && !has("GORT_THREADS") {
        println!("cargo::rustc-cfg=gort_asan");
    }
}
