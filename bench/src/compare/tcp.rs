//! `tcp_echo`: a server with one worker on the first core, and the client of `peers/load` on the
//! second. A program takes part if it knows the workload `tcp_echo`: it prints `LISTENING PORT` and
//! then echoes 64 bytes at a time on every connection until it is killed.

use super::busy::cpu_us;
use super::run::{Run, output_of};
use super::{By, Plan, Programs, Series};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that is killed at the end of the run.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn once(series: &Series, plan: &Plan, programs: &Programs) -> Result<Run, String> {
    let load = programs.load().ok_or("no client")?;
    let (port, server) = start(series.by, programs)?;
    let (warm_up, seconds) = if plan.divisor == 1 {
        ("0.3", "1.0")
    } else {
        ("0.1", "0.3")
    };
    let mut client = pinned(1, load);
    client.args(["client", &port, &series.n.to_string(), seconds, warm_up]);
    let before = cpu_us(server.0.id());
    let printed = output_of(client)?;
    let cpu = cpu_us(server.0.id()) - before;
    let mut run = Run::parse(
        printed.trim(),
        &format!("workload=tcp_echo n={} ", series.n),
    )?;
    let answered = run.get("answered").ok_or("no number of answers")?;
    run.set("server_us", cpu / answered);
    Ok(run)
}

fn start(by: By, programs: &Programs) -> Result<(String, Server), String> {
    let mut command = pinned(0, programs.of(by).ok_or("not built")?);
    match by {
        By::C => command.arg("server"),
        _ => {
            by.prepare(&mut command);
            command.args(["tcp_echo", "1", "0"])
        }
    };
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut server = Server(child);
    let mut line = String::new();
    if let Some(out) = &mut server.0.stdout {
        BufReader::new(out)
            .read_line(&mut line)
            .map_err(|e| e.to_string())?;
    }
    let port = line
        .strip_prefix("LISTENING ")
        .ok_or("the server does not listen")?;
    Ok((port.trim().to_owned(), server))
}

fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}
