//! Opens the files of one folder, and no others: whatever a path says, the file must be in the
//! folder.
//!
//! The check comes after the file has been opened: `/proc/self/fd` says where the opened file is,
//! whatever links led there. If the path were checked before, a link that another program puts
//! there in between could defeat the check.

use gort_examples::{Failure, Outcome};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::date;
use crate::request::Refusal;

/// A folder whose files are served.
pub(crate) struct Folder {
    /// Its path without links.
    root: PathBuf,
}

/// What a path leads to.
pub(crate) enum Found {
    File(Opened),
    /// A folder. Its path must end in a slash, so that the links in its page lead into it.
    Folder,
}

/// An open file to be sent.
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) size: u64,
    /// When it was last changed, in seconds since 1970.
    pub(crate) modified: u64,
    pub(crate) kind: &'static str,
}

impl Folder {
    pub(crate) fn open(dir: &Path) -> Outcome<Self> {
        let root = fs::canonicalize(dir).map_err(Failure::at(dir))?;
        if root.is_dir() {
            Ok(Self { root })
        } else {
            Err(Failure::Failed(format!("{dir:?}: not a folder")))
        }
    }

    /// Opens what the path of a request names.
    pub(crate) fn find(&self, path: &[u8]) -> Result<Found, Refusal> {
        let mut at = self.root.clone();
        let mut is_folder = false;
        for segment in path[1..].split(|&b| b == b'/') {
            if is_folder {
                // There is an empty name in the middle of the path.
                return Err(404);
            }
            if segment.is_empty() {
                is_folder = true;
                continue;
            }
            let name = decoded(segment)?;
            // `.` and `..` are refused, and so are hidden files like `.git` and `.env`.
            if name.starts_with(b".") || name.contains(&b'/') || name.contains(&0) {
                return Err(404);
            }
            at.push(OsStr::from_bytes(&name));
        }
        if is_folder {
            at.push("index.html");
        }
        self.open_at(&at, is_folder).map_err(|e| match e.kind() {
            ErrorKind::PermissionDenied => 403,
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => 404,
            _ if e.raw_os_error() == Some(libc::ELOOP) => 404,
            // Most likely there are no free descriptors.
            _ => 503,
        })
    }

    fn open_at(&self, path: &Path, is_index: bool) -> io::Result<Found> {
        // Without O_NONBLOCK, opening a FIFO without a writer would block.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        if !real.starts_with(&self.root) {
            return Err(ErrorKind::NotFound.into());
        }
        let metadata = file.metadata()?;
        if metadata.is_dir() && !is_index {
            return Ok(Found::Folder);
        }
        if !metadata.is_file() {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(Found::File(Opened {
            file,
            size: metadata.len(),
            modified: metadata.modified().map_or(0, date::seconds),
            kind: kind(path),
        }))
    }
}

/// Decodes the `%XX` in a segment of a path.
fn decoded(segment: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut name = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            name.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return Err(400);
        };
        let digit = |b: u8| char::from(b).to_digit(16).ok_or(400_u16);
        name.push((digit(*high)? * 16 + digit(*low)?) as u8);
        rest = tail;
    }
    Ok(name)
}

/// Returns the content type of a file.
fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(OsStr::to_str) {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("md" | "txt" | "rs" | "toml") => "text/plain; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("ico") => "image/x-icon",
        Some("wasm") => "application/wasm",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once() {
        assert_eq!(decoded(b"a%20b%25%2e").as_deref(), Ok(&b"a b%."[..]));
        assert_eq!(decoded(b"%252e").as_deref(), Ok(&b"%2e"[..]));
        for wrong in [&b"%"[..], b"%2", b"%2x", b"%+1"] {
            assert_eq!(decoded(wrong), Err(400));
        }
    }
}
