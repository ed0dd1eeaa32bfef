//! A reverse proxy that a test lets spoil what passes through it: the request on its way in, the
//! answer on its way out, or both.
//!
//! It is made of threads and plain sockets, so that nothing in it can hide what was sent. Each
//! exchange has a connection of its own.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "each test binary that includes this file uses its own part"
)]

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A request on its way in.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// Whether it is this method on a path that ends so.
    pub fn is(&self, method: &str, path_end: &str) -> bool {
        let path = self.target.split('?').next().unwrap_or_default();
        self.method == method && path.ends_with(path_end)
    }

    /// Without the headers of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With another body.
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    /// With a part of the body replaced.
    pub fn swap(self, old: &str, new: &str) -> Self {
        let text = String::from_utf8_lossy(&self.body).replace(old, new);
        self.body(&text)
    }
}

/// An answer on its way out.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// What frames the body is not among them.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Status, media type and body, as from a server that says nothing of itself.
    pub fn of(status: u16, kind: &str, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Self { status, headers, body: body.as_bytes().to_vec() }
    }

    /// Status and JSON.
    pub fn json(status: u16, body: &str) -> Self {
        Self::of(status, "application/json", body)
    }

    /// Status and a page.
    pub fn html(status: u16, body: &str) -> Self {
        Self::of(status, "text/html; charset=utf-8", body)
    }

    /// A header more, or in place of the one of that name.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another body.
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    /// With a part of the body replaced.
    pub fn swap(self, old: &str, new: &str) -> Self {
        let text = self.text().replace(old, new);
        self.body(&text)
    }

    /// The body.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the proxy does.
#[derive(Debug)]
pub enum Told {
    /// Answers so.
    Answer(Answer),
    /// Answers so, once this time has passed.
    Late(Duration, Answer),
    /// Sends the head and one byte, the rest once this time has passed.
    Slow(Duration, Answer),
    /// Sends these bytes and closes the connection.
    Raw(String),
    /// Never answers; the other side has to give up.
    Hang,
    /// Closes the connection without an answer.
    Close,
}

/// What stands behind the proxy.
#[derive(Debug, Clone, Copy)]
pub struct Behind {
    address: SocketAddr,
}

impl Behind {
    /// The origin of a server, `http://127.0.0.1:PORT`.
    pub fn of(origin: &str) -> Self {
        let address = origin.trim_start_matches("http://").parse().expect("an address");
        Self { address }
    }

    /// Passes a request on and gives the answer.
    pub fn ask(&self, asked: &Asked) -> Answer {
        self.exchange(asked).expect("what stands behind the proxy answers")
    }

    fn exchange(&self, asked: &Asked) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        // To HTTP/1.0 a server answers without chunks, and closes.
        let mut text =
            format!("{} {} HTTP/1.0\r\nHost: {}\r\n", asked.method, asked.target, self.address);
        let framing =
            ["host", "connection", "content-length", "transfer-encoding", "accept-encoding"];
        for (name, value) in asked.headers.iter().filter(|(name, _)| !framing.contains(&&**name)) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", asked.body.len());
        stream.write_all(text.as_bytes())?;
        stream.write_all(&asked.body)?;
        let mut reader = BufReader::new(stream);
        let first = line(&mut reader)?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let headers = headers(&mut reader)?;
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        let framing = ["connection", "content-length", "transfer-encoding"];
        let headers = headers.into_iter().filter(|(name, _)| !framing.contains(&&**name)).collect();
        Ok(Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, headers, body })
    }
}

/// The proxy; it listens until the test's process ends.
#[derive(Debug)]
pub struct Mutant {
    address: SocketAddr,
}

impl Mutant {
    /// Answers each request with `plant(request, what stands behind)`.
    pub fn before(
        origin: &str,
        plant: impl Fn(Asked, &Behind) -> Told + Send + Sync + 'static,
    ) -> Self {
        let behind = Behind::of(origin);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let plant = Arc::new(plant);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let plant = Arc::clone(&plant);
                // Whoever gave up takes no answer.
                std::thread::spawn(move || serve(&stream, &*plant, &behind));
            }
        });
        Self { address }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(
    stream: &TcpStream,
    plant: &(dyn Fn(Asked, &Behind) -> Told + Send + Sync),
    behind: &Behind,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    // A TLS handshake begins so; a server of plain HTTP does not understand it.
    if reader.fill_buf()?.first() == Some(&0x16) {
        let mut stream = stream;
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    }
    let first = line(&mut reader)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers = headers(&mut reader)?;
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked = Asked { method: method.to_owned(), target: target.to_owned(), headers, body };
    let mut stream = stream;
    match plant(asked, behind) {
        Told::Answer(answer) => stream.write_all(&written(&answer)),
        Told::Late(time, answer) => {
            std::thread::sleep(time);
            stream.write_all(&written(&answer))
        }
        Told::Slow(time, answer) => {
            let all = written(&answer);
            let (head, rest) = all.split_at(all.len() - answer.body.len() + 1);
            stream.write_all(head)?;
            stream.flush()?;
            std::thread::sleep(time);
            stream.write_all(rest)
        }
        Told::Raw(text) => stream.write_all(text.as_bytes()),
        Told::Hang => io::copy(&mut stream, &mut io::sink()).map(drop),
        Told::Close => Ok(()),
    }
}

fn written(answer: &Answer) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Told\r\n", answer.status);
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", answer.body.len());
    let mut all = head.into_bytes();
    all.extend_from_slice(&answer.body);
    all
}

fn line(reader: &mut BufReader<impl io::Read>) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn headers(reader: &mut BufReader<impl io::Read>) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { return Ok(headers) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}
