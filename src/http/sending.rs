//! A request body that marks when it was handed over, and digests itself on the way.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use hyper::body::{Frame, SizeHint};

use super::request::Body;
use super::trace::{Trace, now};

/// A body in memory is handed over in pieces of this size, so that the mark of the last one is near
/// the time when it was written.
const PIECE: usize = 64 * 1024;

/// A body on its way out.
pub(crate) struct Sending {
    trace: Arc<Trace>,
    source: Source,
}

enum Source {
    Memory(Bytes),
    Stream {
        left: Option<u64>,
        ended: bool,
        // A stream is only `Send`; hyper never shares the body between threads at one time.
        stream: std::sync::Mutex<BoxStream<'static, io::Result<Bytes>>>,
        digest: Box<ring::digest::Context>,
    },
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending")
    }
}

impl Sending {
    pub(crate) fn new(body: &Body, trace: Arc<Trace>) -> Self {
        let source = match body {
            Body::Empty => Source::Memory(Bytes::new()),
            Body::Bytes(bytes) => Source::Memory(bytes.clone()),
            Body::Stream { size, open } => Source::Stream {
                left: *size,
                ended: false,
                stream: std::sync::Mutex::new(open()),
                digest: Box::new(ring::digest::Context::new(&ring::digest::SHA256)),
            },
        };
        Self { trace, source }
    }

    fn is_done(&self) -> bool {
        match &self.source {
            Source::Memory(bytes) => bytes.is_empty(),
            Source::Stream { left, ended, .. } => *ended || *left == Some(0),
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
            Source::Stream { stream, ended, left, digest } => {
                let stream = stream.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
                match std::task::ready!(stream.poll_next_unpin(cx)) {
                    Some(Ok(bytes)) => {
                        digest.update(&bytes);
                        if let Some(left) = left {
                            *left = left.saturating_sub(bytes.len() as u64);
                        }
                        Some(Ok(bytes))
                    }
                    other => {
                        *ended = true;
                        other
                    }
                }
            }
        };
        let done = this.is_done();
        let digest = match &this.source {
            Source::Stream { digest, .. } if done => {
                Some(crate::units::hex((**digest).clone().finish().as_ref()))
            }
            Source::Stream { .. } | Source::Memory(_) => None,
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
            Source::Stream { left: Some(left), .. } => SizeHint::with_exact(*left),
            Source::Stream { left: None, .. } => SizeHint::new(),
        }
    }
}
