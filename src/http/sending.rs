//! A request body that marks when it was handed over, and digests itself on the way.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::moved::Moved;
use super::reading::Reading;
use super::request::Body;
use super::trace::{Trace, now};

/// A body in memory is handed over in pieces of this size, so that the mark of the last one is near
/// the time when it was written.
const PIECE: usize = 64 * 1024;

/// A body on its way out.
pub(crate) struct Sending {
    trace: Arc<Trace>,
    moved: Option<Arc<Moved>>,
    source: Source,
}

enum Source {
    Memory(Bytes),
    Reading(Reading),
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending")
    }
}

impl Sending {
    pub(crate) fn new(
        (body, is_digested): (&Body, bool),
        trace: Arc<Trace>,
        moved: Option<Arc<Moved>>,
    ) -> Self {
        if let Some(moved) = &moved {
            moved.begins_to_send(match body {
                Body::Empty => Some(0),
                Body::Bytes(bytes) => Some(bytes.len() as u64),
                Body::Stream { size, .. } => *size,
            });
        }
        let source = match body {
            Body::Empty => Source::Memory(Bytes::new()),
            Body::Bytes(bytes) => Source::Memory(bytes.clone()),
            Body::Stream { size, open } => {
                Source::Reading(Reading::new(*size, Arc::clone(open), is_digested))
            }
        };
        Self { trace, moved, source }
    }

    fn is_done(&self) -> bool {
        match &self.source {
            Source::Memory(bytes) => bytes.is_empty(),
            Source::Reading(reading) => reading.is_done(),
        }
    }
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let piece = match &mut this.source {
            Source::Memory(bytes) if bytes.is_empty() => None,
            Source::Memory(bytes) => Some(Ok(bytes.split_to(PIECE.min(bytes.len())))),
            Source::Reading(reading) => std::task::ready!(reading.poll(cx)),
        };
        if let (Some(moved), Some(Ok(bytes))) = (&this.moved, &piece) {
            moved.sent(bytes.len());
        }
        let done = this.is_done();
        let digest = match &this.source {
            Source::Reading(reading) => reading.digest().cloned(),
            Source::Memory(_) => None,
        };
        this.trace.mark(|marks| {
            if let Some(Ok(bytes)) = &piece {
                marks.sent = Some(now());
                marks.sent_bytes += bytes.len() as u64;
            }
            if done && !matches!(piece, Some(Err(_))) {
                marks.all_sent = true;
                marks.sent_digest = digest.or_else(|| marks.sent_digest.take());
            }
        });
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    /// hyper asks this while it writes the head: for a request without a body that is the mark.
    fn is_end_stream(&self) -> bool {
        let done = self.is_done();
        if done {
            self.trace.mark(|marks| {
                if marks.sent_bytes == 0 {
                    marks.sent = Some(now());
                    marks.all_sent = true;
                }
            });
        }
        done
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Memory(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Reading(reading) => match reading.left() {
                Some(left) => SizeHint::with_exact(left),
                None => SizeHint::new(),
            },
        }
    }
}
