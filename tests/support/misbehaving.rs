//! A server that misbehaves as told by the path, and keeps a log of every request in wire order.
//!
//! It runs on a thread and a runtime of its own, so that it serves async tests, tests with a paused
//! clock, and tests that start the binary alike. It ends when it is dropped.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::match_same_arms,
    clippy::missing_panics_doc,
    clippy::too_many_lines,
    reason = "each test binary that includes this file uses its own part; the answers are a table"
)]

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// 64 MiB of zeros in brotli.
const BROTLI_BOMB: &str = "cfffff7f002400e2b14072effff9ffff0f8004401c1680eefd3fffffff01900088c302d0bdffe7ffff3f001200715800baf7ff03";
/// `{"ok":true}` in brotli.
const BROTLI_OK: &str = "0b05807b226f6b223a747275657d03";
/// How much every bomb holds.
pub const BOMB_SIZE: usize = 64 << 20;

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which connection it came over, counted from 0.
    pub connection: usize,
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A value of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

#[derive(Debug)]
pub struct Misbehaving {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Seen>>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Misbehaving {
    /// Starts it on a free port of the loopback.
    pub fn start() -> Self {
        Self::serve(None)
    }

    /// Starts one that greets every connection with these bytes and closes it, as SSH does.
    pub fn greeting(bytes: &'static [u8]) -> Self {
        Self::serve(Some(bytes))
    }

    fn serve(greeting: Option<&'static [u8]>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let seen = Arc::clone(&log);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(listener, seen, greeting) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, log, stop: Some(stop) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` + path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far, in wire order.
    pub fn log(&self) -> Vec<Seen> {
        self.log.lock().expect("the log").clone()
    }

    /// The one request that came for a path.
    pub fn only(&self, path: &str) -> Seen {
        let mut found: Vec<_> = self.log().into_iter().filter(|seen| seen.path() == path).collect();
        assert_eq!(found.len(), 1, "requests for {path}: {found:#?}");
        found.remove(0)
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

async fn accept(
    listener: TcpListener,
    log: Arc<Mutex<Vec<Seen>>>,
    greeting: Option<&'static [u8]>,
) {
    for connection in 0.. {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let _ = stream.set_nodelay(true);
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            if let Some(greeting) = greeting {
                let _ = stream.write_all(greeting).await;
                let mut sink = [0; 1024];
                while matches!(stream.read(&mut sink).await, Ok(1..)) {}
                return;
            }
            let mut buffer = Vec::new();
            let mut served = 0;
            while let Ok(Some(seen)) = receive(&mut stream, &mut buffer, connection).await {
                log.lock().expect("the log").push(seen.clone());
                if !matches!(answer(&mut stream, &seen, served).await, Ok(Next::Keep)) {
                    return;
                }
                served += 1;
            }
        });
    }
}

/// Whether a connection is kept after an answer.
enum Next {
    Keep,
    Close,
}

/// Reads one request; none where the connection ended before it.
async fn receive(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> io::Result<Option<Seen>> {
    let end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        // A TLS handshake on a port that speaks in the clear.
        if buffer.first() == Some(&0x16) {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await?;
            return Ok(None);
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = buffer.drain(..end).collect();
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default().to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen { connection, method, target, headers, body: Vec::new() };
    // What answers early does so before it has read the body.
    if seen.path().starts_with("/early") {
        return Ok(Some(seen));
    }
    if seen.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    if let Some(length) = seen.header("content-length").and_then(|text| text.parse().ok()) {
        while buffer.len() < length {
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        }
        seen.body = buffer.drain(..length).collect();
    } else if seen.header("transfer-encoding").is_some() {
        loop {
            let Some(at) = find(buffer, b"\r\n") else {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
                continue;
            };
            let size = String::from_utf8_lossy(&buffer[..at]).into_owned();
            let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size");
            while buffer.len() < at + 2 + size + 2 {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            let chunk: Vec<u8> = buffer.drain(..at + 2 + size + 2).collect();
            seen.body.extend_from_slice(&chunk[at + 2..at + 2 + size]);
            if size == 0 {
                break;
            }
        }
    }
    Ok(Some(seen))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Never returns: the other side has to give up. It notices when the other side has.
async fn stall(stream: &mut TcpStream) -> io::Result<Next> {
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(Next::Close)
}

fn reset(stream: &TcpStream) -> io::Result<Next> {
    stream.set_zero_linger()?;
    Ok(Next::Close)
}

async fn plain(
    stream: &mut TcpStream,
    status: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Next> {
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
    let mut all = head.into_bytes();
    all.extend_from_slice(body);
    stream.write_all(&all).await?;
    Ok(Next::Keep)
}

const JSON: (&str, &str) = ("content-type", "application/json");

async fn answer(stream: &mut TcpStream, seen: &Seen, served: usize) -> io::Result<Next> {
    let path = seen.path().to_owned();
    let (word, argument) = match path.trim_start_matches('/').split_once('/') {
        Some((word, argument)) => (word.to_owned(), argument.to_owned()),
        None => (path.trim_start_matches('/').to_owned(), String::new()),
    };
    match word.as_str() {
        // Connections that break.
        "empty-reply" => Ok(Next::Close),
        "reset-before" => reset(stream),
        "reset-headers" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: app").await?;
            stream.flush().await?;
            reset(stream)
        }
        "reset-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"half\":").await?;
            // The reset must not overtake the bytes before it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            reset(stream)
        }
        "cut-headers" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: app").await?;
            Ok(Next::Close)
        }
        "truncated" => {
            let mut all = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
            all.extend_from_slice(&[b'x'; 100]);
            stream.write_all(&all).await?;
            Ok(Next::Close)
        }
        "truncated-chunks" => {
            let head =
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{\"ok\":true}\r\n";
            stream.write_all(head).await?;
            Ok(Next::Close)
        }
        // Framing.
        "bad-chunk" => {
            let all = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{\"ok\":true}\r\nzz\r\n\r\n";
            stream.write_all(all).await?;
            Ok(Next::Close)
        }
        "double-length" => {
            let all = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}abc";
            stream.write_all(all).await?;
            Ok(Next::Close)
        }
        "bad-header" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nbad header\x01: x\r\n\r\n").await?;
            Ok(Next::Close)
        }
        "ssh" => {
            stream.write_all(b"SSH-2.0-OpenSSH_9.6\x1b[31m\r\n").await?;
            Ok(Next::Close)
        }
        "huge-headers" => {
            let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
            for n in 0..2000 {
                let _ = write!(head, "x-padding-{n}: {}\r\n", "p".repeat(1000));
            }
            head.extend_from_slice(b"content-length: 0\r\n\r\n");
            stream.write_all(&head).await?;
            Ok(Next::Close)
        }
        "endless-1xx" => loop {
            stream.write_all(&b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(50)).await?;
        },
        "early-hints" => {
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").await?;
            plain(stream, "200 OK", &[JSON], b"{\"ok\":true}").await
        }
        // Time.
        "hang" => stall(stream).await,
        "stall-headers" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-").await?;
            stall(stream).await
        }
        "stall-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"half\":").await?;
            stall(stream).await
        }
        "trickle" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await?;
            for _ in 0..100_000 {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(Next::Keep)
        }
        "slow" => {
            let millis = argument.parse().unwrap_or(50);
            tokio::time::sleep(Duration::from_millis(millis)).await;
            plain(stream, "200 OK", &[JSON], b"{\"ok\":true}").await
        }
        // Kept connections.
        "close-after" => {
            plain(stream, "200 OK", &[JSON], b"{\"ok\":true}").await?;
            Ok(Next::Close)
        }
        // The second request over a connection gets no answer: what a server does that had closed it.
        "stale" if served > 0 => Ok(Next::Close),
        "stale" => plain(stream, "200 OK", &[JSON], b"{\"ok\":true}").await,
        // Early answers to an upload that is not read.
        "early-401" => {
            plain(
                stream,
                "401 Unauthorized",
                &[JSON, ("connection", "close")],
                b"{\"error\":\"no\"}",
            )
            .await?;
            let mut sink = vec![0; 64 * 1024];
            // Read a little, as real servers do before they give up.
            for _ in 0..4 {
                if stream.read(&mut sink).await? == 0 {
                    break;
                }
            }
            stream.shutdown().await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Next::Close)
        }
        // Neither answers nor reads.
        "early-stall" => {
            std::future::pending::<()>().await;
            Ok(Next::Close)
        }
        // Sizes and encodings.
        "big" => {
            let size: usize = argument.parse().unwrap_or(1 << 20);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let piece = vec![b'x'; 64 * 1024];
            let mut left = size;
            while left > 0 {
                let next = left.min(piece.len());
                stream.write_all(&piece[..next]).await?;
                left -= next;
            }
            Ok(Next::Keep)
        }
        "gzip-bomb" => encoded(stream, "gzip", &gzip_bomb()).await,
        "br-bomb" => encoded(stream, "br", &unhex(BROTLI_BOMB)).await,
        "zstd-bomb" => encoded(stream, "zstd", &zstd_bomb()).await,
        "deflate-bomb" => encoded(stream, "deflate", &zlib(&vec![0; BOMB_SIZE / 2])).await,
        "gzip" => encoded(stream, "gzip", &gzip(b"{\"ok\":true}")).await,
        "br" => encoded(stream, "br", &unhex(BROTLI_OK)).await,
        "zstd" => encoded(stream, "zstd", &zstd_raw(b"{\"ok\":true}")).await,
        "deflate" => encoded(stream, "deflate", &zlib(b"{\"ok\":true}")).await,
        "raw-deflate" => encoded(stream, "deflate", &deflate(b"{\"ok\":true}")).await,
        "twice" => encoded(stream, "gzip, gzip", &gzip(&gzip(b"{\"ok\":true}"))).await,
        "unknown-encoding" => encoded(stream, "snappy", b"abc").await,
        "bad-gzip" => encoded(stream, "gzip", b"this is no gzip at all").await,
        "half-gzip" => {
            let whole = gzip(&b"0123456789".repeat(100));
            encoded(stream, "gzip", &whole[..whole.len() - 9]).await
        }
        // Redirects.
        "redirect" => {
            let left: u32 = argument.parse().unwrap_or_default();
            if left == 0 {
                return plain(stream, "200 OK", &[JSON], b"{\"ok\":true}").await;
            }
            let to = format!("/redirect/{}", left - 1);
            plain(stream, "302 Found", &[("location", &to)], b"moved").await
        }
        "redirect-to" => {
            let to = seen.query("u").unwrap_or_default();
            let status = seen.query("s").unwrap_or_else(|| "302".to_owned());
            plain(stream, &format!("{status} Found"), &[("location", &to)], b"").await
        }
        "redirect-307" => {
            let to = seen.query("u").unwrap_or_else(|| "/echo".to_owned());
            plain(stream, "307 Temporary Redirect", &[("location", &to)], b"").await
        }
        "redirect-nowhere" => plain(stream, "302 Found", &[], b"").await,
        // Cookies and echoes.
        "set-cookie" => {
            let name = seen.query("n").unwrap_or_else(|| "session".to_owned());
            let value = seen.query("v").unwrap_or_else(|| "abc".to_owned());
            let cookie = format!("{name}={value}; Path=/");
            plain(stream, "200 OK", &[("set-cookie", &cookie)], b"{}").await
        }
        "echo" => {
            let mut text = format!("{} {}\n", seen.method, seen.target);
            for (name, value) in &seen.headers {
                let _ = writeln!(text, "{name}: {value}");
            }
            let _ = write!(text, "\n{}", String::from_utf8_lossy(&seen.body));
            plain(stream, "200 OK", &[("content-type", "text/plain")], text.as_bytes()).await
        }
        "echo-encoded" => {
            let body = in_every_encoding(seen.header("authorization").unwrap_or_default());
            plain(stream, "200 OK", &[("content-type", "text/plain")], body.as_bytes()).await
        }
        "mirror" => mirror(stream, seen, &argument).await,
        "echo-header" => {
            let value = seen.header("authorization").unwrap_or_default().to_owned();
            plain(stream, "401 Unauthorized", &[JSON, ("x-echo", &value)], b"{\"error\":\"no\"}")
                .await
        }
        // Contents.
        "ok" => plain(stream, "200 OK", &[JSON], b"{\"ok\":true}").await,
        "status" => plain(stream, &format!("{argument} Told"), &[JSON], b"{}").await,
        "empty" => plain(stream, "200 OK", &[JSON], b"").await,
        "html-login" => {
            let page = "<!doctype html><html><head><title>Sign in</title></head><body>\u{1b}[31m</body></html>";
            plain(stream, "200 OK", &[("content-type", "text/html")], page.as_bytes()).await
        }
        "bad-json" => {
            let body: &[u8] = match argument.as_str() {
                "nan" => b"{\"a\": NaN}",
                "comma" => b"{\"a\": 1,}",
                "two" => b"{\"a\": 1}\n{\"b\": 2}",
                "utf8" => b"{\"a\": \"\xff\xfe\"}",
                "deep" => {
                    return plain(stream, "200 OK", &[JSON], "[".repeat(100_000).as_bytes()).await;
                }
                _ => b"{\"a\": ",
            };
            plain(stream, "200 OK", &[JSON], body).await
        }
        "bom" => plain(stream, "200 OK", &[JSON], b"\xef\xbb\xbf{\"ok\":true}").await,
        "dup-keys" => plain(stream, "200 OK", &[JSON], b"{\"a\":1,\"a\":2}").await,
        "big-number" => plain(stream, "200 OK", &[JSON], b"{\"n\":18446744073709551616}").await,
        "retry-after" => {
            let after = seen.query("v").unwrap_or_else(|| "1".to_owned());
            plain(stream, "429 Too Many Requests", &[JSON, ("retry-after", &after)], b"{}").await
        }
        _ => plain(stream, "404 Not Found", &[JSON], b"{\"error\":\"no such misbehaviour\"}").await,
    }
}

async fn encoded(stream: &mut TcpStream, encoding: &str, body: &[u8]) -> io::Result<Next> {
    plain(stream, "200 OK", &[JSON, ("content-encoding", encoding)], body).await
}

/// Gives the secret of a request back in every encoding: its bearer token, or `key` of its body.
async fn mirror(stream: &mut TcpStream, seen: &Seen, how: &str) -> io::Result<Next> {
    let sent: Option<serde_json::Value> = serde_json::from_slice(&seen.body).ok();
    let key = sent.as_ref().and_then(|body| body["key"].as_str()).map(str::to_owned);
    let bearer = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let secret = key.or_else(|| bearer.map(str::to_owned)).unwrap_or_default();
    let all = encodings(&secret);
    let mut text = String::new();
    for one in &all {
        let _ = writeln!(text, "{}: {} end", one.how, one.written);
    }
    let _ = writeln!(text, "give={}", seen.header("x-give").unwrap_or_default());
    let page = |text: &str| format!("<html><title>{text}</title><p>{text}</p></html>");
    let fields: serde_json::Map<String, serde_json::Value> =
        all.iter().map(|one| (one.how.to_owned(), one.written.clone().into())).collect();
    let (status, kind, body) = match how {
        "json" => {
            let mut fields = fields;
            fields.insert(secret.clone(), "as a key".into());
            fields.insert("list".into(), vec![secret.clone(), format!("in {secret} it")].into());
            ("401 Unauthorized", "application/json", serde_json::Value::from(fields).to_string())
        }
        "html" => ("403 Forbidden", "text/html", page(&text)),
        "reason" => return plain(stream, &format!("401 No {secret}"), &[JSON], b"{}").await,
        "location" => {
            let to = format!("http://{secret}:{secret}@127.0.0.1:1/{secret}?x={secret}#{secret}");
            return plain(stream, "302 Found", &[("location", &to)], b"").await;
        }
        "garbage" => {
            stream.write_all(format!("{secret} is no HTTP {secret}\r\n\r\n").as_bytes()).await?;
            return Ok(Next::Close);
        }
        "cut" => {
            let half = secret.get(..secret.len() / 2).unwrap_or_default();
            let head =
                format!("HTTP/1.1 200 {secret}\r\ncontent-length: 9999\r\nx-half: {half}\r\n\r\n");
            stream.write_all(format!("{head}{secret} {secret}").as_bytes()).await?;
            return Ok(Next::Close);
        }
        "headers" => {
            let names: Vec<String> = (0..all.len()).map(|n| format!("X-Echo-{n}")).collect();
            let plain_text = |text: &str| text.chars().all(|c| c.is_ascii() && !c.is_control());
            let headers: Vec<(&str, &str)> = names
                .iter()
                .zip(&all)
                .filter(|(_, one)| plain_text(&one.written))
                .map(|(name, one)| (name.as_str(), one.written.as_str()))
                .collect();
            return plain(stream, "401 Unauthorized", &headers, b"{}").await;
        }
        _ => ("401 Unauthorized", "text/plain", text),
    };
    if seen.query("bytes").is_none() {
        return plain(stream, status, &[("content-type", kind)], body.as_bytes()).await;
    }
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    for byte in body.bytes() {
        stream.write_all(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']).await?;
        tokio::task::yield_now().await;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(Next::Keep)
}

/// A secret in one encoding.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Its name.
    pub how: &'static str,
    /// As a server writes it.
    pub written: String,
    /// The part of it that stands only for the secret: what must not be seen.
    pub core: String,
}

/// A text in every encoding that redaction promises to know, each also in one more layer.
pub fn encodings(secret: &str) -> Vec<Encoded> {
    let mut all = Vec::new();
    let mut add = |how, text: String| {
        all.push(Encoded { how, core: text.clone(), written: text });
    };
    let each = |write: &dyn Fn(&mut String, u8)| {
        secret.bytes().fold(String::new(), |mut text, byte| {
            write(&mut text, byte);
            text
        })
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let percent = each(&|text, byte| {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    });
    let lower = each(&|text, byte| {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02x}");
        }
    });
    let json = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let html = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;")
    };
    let unicode = secret.encode_utf16().fold(String::new(), |mut text, unit| {
        let _ = write!(text, "\\u{unit:04x}");
        text
    });
    add("raw", secret.to_owned());
    add("JSON", json(secret));
    add("\\u", unicode);
    add("percent", percent);
    add("percent in lower case", lower);
    add(
        "percent of all",
        each(&|text, byte| {
            let _ = write!(text, "%{byte:02X}");
        }),
    );
    add(
        "percent of all in lower case",
        each(&|text, byte| {
            let _ = write!(text, "%{byte:02x}");
        }),
    );
    add("a form", url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
    add("hex", hex(secret.as_bytes()));
    add("HEX", hex(secret.as_bytes()).to_uppercase());
    add("HTML", html(secret));
    add("a shell's word", secret.replace('\'', "'\\''"));
    let names = [
        ("base64", "base64url"),
        ("base64 after one byte", "base64url after one byte"),
        ("base64 after two bytes", "base64url after two bytes"),
    ];
    for (before, (standard, url)) in names.into_iter().enumerate() {
        let shifted = format!("{}{secret}", "x".repeat(before));
        // Characters that hold bits of the secret alone.
        let from = (before * 8).div_ceil(6);
        let to = shifted.len() * 8 / 6;
        let mut push = |how, written: String| {
            all.push(Encoded {
                how,
                core: written.get(from..to).unwrap_or_default().to_owned(),
                written,
            });
        };
        push(standard, base64::engine::general_purpose::STANDARD.encode(&shifted));
        push(url, base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&shifted));
    }
    for (at, (in_json, in_html)) in LAYERS.into_iter().enumerate() {
        let Some(one) = all.get(at).cloned() else { continue };
        for (how, layer) in [(in_json, &json as &dyn Fn(&str) -> String), (in_html, &html)] {
            all.push(Encoded { how, written: layer(&one.written), core: layer(&one.core) });
        }
    }
    all
}

/// The names of the first encodings in one more layer.
const LAYERS: [(&str, &str); 12] = [
    ("raw in JSON", "raw in HTML"),
    ("JSON in JSON", "JSON in HTML"),
    ("\\u in JSON", "\\u in HTML"),
    ("percent in JSON", "percent in HTML"),
    ("lower percent in JSON", "lower percent in HTML"),
    ("percent of all in JSON", "percent of all in HTML"),
    ("lower percent of all in JSON", "lower percent of all in HTML"),
    ("a form in JSON", "a form in HTML"),
    ("hex in JSON", "hex in HTML"),
    ("HEX in JSON", "HEX in HTML"),
    ("HTML in JSON", "HTML in HTML"),
    ("a shell's word in JSON", "a shell's word in HTML"),
];

/// A text in the encodings that a server may use to give a secret back.
fn in_every_encoding(text: &str) -> String {
    let bare = text.split_once(' ').map_or(text, |(_, value)| value);
    let mut all = format!("raw: {bare}\n");
    let unicode: String = bare.encode_utf16().fold(String::new(), |mut all, unit| {
        let _ = write!(all, "\\u{unit:04x}");
        all
    });
    let hex: String = hex(bare.as_bytes());
    let percent: String = bare.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "%{byte:02X}");
        all
    });
    let _ = writeln!(all, "unicode: {unicode}");
    let _ = writeln!(all, "hex: {hex}\nHEX: {}", hex.to_uppercase());
    let _ = writeln!(all, "percent: {percent}\nlower percent: {}", percent.to_lowercase());
    for padding in 0..3 {
        let shifted = format!("{}{bare}", "x".repeat(padding));
        let standard = base64::engine::general_purpose::STANDARD.encode(&shifted);
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&shifted);
        let _ = writeln!(all, "base64: {standard}\nbase64url: {url}");
    }
    let _ = writeln!(all, "json: {}", serde_json::Value::from(bare));
    all
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "{byte:02x}");
        all
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two hex digits")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("gzip into memory");
    encoder.finish().expect("gzip into memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("zlib into memory");
    encoder.finish().expect("zlib into memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("deflate into memory");
    encoder.finish().expect("deflate into memory")
}

/// Many members of one megabyte of zeros each.
fn gzip_bomb() -> Vec<u8> {
    gzip(&vec![0; 1 << 20]).repeat(BOMB_SIZE >> 20)
}

/// A frame of run-length blocks (RFC 8878 §3.1.1.2): four bytes for every 128 KiB.
fn zstd_bomb() -> Vec<u8> {
    const BLOCK: u32 = 128 * 1024;
    let blocks = u32::try_from(BOMB_SIZE).expect("a size") / BLOCK;
    // Magic, no flags, a window of 1 MiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
    for n in 1..=blocks {
        let header = BLOCK << 3 | 1 << 1 | u32::from(n == blocks);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// A frame of one raw block.
fn zstd_raw(bytes: &[u8]) -> Vec<u8> {
    let header = u32::try_from(bytes.len()).expect("a short text") << 3 | 1;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(bytes);
    frame
}
