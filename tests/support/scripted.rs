//! A server whose answers a test writes as a function of the request, with a log in wire order.
//!
//! It is made of threads and plain sockets, so that nothing in it can hide what was sent.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "each test binary that includes this file uses its own part"
)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which connection it came over, counted from 0.
    pub connection: usize,
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The only value of a header; nothing where it was not sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "`{name}` was sent {} times: {all:?}", all.len());
        all.first().copied()
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let known = self.headers.iter().filter(|(known, _)| known == name);
        known.map(|(_, value)| value.as_str()).collect()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Never answers; the other side has to give up.
    Hang,
    /// Closes the connection without an answer.
    Close,
}

impl Reply {
    /// Status and JSON.
    pub fn json(status: u16, body: &str) -> Self {
        Self::plain(status, body).with("Content-Type", "application/json")
    }

    /// Status and a body without a type.
    pub fn plain(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.to_owned() }
    }

    /// One header more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// Answers each request with `script(request, number of requests before it)`.
    pub fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let seen = Arc::clone(&log);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                let (script, log) = (Arc::clone(&script), Arc::clone(&seen));
                std::thread::spawn(move || serve(&stream, number, &*script, &log));
            }
        });
        Self { address, log }
    }

    /// Answers 200 and `{}` to everything.
    pub fn ok() -> Self {
        Self::start(|_, _| Reply::json(200, "{}"))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in wire order.
    pub fn log(&self) -> Vec<Seen> {
        self.log.lock().expect("the log").clone()
    }

    /// The one request that came.
    pub fn only(&self) -> Seen {
        let mut log = self.log();
        assert_eq!(log.len(), 1, "{log:#?}");
        log.remove(0)
    }

    /// Method and target of every request.
    pub fn targets(&self) -> Vec<String> {
        self.log().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
    }
}

fn serve(
    stream: &TcpStream,
    connection: usize,
    script: &(dyn Fn(&Seen, usize) -> Reply + Send + Sync),
    log: &Mutex<Vec<Seen>>,
) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    let mut stream = stream;
    while let Some(seen) = receive(&mut reader, connection) {
        let number = {
            let mut log = log.lock().expect("the log");
            log.push(seen.clone());
            log.len() - 1
        };
        match script(&seen, number) {
            Reply::Answer { status, headers, body } => {
                let mut text = format!("HTTP/1.1 {status} Told\r\n");
                for (name, value) in headers {
                    let _ = write!(text, "{name}: {value}\r\n");
                }
                let _ = write!(text, "Content-Length: {}\r\n\r\n", body.len());
                if seen.method != "HEAD" {
                    text.push_str(&body);
                }
                if stream.write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
            Reply::Hang => {
                let mut sink = [0; 1024];
                while matches!(stream.read(&mut sink), Ok(1..)) {}
                return;
            }
            Reply::Close => return,
        }
    }
}

fn receive(reader: &mut BufReader<&TcpStream>, connection: usize) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.trim_end().split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen { connection, method, target, headers, body: String::new() };
    let length = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8_lossy(&body).into_owned();
    Some(seen)
}
