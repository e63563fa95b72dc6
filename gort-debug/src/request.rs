//! Parses the head of a request.

use httparse::{EMPTY_HEADER, Status};

/// The maximum number of bytes in a head.
pub(crate) const LONGEST_HEAD: usize = 8 * 1024;
/// The maximum number of fields in a head.
const MOST_FIELDS: usize = 64;

/// The method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Method {
    #[default]
    Get,
    Head,
    Post,
    Other,
}

/// The head of a request, as far as the answer depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// The path as it was sent, and the part after the `?`.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) host: Option<String>,
    pub(crate) origin: Option<String>,
    /// The fields `Sec-Fetch-…`, in which a browser says why it sends the request.
    pub(crate) fetch_site: Option<String>,
    pub(crate) fetch_mode: Option<String>,
    pub(crate) fetch_dest: Option<String>,
    /// Whether the client speaks HTTP/1.1 and therefore understands chunks.
    pub(crate) is_1_1: bool,
    /// Whether the client may send further requests on this connection.
    pub(crate) keep_alive: bool,
    /// The size of the body that follows.
    pub(crate) body: u64,
    /// The size of the head.
    pub(crate) size: usize,
}

/// Parses the head at the beginning of `bytes`. Returns `None` if it is not complete yet. An error
/// is the status to answer with.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head>, u16> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let size = match parsed.parse(bytes) {
        Ok(Status::Complete(size)) => size,
        Ok(Status::Partial) if bytes.len() < LONGEST_HEAD => return Ok(None),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(431),
        Err(httparse::Error::Version) => return Err(505),
        Err(_) => return Err(400),
    };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(400);
    };
    if !target.starts_with('/') {
        return Err(400);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut head = Head {
        method: match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            _ => Method::Other,
        },
        path: path.to_owned(),
        query: query.to_owned(),
        is_1_1: version == 1,
        keep_alive: version == 1,
        size,
        ..Head::default()
    };
    let mut length = None;
    for field in parsed.headers.iter() {
        let value = std::str::from_utf8(field.value).map_err(|_| 400_u16)?;
        let name = field.name.to_ascii_lowercase();
        let once = match name.as_str() {
            "host" => &mut head.host,
            "origin" => &mut head.origin,
            "sec-fetch-site" => &mut head.fetch_site,
            "sec-fetch-mode" => &mut head.fetch_mode,
            "sec-fetch-dest" => &mut head.fetch_dest,
            "content-length" => &mut length,
            "transfer-encoding" => return Err(501),
            "expect" => return Err(417),
            "connection" => {
                let mut words = value.split(',').map(str::trim);
                if words.any(|word| word.eq_ignore_ascii_case("close")) {
                    head.keep_alive = false;
                }
                continue;
            }
            _ => continue,
        };
        // If a field is there twice, it is unclear which of the two counts, so the request is
        // refused.
        if once.replace(value.to_owned()).is_some() {
            return Err(400);
        }
    }
    if let Some(length) = length {
        if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
            return Err(400);
        }
        head.body = length.parse().map_err(|_| 413_u16)?;
    }
    Ok(Some(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let text = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET";
        let size = text.len() - 6;
        for end in 0..size {
            assert_eq!(head(&text[..end]), Ok(None), "{end}");
        }
        let expected = Head {
            method: Method::Post,
            path: "/a".to_owned(),
            query: "b=c".to_owned(),
            host: Some("x".to_owned()),
            is_1_1: true,
            keep_alive: true,
            body: 3,
            size,
            ..Head::default()
        };
        assert_eq!(head(text), Ok(Some(expected)));
    }

    #[test]
    fn http_1_1_without_close_keeps_the_connection() {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: a, CLOSE\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
        ] {
            let read = head(text.as_bytes()).map(|head| head.map(|head| head.keep_alive));
            assert_eq!(read, Ok(Some(expected)), "{text:?}");
        }
    }

    #[test]
    fn what_may_mean_two_things_is_refused() {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nOrigin: x\r\nOrigin: y\r\n\r\n", 400),
            ("GET x HTTP/1.1\r\n\r\n", 400),
            ("GET http://x/ HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 505),
            ("nonsense\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
            ("POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", 417),
            ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                413,
            ),
        ] {
            assert_eq!(head(text.as_bytes()), Err(expected), "{text:?}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(LONGEST_HEAD));
        assert_eq!(head(long.as_bytes()), Err(431));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert_eq!(head(many.as_bytes()), Err(431));
    }
}
