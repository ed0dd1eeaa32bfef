//! Both ends of a tap by hand: a caller and a dependency over plain sockets, with nothing between them
//! and the bytes.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::Url;

/// A message as it came over the wire; a chunked body is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the body ended as it was announced.
    pub(super) whole: bool,
}

impl Message {
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let own = self.headers.iter().filter(|(known, _)| known == name);
        own.map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub(super) fn status(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One end of a connection, with what was read ahead.
pub(super) struct Wire {
    stream: TcpStream,
    pub(super) ahead: Vec<u8>,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    pub(super) async fn to(tap: SocketAddr) -> Self {
        Self::new(TcpStream::connect(tap).await.unwrap())
    }

    pub(super) async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// At least one byte more; false at the end.
    pub(super) async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.ahead).await, Ok(1..))
    }

    pub(super) async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|window| window == end) {
                return Some(self.ahead.drain(..at + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub(super) async fn exactly(&mut self, size: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < size {
            if !self.more().await {
                return None;
            }
        }
        Some(self.ahead.drain(..size).collect())
    }

    /// The head of the next message; nothing where the connection ended.
    pub(super) async fn head(&mut self) -> Option<Message> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().lines();
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Message { first, headers: headers.collect(), body: Vec::new(), whole: true })
    }

    pub(super) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n").await?).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let chunk = self.exactly(size).await?;
        self.until(b"\r\n").await?;
        Some(chunk)
    }

    /// The next message with its body; an answer to HEAD has none.
    pub(super) async fn message(&mut self) -> Option<Message> {
        let mut message = self.head().await?;
        if message.header("transfer-encoding") == Some("chunked") {
            loop {
                match self.chunk().await {
                    Some(chunk) if chunk.is_empty() => break,
                    Some(chunk) => message.body.extend(chunk),
                    None => {
                        message.whole = false;
                        break;
                    }
                }
            }
        } else if let Some(size) = message.header("content-length") {
            let size = size.parse().unwrap();
            let body = self.exactly(size).await;
            message.whole = body.is_some();
            message.body = body.unwrap_or_else(|| std::mem::take(&mut self.ahead));
        }
        Some(message)
    }

    /// Whether the other side ends the connection, without a byte more.
    pub(super) async fn ends(&mut self) -> bool {
        !self.more().await && self.ahead.is_empty()
    }
}

/// A dependency that does the same with every connection; their number counts from 0.
pub(super) async fn dependency<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(Wire, usize) -> F + Send + 'static,
) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            tokio::spawn(serve(Wire::new(stream), number));
        }
    });
    Url::parse(&url).unwrap()
}

/// A dependency that gives this answer to every request, and tells what it saw.
pub(super) async fn answering(answer: &'static str) -> (Url, mpsc::UnboundedReceiver<Message>) {
    let (tell, told) = mpsc::unbounded_channel();
    let url = dependency(move |mut wire, _| {
        let tell = tell.clone();
        async move {
            while let Some(message) = wire.message().await {
                let _ = tell.send(message);
                wire.say(answer).await;
            }
        }
    });
    (url.await, told)
}
