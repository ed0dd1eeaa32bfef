//! Reads a body ahead of the network, on a thread that may block, and digests it there.

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ring::digest;
use tokio::task::{JoinHandle, spawn_blocking};

/// How much is read at once, in bytes; one piece is read while the one before it is written.
const PIECE: usize = 256 * 1024;

/// Opens a body from its start.
pub(crate) type Open = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// A body that is read piece by piece.
pub(crate) struct Reading {
    next: Next,
    left: Option<u64>,
    size: Option<u64>,
    digest: Option<String>,
}

enum Next {
    Open(Open),
    Piece(JoinHandle<io::Result<Piece>>),
    End,
}

/// What was read, and what reads on.
struct Piece {
    bytes: Bytes,
    reader: Box<dyn Read + Send>,
    digest: digest::Context,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reading({:?} left)", self.left)
    }
}

impl Reading {
    /// Nothing is opened before the first piece is asked for: there may be no connection yet.
    pub(crate) fn new(size: Option<u64>, open: Open) -> Self {
        let next = if size == Some(0) { Next::End } else { Next::Open(open) };
        Self { next, left: size, size, digest: None }
    }

    /// How much is still to come, where the size is known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.left
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.next, Next::End)
    }

    /// SHA-256 in lower-case hex, when all has been read.
    pub(crate) fn digest(&self) -> Option<&String> {
        self.digest.as_ref()
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Next::Open(open) = &self.next {
            let open = Arc::clone(open);
            self.next = Next::Piece(spawn_blocking(move || {
                read(open()?, digest::Context::new(&digest::SHA256))
            }));
        }
        let Next::Piece(task) = &mut self.next else { return Poll::Ready(None) };
        let piece = match ready!(Pin::new(task).poll(cx)) {
            Ok(Ok(piece)) => piece,
            Ok(Err(error)) => return self.fail(&error),
            Err(error) => return self.fail(&io::Error::other(error)),
        };
        let Piece { bytes, reader, digest } = piece;
        let length = bytes.len() as u64;
        let left = self.left.map(|left| left.checked_sub(length));
        let end = bytes.is_empty() || left == Some(Some(0));
        match left {
            Some(None) => return self.fail(&self.changed("longer")),
            Some(Some(left @ 1..)) if bytes.is_empty() => {
                self.left = Some(left);
                return self.fail(&self.changed("shorter"));
            }
            Some(left) => self.left = left,
            None => {}
        }
        if end {
            self.digest = Some(crate::units::hex(digest.finish().as_ref()));
            self.next = Next::End;
        } else {
            self.next = Next::Piece(spawn_blocking(move || read(reader, digest)));
        }
        Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
    }

    fn fail(&mut self, error: &io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.next = Next::End;
        Poll::Ready(Some(Err(io::Error::new(error.kind(), BodyUnreadable(error.to_string())))))
    }

    fn changed(&self, how: &str) -> io::Error {
        let size = self.size.unwrap_or_default();
        io::Error::other(format!("it became {how} than its {size} bytes while it was sent"))
    }
}

/// A body that could not be read to its end: our own fault, not the server's.
#[derive(Debug)]
pub(crate) struct BodyUnreadable(pub(crate) String);

impl fmt::Display for BodyUnreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BodyUnreadable {}

/// The next piece, which is empty at the end alone.
fn read(mut reader: Box<dyn Read + Send>, mut digest: digest::Context) -> io::Result<Piece> {
    let mut bytes = vec![0; PIECE];
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = bytes.get_mut(filled..) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    digest.update(&bytes);
    Ok(Piece { bytes: Bytes::from(bytes), reader, digest })
}
