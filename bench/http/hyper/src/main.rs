//! Serves the files of a folder, and a status page, with hyper. As is usual in such servers, it
//! reads each file as a whole, with `tokio::fs`.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

struct Server {
    dir: PathBuf,
    began: Instant,
    requests: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<_> = env::args().collect();
    let [_, dir_name, dir, addr_name, addr] = &args[..] else {
        return Err("usage: http-hyper --dir DIR --addr ADDRESS:PORT".into());
    };
    assert_eq!((&**dir_name, &**addr_name), ("--dir", "--addr"));
    let listener = TcpListener::bind(addr).await?;
    println!("serving {}", listener.local_addr()?);
    let server = Arc::new(Server {
        dir: std::fs::canonicalize(dir)?,
        began: Instant::now(),
        requests: AtomicU64::new(0),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(server.clone(), request));
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(60))
                .serve_connection(TokioIo::new(stream), answer)
                .await
                .ok();
        });
    }
}

async fn answer(server: Arc<Server>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let requests = server.requests.fetch_add(1, Relaxed);
    let path = request.uri().path();
    if path == "/-/status" {
        let text = format!(
            "{{\"uptime_seconds\": {}, \"connections\": 0, \"requests\": {requests}, \"goroutines\": 0}}\n",
            server.began.elapsed().as_secs()
        );
        return Ok(found("application/json", text.into()));
    }
    let path = Path::new(path.trim_start_matches('/'));
    let is_inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let file = server.dir.join(path);
    match tokio::fs::read(&file).await {
        Ok(bytes) if is_inside => Ok(found("text/html; charset=utf-8", bytes.into())),
        _ => {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            Ok(answer)
        }
    }
}

fn found(kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    answer
}
