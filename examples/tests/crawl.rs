//! Tests the example `crawl` with a site that `httpd` serves, and with a server that never answers.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Folder, PROCS, Program};
use std::io::Read;
use std::net::TcpListener;

#[test]
fn all_pages_that_are_linked_are_found_once() {
    let folder = Folder::new();
    // Pages 1 to 127 form a binary tree. Each page also links to the root, and to another host.
    for n in 1..128_u32 {
        let (left, right) = (2 * n % 128, (2 * n + 1) % 128);
        folder.write(
            &format!("{n}.html"),
            format!("<a href='{left}.html'><a href=\"./x/../{right}.html#part\"><a href=/1.html><a href=http://elsewhere/>"),
        );
    }
    folder.write("0.html", "nothing\n");
    let mut httpd = Program::start(
        "httpd",
        "2",
        [
            "--dir".as_ref(),
            folder.path().as_os_str(),
            "--addr".as_ref(),
            "127.0.0.1:0".as_ref(),
        ],
    );
    let address = httpd.address();
    for procs in PROCS {
        let mut crawl = Program::start("crawl", procs, [format!("http://{address}/1.html")]);
        let said = crawl.rest();
        assert_eq!(crawl.wait().code(), Some(0), "{said}");
        assert!(
            said.ends_with("128 pages, 0 broken, 0 not asked for\n"),
            "{said}"
        );
        let mut pages: Vec<_> = said
            .lines()
            .filter_map(|line| line.split_once(" http://"))
            .collect();
        pages.sort_by_key(|page| page.1);
        pages.dedup_by_key(|page| page.1);
        assert_eq!(pages.len(), 128);
        assert!(pages.iter().all(|page| page.0.starts_with("200 ")));
    }
    folder.write("1.html", "<a href=none.html><a href=2.html>");
    let mut crawl = Program::start("crawl", "2", [format!("http://{address}/1.html")]);
    let said = crawl.rest();
    assert_eq!(crawl.wait().code(), Some(1));
    assert!(
        said.contains("404 ") && said.contains(" 1 broken, "),
        "{said}"
    );
    let args = [
        "--pages",
        "5",
        "--workers",
        "1",
        &format!("http://{address}/2.html"),
    ];
    let mut crawl = Program::start("crawl", "2", args);
    assert!(crawl.rest().contains("\n5 pages, "));
}

#[test]
fn a_server_that_does_not_answer_costs_its_time_and_a_signal_ends_it() {
    // Each program has its own server. The first one may end before it connects.
    let [silent, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let url = |server: &TcpListener| format!("http://{}/", server.local_addr().unwrap());
    let mut crawl = Program::start("crawl", "2", ["--limit", "50ms", &url(&silent)]);
    assert!(crawl.line().starts_with("--- "));
    assert_eq!(crawl.wait().code(), Some(1));

    let mut crawl = Program::start("crawl", "2", ["--limit", "1000s", &url(&other)]);
    let (mut stream, _) = other.accept().unwrap();
    // Waits for the program's request.
    stream.read_exact(&mut [0; 4]).unwrap();
    crawl.signal(libc::SIGINT);
    assert_eq!(crawl.wait().code(), Some(1));
}
