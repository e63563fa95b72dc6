//! Traces and profiles: records for some seconds, and sends the result as a download.

use crate::answer::{Answer, Responder};
use crate::query;
use crate::request::Head;
use crate::site::Site;
use gort::runtime::profile::Profile;
use gort::runtime::trace as runtime_trace;
use gort_runtime::ProfileWindow;
use std::env;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

/// The duration of a recording if the request does not name one.
const SECONDS: f64 = 5.0;
/// The maximum duration of a recording.
const MOST_SECONDS: f64 = 300.0;

/// Records a trace of the next seconds, and answers with it.
pub(crate) fn trace(
    head: &Head,
    site: &Site,
    wait: &mut dyn FnMut(Duration) -> bool,
    to: &Responder<'_>,
) -> io::Result<()> {
    let Some(time) = seconds(head) else {
        return refuse_seconds(to);
    };
    match record(time, wait) {
        Ok(folder) => {
            let mut file = File::open(folder.file())?;
            // The open file stays readable. So nothing is left behind while the client reads.
            drop(folder);
            let mut answer = download(to, &site.file_name("pftrace"));
            let mut chunk = vec![0; 64 * 1024];
            loop {
                match file.read(&mut chunk)? {
                    0 => return answer.finish(),
                    n => answer.write_all(&chunk[..n])?,
                }
            }
        }
        Err(e) => {
            let status = match e.kind() {
                ErrorKind::ResourceBusy => 409,
                ErrorKind::Unsupported => 501,
                ErrorKind::ConnectionAborted => return Err(e),
                _ => 500,
            };
            to.text(status, &e.to_string())
        }
    }
}

/// Records a trace for this time, into a file of its own.
fn record(time: Duration, wait: &mut dyn FnMut(Duration) -> bool) -> io::Result<Folder> {
    let folder = Folder::new()?;
    runtime_trace::start(folder.file())?;
    // If the client has disconnected, `wait` returns early and the trace ends at once.
    let is_wanted = wait(time);
    runtime_trace::stop()?;
    match is_wanted {
        true => Ok(folder),
        false => Err(ErrorKind::ConnectionAborted.into()),
    }
}

/// A folder that no other user can look into. Dropping it removes it together with its file.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let parent = env::temp_dir();
        // Takes the first free name. Creating the folder also fails if the name is a link to
        // elsewhere.
        for number in 0.. {
            let path = parent.join(format!("gort-debug-{}-{number}", process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(e) if e.kind() == ErrorKind::AlreadyExists && number < 1000 => {}
                Err(e) => return Err(e),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn file(&self) -> PathBuf {
        self.0.join("trace")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If removing fails, the file stays in the folder of temporary files.
        fs::remove_file(self.file()).ok();
        fs::remove_dir(&self.0).ok();
    }
}

/// Records the waits of the next seconds, and answers with them.
pub(crate) fn waits(
    which: fn() -> Profile,
    head: &Head,
    site: &Site,
    wait: &mut dyn FnMut(Duration) -> bool,
    to: &Responder<'_>,
) -> io::Result<()> {
    let (Some(time), Some(format)) = (seconds(head), Format::of(head)) else {
        return match seconds(head) {
            None => refuse_seconds(to),
            Some(_) => refuse_format(to),
        };
    };
    let window = ProfileWindow::open(which);
    if !wait(time) {
        return Err(ErrorKind::ConnectionAborted.into());
    }
    format.write(&window.close(), site, to)
}

/// Answers with the current state of a profile.
pub(crate) fn profile(
    which: fn() -> Profile,
    head: &Head,
    site: &Site,
    to: &Responder<'_>,
) -> io::Result<()> {
    match Format::of(head) {
        Some(format) => format.write(&which(), site, to),
        None => refuse_format(to),
    }
}

/// The format of a profile.
#[derive(Clone, Copy)]
enum Format {
    Pprof,
    Folded,
}

impl Format {
    /// Returns the format that the request asks for, or `None` if there is no such format.
    fn of(head: &Head) -> Option<Self> {
        match query::value(&head.query, "format").as_deref() {
            None | Some("pprof") => Some(Self::Pprof),
            Some("folded") => Some(Self::Folded),
            Some(_) => None,
        }
    }

    fn write(self, profile: &Profile, site: &Site, to: &Responder<'_>) -> io::Result<()> {
        let mut answer = match self {
            Self::Pprof => download(to, &site.file_name("pb")),
            Self::Folded => to.begin(200, "text/plain; charset=utf-8"),
        };
        match self {
            Self::Pprof => profile.pprof(&mut answer)?,
            Self::Folded => profile.folded(&mut answer)?,
        }
        answer.finish()
    }
}

/// Begins an answer that a browser saves as a file.
fn download<'a>(to: &'a Responder<'_>, name: &str) -> Answer<'a> {
    let mut answer = to.begin(200, "application/octet-stream");
    let value = format!("attachment; filename=\"{name}\"");
    answer.field("Content-Disposition", &value);
    answer
}

/// Returns the duration that the request asks for, or `None` if it is not a number or out of range.
fn seconds(head: &Head) -> Option<Duration> {
    let seconds = match query::value(&head.query, "seconds") {
        Some(text) => text.parse().ok()?,
        None => SECONDS,
    };
    let is_good = seconds > 0.0 && seconds <= MOST_SECONDS;
    is_good.then(|| Duration::from_secs_f64(seconds))
}

fn refuse_seconds(to: &Responder<'_>) -> io::Result<()> {
    let text = format!("`seconds` must be a number above 0 and at most {MOST_SECONDS}");
    to.text(400, &text)
}

fn refuse_format(to: &Responder<'_>) -> io::Result<()> {
    to.text(400, "`format` must be pprof or folded")
}
