//! Parses the head of a request, strictly. Ambiguous requests are refused, since two servers that
//! understand the same bytes differently can be exploited.

/// Why a request is refused: the status of the answer.
pub(crate) type Refusal = u16;

/// The head of a request, as slices of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a [u8],
    /// The path, still encoded, without the query.
    pub(crate) path: &'a [u8],
    /// Length of the head, and of the body that follows.
    pub(crate) size: usize,
    pub(crate) body: u64,
    /// Whether the client expects another answer on this connection.
    pub(crate) keep_alive: bool,
    /// The date of the client's copy.
    pub(crate) modified_since: Option<&'a [u8]>,
}

/// Parses the head at the beginning of `bytes`. Returns `None` if it is incomplete.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head<'_>>, Refusal> {
    // An empty line before a request is allowed, because some clients send one after a body.
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let Some(length) = end_of_head(&bytes[skipped..]) else {
        return Ok(None);
    };
    // Includes the line break of the last line, but not the empty line.
    let mut lines = Lines(&bytes[skipped..skipped + length - 2]);
    let line = lines.next().ok_or(400_u16)??;
    let [method, path, version] = request_line(line)?;
    let mut head = Head {
        method,
        path,
        size: skipped + length,
        body: 0,
        keep_alive: version == b"HTTP/1.1",
        modified_since: None,
    };
    let (mut hosts, mut lengths) = (0, 0);
    for line in lines {
        let (name, value) = field(line?)?;
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        } else if name.eq_ignore_ascii_case(b"connection") {
            for word in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
                if word.eq_ignore_ascii_case(b"close") {
                    head.keep_alive = false;
                } else if word.eq_ignore_ascii_case(b"keep-alive") && version == b"HTTP/1.0" {
                    head.keep_alive = true;
                }
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            lengths += 1;
            head.body = number(value)?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(501);
        } else if name.eq_ignore_ascii_case(b"expect") {
            return Err(417);
        } else if name.eq_ignore_ascii_case(b"if-modified-since") {
            head.modified_since = Some(value);
        }
    }
    let enough_hosts = hosts == 1 || (hosts == 0 && version == b"HTTP/1.0");
    if !enough_hosts || lengths > 1 {
        return Err(400);
    }
    Ok(Some(head))
}

/// Returns the number of bytes up to and including the empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|&b| b == b'\n') {
        let after = from + at + 1;
        // A lone line break does not end the head. It is refused when the lines are read.
        if bytes[after..].starts_with(b"\r\n") {
            return Some(after + 2);
        }
        from = after;
    }
    None
}

/// The lines of a head, each of which must end in CR LF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.0.iter().position(|&b| b == b'\n')?;
        let (line, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        let line = line.strip_suffix(b"\r").ok_or(400);
        Some(line.and_then(|line| {
            if line.contains(&b'\r') {
                Err(400)
            } else {
                Ok(line)
            }
        }))
    }
}

/// Splits a line into method, path and version.
fn request_line(line: &[u8]) -> Result<[&[u8]; 3], Refusal> {
    let mut words = line.split(|&b| b == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
    else {
        return Err(400);
    };
    if !is_token(method) || target.iter().any(|&b| b <= b' ' || b == 0x7f) {
        return Err(400);
    }
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => {}
        _ if version.starts_with(b"HTTP/") => return Err(505),
        _ => return Err(400),
    }
    // The form for proxies: `http://host/path`.
    let target = match target.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"http://") => {
            let slash = rest.iter().position(|&b| b == b'/').ok_or(400_u16)?;
            &rest[slash..]
        }
        _ => target,
    };
    if !target.starts_with(b"/") {
        return Err(400);
    }
    let path = target.split(|&b| b == b'?').next().unwrap_or_default();
    Ok([method, path, version])
}

/// Splits a line `name: value`.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let colon = line.iter().position(|&b| b == b':').ok_or(400_u16)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is_text = |&b: &u8| b >= b' ' && b != 0x7f || b == b'\t';
    // A token contains no space, so this also refuses continuation lines.
    if is_token(name) && value.iter().all(is_text) {
        Ok((name, value))
    } else {
        Err(400)
    }
}

fn is_token(text: &[u8]) -> bool {
    let is_one = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !text.is_empty() && text.iter().all(is_one)
}

/// Parses digits and nothing else.
fn number(text: &[u8]) -> Result<u64, Refusal> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(400);
    }
    let text = std::str::from_utf8(text).map_err(|_| 400_u16)?;
    text.parse().map_err(|_| 413)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let text = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: then\r\n\r\nGET";
        for end in 0..text.len() - 3 {
            assert_eq!(head(&text[..end]), Ok(None), "{end}");
        }
        let expected = Head {
            method: b"GET",
            path: b"/a%20b",
            size: text.len() - 3,
            body: 0,
            keep_alive: true,
            modified_since: Some(b"then"),
        };
        assert_eq!(head(text), Ok(Some(expected)));
    }

    #[test]
    fn a_client_keeps_the_connection_by_a_header_or_by_http_1_1() {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nhost:x\r\n\r\n", true),
            (
                "GET / HTTP/1.1\r\nhost:x\r\nConnection: a, CLOSE\r\n\r\n",
                false,
            ),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nconnection:keep-alive\r\n\r\n", true),
            ("\r\nGET http://x/ HTTP/1.1\r\nhost:x\r\n\r\n", true),
        ] {
            let read = head(text.as_bytes()).map(|head| head.map(|head| head.keep_alive));
            assert_eq!(read, Ok(Some(expected)), "{text:?}");
        }
    }

    #[test]
    fn what_may_mean_two_things_is_refused() {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost:x\r\nhost:y\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost:x\r\n continued\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost :x\r\n\r\n", 400),
            ("GET / HTTP/1.1\nhost:x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost:x\r\na:b\rc\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost:x\r\na:b\0c\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nhost:x\r\n\r\n", 400),
            ("GET / HTTP/1.1 \r\nhost:x\r\n\r\n", 400),
            ("GET a HTTP/1.1\r\nhost:x\r\n\r\n", 400),
            ("GET http://x HTTP/1.1\r\nhost:x\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nhost:x\r\n\r\n", 505),
            ("GET / x\r\nhost:x\r\n\r\n", 400),
            (
                "GET / HTTP/1.1\r\nhost:x\r\ncontent-length:1\r\ncontent-length:1\r\n\r\n",
                400,
            ),
            ("GET / HTTP/1.1\r\nhost:x\r\ncontent-length:+1\r\n\r\n", 400),
            (
                "GET / HTTP/1.1\r\nhost:x\r\ncontent-length:99999999999999999999\r\n\r\n",
                413,
            ),
            (
                "GET / HTTP/1.1\r\nhost:x\r\ntransfer-encoding:chunked\r\n\r\n",
                501,
            ),
            (
                "GET / HTTP/1.1\r\nhost:x\r\nexpect:100-continue\r\n\r\n",
                417,
            ),
        ] {
            assert_eq!(head(text.as_bytes()), Err(expected), "{text:?}");
        }
    }
}
