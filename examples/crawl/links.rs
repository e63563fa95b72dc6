//! Addresses of pages, and finding them in HTML.

use std::fmt;

/// `http://host[:port]/path[?query]`, without a fragment, and without `.` and `..` in the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    /// In lower case, with the port if one was written.
    host: String,
    path: String,
}

impl Url {
    /// Parses an absolute address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let (host, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let path = normal(path)?;
        Some(Self { host, path })
    }

    /// Returns the address that `link` means in the page at this address, or `None` if it cannot be
    /// fetched.
    pub(crate) fn join(&self, link: &str) -> Option<Self> {
        let link = link.trim();
        if link.starts_with("http://") {
            return Self::parse(link);
        }
        if let Some(rest) = link.strip_prefix("//") {
            return Self::parse(&format!("http://{rest}"));
        }
        // A link with another scheme, such as `mailto:`, is no page. A colon later in the link does
        // not end a scheme.
        let before = link.split(['/', '?', '#']).next().unwrap_or_default();
        if before.contains(':') {
            return None;
        }
        let own = self.path.split('?').next().unwrap_or_default();
        let folder = &own[..=own.rfind('/')?];
        let path = match link.chars().next() {
            None | Some('#') => self.path.clone(),
            Some('/') => link.to_owned(),
            Some('?') => format!("{own}{link}"),
            Some(_) => format!("{folder}{link}"),
        };
        Some(Self {
            host: self.host.clone(),
            path: normal(&path)?,
        })
    }

    pub(crate) fn has_host_of(&self, other: &Self) -> bool {
        self.host == other.host
    }

    /// Returns the host and port to connect to.
    pub(crate) fn host(&self) -> String {
        let has_port = self
            .host
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.contains(']'));
        match has_port {
            true => self.host.clone(),
            false => format!("{}:80", self.host),
        }
    }

    /// Returns the value of the `Host` header.
    pub(crate) fn host_header(&self) -> &str {
        &self.host
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

/// Returns a path from the root, without a fragment, `.` and `..`. `None` if it contains a
/// character that the line of a request must not contain in its path.
fn normal(path: &str) -> Option<String> {
    let path = path.split('#').next().unwrap_or_default();
    if path
        .chars()
        .any(|c| c <= ' ' || !c.is_ascii() || c == '\x7f')
    {
        return None;
    }
    let (path, query) = match path.find('?') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let mut segments = Vec::new();
    for segment in path.split('/').skip(usize::from(path.starts_with('/'))) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    // A path that ends in one of these is a folder.
    if path.ends_with("/.") || path.ends_with("/..") {
        segments.push("");
    }
    Some(format!("/{}{query}", segments.join("/")))
}

/// Returns what a page refers to by `href` and `src`.
pub(crate) fn links(page: &Url, html: &str) -> Vec<Url> {
    let mut found = Vec::new();
    let lower = html.to_ascii_lowercase();
    for name in ["href", "src"] {
        for (at, _) in lower.match_indices(name) {
            let rest = html[at + name.len()..].trim_start();
            let Some(value) = rest.strip_prefix('=').map(str::trim_start) else {
                continue;
            };
            let quoted = ['"', '\'']
                .into_iter()
                .find(|&quote| value.starts_with(quote));
            let link = match quoted {
                Some(quote) => value[1..].split(quote).next(),
                None => value.split(|c: char| c.is_whitespace() || c == '>').next(),
            };
            found.extend(link.and_then(|link| page.join(&link.replace("&amp;", "&"))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_mean_what_they_mean_in_a_browser() {
        let page = Url::parse("http://Host:8080/a/b/c?d#e").unwrap();
        assert_eq!(page.to_string(), "http://host:8080/a/b/c?d");
        for (link, expected) in [
            ("x", "/a/b/x"),
            ("./x/", "/a/b/x/"),
            ("../x", "/a/x"),
            ("../../../../x", "/x"),
            ("..", "/a/"),
            ("/x#y", "/x"),
            ("#y", "/a/b/c?d"),
            ("?y", "/a/b/c?y"),
            ("x?y=../z:1", "/a/b/x?y=../z:1"),
            ("", "/a/b/c?d"),
        ] {
            let joined = page.join(link).map(|url| url.to_string());
            assert_eq!(
                joined,
                Some(format!("http://host:8080{expected}")),
                "{link:?}"
            );
        }
        assert_eq!(
            page.join("//other/x").unwrap().to_string(),
            "http://other/x"
        );
        for link in [
            "mailto:a@b",
            "https://host/",
            "javascript:x()",
            "a b",
            "x\r\ny",
            "http://",
            "ü",
        ] {
            assert_eq!(page.join(link), None, "{link:?}");
        }
    }

    #[test]
    fn hosts_have_ports() {
        for (text, expected) in [
            ("http://a", "a:80"),
            ("http://a:1/", "a:1"),
            ("http://[::1]", "[::1]:80"),
            ("http://[::1]:2", "[::1]:2"),
        ] {
            assert_eq!(Url::parse(text).unwrap().host(), expected);
        }
    }

    #[test]
    fn links_are_found_in_html() {
        let page = Url::parse("http://h/").unwrap();
        let html = "<a HREF = 'a'>x</a><img src=b><a href=\"c?d&amp;e\">href <a href>";
        let found: Vec<_> = links(&page, html)
            .iter()
            .map(|url| url.path().to_owned())
            .collect();
        assert_eq!(found, ["/a", "/c?d&e", "/b"]);
    }
}
