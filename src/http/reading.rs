//! Reads a body ahead of the network, on a thread that may block, and digests it there if wanted.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ring::digest;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// How much is read at once, in bytes.
const PIECE: usize = 128 * 1024;
/// So many pieces are read and digested before they are asked for.
const AHEAD: usize = 3;

/// Opens a body from its start.
pub(crate) type Open = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// A body that is read piece by piece.
pub(crate) struct Reading {
    next: Next,
    left: Option<u64>,
    size: Option<u64>,
    is_digested: bool,
    digest: Option<String>,
}

enum Next {
    Open(Open),
    Pieces(mpsc::Receiver<io::Result<Piece>>),
    End,
}

/// What was read.
struct Piece {
    bytes: Bytes,
    /// Whether it is the last one.
    is_last: bool,
    /// SHA-256 of the whole in lower-case hex, with the last piece, where it is wanted.
    digest: Option<String>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reading({:?} left)", self.left)
    }
}

impl Reading {
    /// Nothing is opened before the first piece is asked for: there may be no connection yet.
    pub(crate) fn new(size: Option<u64>, open: Open, is_digested: bool) -> Self {
        let next = if size == Some(0) { Next::End } else { Next::Open(open) };
        Self { next, left: size, size, is_digested, digest: None }
    }

    /// How much is still to come, where the size is known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.left
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.next, Next::End)
    }

    /// SHA-256 in lower-case hex, when all has been read and it was wanted.
    pub(crate) fn digest(&self) -> Option<&String> {
        self.digest.as_ref()
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Next::Open(open) = &self.next {
            let (open, size, is_digested) = (Arc::clone(open), self.size, self.is_digested);
            let (pieces, read) = mpsc::channel(AHEAD);
            self.next = Next::Pieces(read);
            spawn_blocking(move || read_all(&open, size, is_digested, &pieces));
        }
        let Next::Pieces(pieces) = &mut self.next else { return Poll::Ready(None) };
        let Piece { bytes, digest, is_last: _ } = match ready!(pieces.poll_recv(cx)) {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return self.fail(&error),
            None => return self.fail(&io::Error::other("its reader broke off")),
        };
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
            self.digest = digest;
            self.next = Next::End;
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

/// Reads a body to its end on a thread that may block; it ends early when nobody waits any more.
fn read_all(
    open: &Open,
    size: Option<u64>,
    is_digested: bool,
    pieces: &mpsc::Sender<io::Result<Piece>>,
) {
    let mut reader = match open() {
        Ok(reader) => reader,
        Err(error) => {
            let _ = pieces.blocking_send(Err(error));
            return;
        }
    };
    // One byte more than is stated: a body that has it became longer.
    let stated = size.and_then(|size| usize::try_from(size).ok()?.checked_add(1));
    let room = stated.map_or(PIECE, |room| room.min(PIECE));
    let mut digest = is_digested.then(|| digest::Context::new(&digest::SHA256));
    let mut total = 0_u64;
    // Buffers come back when they have been written: a gigabyte goes through a handful of them.
    let (back, spare) = std::sync::mpsc::channel::<Vec<u8>>();
    loop {
        let mut bytes = spare.try_recv().unwrap_or_default();
        bytes.resize(room, 0);
        let read = fill(&mut *reader, &mut bytes).inspect(|filled| bytes.truncate(*filled));
        let piece = read.map(|filled| {
            if let Some(digest) = &mut digest {
                digest.update(&bytes);
            }
            total += filled as u64;
            let is_last = filled == 0 || size.is_some_and(|size| total >= size);
            let whole = digest.as_ref().filter(|_| is_last);
            let digest = whole.map(|whole| crate::units::hex(whole.clone().finish().as_ref()));
            let back = back.clone();
            Piece { bytes: Bytes::from_owner(Lent { bytes, back }), is_last, digest }
        });
        let goes_on = piece.as_ref().is_ok_and(|piece| !piece.is_last);
        if pieces.blocking_send(piece).is_err() || !goes_on {
            return;
        }
    }
}

/// A buffer that goes back to its reader.
struct Lent {
    bytes: Vec<u8>,
    back: std::sync::mpsc::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Nobody takes it where all has been read.
        let _ = self.back.send(std::mem::take(&mut self.bytes));
    }
}

/// Fills a buffer, but for the end of the body; how much came.
fn fill(reader: &mut dyn Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = bytes.get_mut(filled..) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
