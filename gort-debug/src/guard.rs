//! Decides which requests are answered. Programs on the same machine are allowed; a web site that
//! is open in a browser on this machine is not.
//!
//! A browser sends whatever requests a web site tells it to, also to 127.0.0.1. Three fields
//! distinguish such requests from those of other programs.
//!
//! - `Host` is the name in the site's address, even if that name resolves to 127.0.0.1 (DNS
//!   rebinding).
//! - `Origin` is the site. Browsers send it with every POST and with the requests of scripts.
//! - `Sec-Fetch-Site` says that the request is made by another site, for images and frames too.

use crate::request::{Head, Method};
use std::net::IpAddr;

/// Returns whether only programs on this machine can connect to the address.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// The host names that requests may name.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    names: Vec<String>,
    any_address: bool,
}

impl Hosts {
    /// Allows `localhost` and loopback addresses.
    pub(crate) fn loopback() -> Self {
        Self {
            names: vec!["localhost".to_owned()],
            any_address: false,
        }
    }

    /// Allows a host name.
    pub(crate) fn allow(&mut self, name: String) {
        self.names.push(name);
    }

    /// Allows all IP addresses. DNS rebinding needs a name, so this does not make it possible.
    pub(crate) fn allow_any_address(&mut self) {
        self.any_address = true;
    }

    /// Returns whether all IP addresses are allowed.
    pub(crate) fn has_any_address(&self) -> bool {
        self.any_address
    }

    /// Returns whether `host` is allowed. It may end with a port.
    fn allows(&self, host: &str) -> bool {
        let name = without_port(host);
        let bare = name.strip_prefix('[').and_then(|s| s.strip_suffix(']'));
        match bare.unwrap_or(name).parse::<IpAddr>() {
            Ok(ip) => is_loopback(ip) || self.any_address,
            Err(_) => self.names.iter().any(|one| one.eq_ignore_ascii_case(name)),
        }
    }
}

/// Returns a host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Returns the reason why a request is refused, as text for the client. Returns `None` if it is not
/// refused.
pub(crate) fn objection(head: &Head, hosts: &Hosts) -> Option<String> {
    let Some(host) = head.host.as_deref() else {
        return Some("the request does not say which host it is for".to_owned());
    };
    if !hosts.allows(host) {
        return Some(format!(
            "the request is for the host {host:?}, and this page answers for localhost and loopback \
             addresses only (gort_debug::Options::allow_host adds a name)"
        ));
    }
    if let Some(origin) = head.origin.as_deref() {
        let ours = origin.split_once("://").is_some_and(|(scheme, rest)| {
            matches!(scheme, "http" | "https") && rest.eq_ignore_ascii_case(host)
        });
        if !ours {
            return Some(format!("the request comes from another site, {origin:?}"));
        }
    }
    let from_elsewhere = matches!(head.fetch_site.as_deref(), Some("cross-site" | "same-site"));
    // A user may follow a link to the page. The page must not be shown in another site's frame.
    let is_link = matches!(head.method, Method::Get | Method::Head)
        && head.fetch_mode.as_deref() == Some("navigate")
        && head.fetch_dest.as_deref() == Some("document");
    (from_elsewhere && !is_link).then(|| "the request comes from another site".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_one_machine() {
        for (ip, expected) in [
            ("127.0.0.1", true),
            ("127.8.9.10", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("192.168.0.1", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(ip.parse().expect(ip)), expected, "{ip}");
        }
    }

    #[test]
    fn names_are_compared_without_their_port() {
        let mut hosts = Hosts::loopback();
        hosts.allow("Build-7.internal".to_owned());
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:6060", true),
            ("127.0.0.1:6060", true),
            ("[::1]:6060", true),
            ("[::1]", true),
            ("build-7.internal:80", true),
            ("", false),
            (":6060", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:6060", false),
            ("localhost:6060:evil", false),
            ("localhost@evil.example", false),
            ("0.0.0.0:6060", false),
            ("192.168.0.1", false),
        ] {
            assert_eq!(hosts.allows(host), expected, "{host:?}");
        }
        hosts.allow_any_address();
        assert!(hosts.allows("192.168.0.1:80"));
        assert!(!hosts.allows("evil.example"));
    }

    #[test]
    fn what_another_site_sends_is_refused() {
        let head = |method, origin: Option<&str>, fetch: [Option<&str>; 3]| Head {
            method,
            host: Some("localhost:6060".to_owned()),
            origin: origin.map(str::to_owned),
            fetch_site: fetch[0].map(str::to_owned),
            fetch_mode: fetch[1].map(str::to_owned),
            fetch_dest: fetch[2].map(str::to_owned),
            ..Head::default()
        };
        let refused = |head: Head| objection(&head, &Hosts::loopback()).is_some();
        // curl.
        assert!(!refused(head(Method::Post, None, [None; 3])));
        // The page itself.
        let same = [Some("same-origin"), Some("cors"), Some("empty")];
        let ours = Some("http://localhost:6060");
        assert!(!refused(head(Method::Post, ours, same)));
        // A form, a frame, an image, a script and a link of another site.
        let cross = |mode, dest| [Some("cross-site"), Some(mode), Some(dest)];
        let theirs = Some("http://evil.example");
        assert!(refused(head(Method::Post, theirs, [None; 3])));
        assert!(refused(head(Method::Post, Some("null"), [None; 3])));
        let form = cross("navigate", "document");
        assert!(refused(head(Method::Post, None, form)));
        assert!(refused(head(
            Method::Get,
            None,
            cross("navigate", "iframe")
        )));
        assert!(refused(head(Method::Get, None, cross("no-cors", "image"))));
        assert!(refused(head(Method::Get, theirs, cross("cors", "empty"))));
        assert!(!refused(head(Method::Get, None, form)));
        // Another port of the same machine counts as another site.
        let port = Some("http://localhost:3000");
        let near = [Some("same-site"), Some("cors"), Some("empty")];
        assert!(refused(head(Method::Get, port, [None; 3])));
        assert!(refused(head(Method::Get, None, near)));
        assert!(refused(Head {
            host: None,
            ..head(Method::Get, None, [None; 3])
        }));
    }
}
