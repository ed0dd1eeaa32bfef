//! Bodies that are recorded while they pass: their beginning, their size and their digest.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::super::decode::{Decoded, Decoder, Wanted};

/// What is known of a body: decoded, at most its first 64 KiB, and the size of the whole.
#[derive(Clone, Default)]
pub(super) struct Recorded(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    decoder: Option<Decoder>,
    taken: Option<Decoded>,
    whole: bool,
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorded")
    }
}

impl Recorded {
    /// Of a body in an encoding.
    pub(super) fn new(encoding: &str) -> Self {
        let decoder = Decoder::new(encoding, u64::MAX, Wanted::head()).ok();
        Self(Arc::new(Mutex::new(State { decoder, taken: None, whole: false })))
    }

    pub(super) fn feed(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What does not decode is passed on all the same, and shown as far as it did.
        if let Some(decoder) = &mut state.decoder
            && decoder.feed(bytes).is_err()
        {
            state.taken = state.decoder.take().map(|mut decoder| decoder.take());
        }
    }

    /// Says that nothing more comes.
    pub(super) fn ended(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).whole = true;
    }

    /// Whether all of it came.
    pub(super) fn is_whole(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).whole
    }

    /// How much came so far, decoded.
    pub(super) fn size(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { decoder, taken, whole: _ } = &mut *state;
        match (decoder, taken) {
            (Some(decoder), _) => decoder.size(),
            (None, Some(taken)) => taken.size,
            (None, None) => 0,
        }
    }

    /// The beginning of what came so far.
    pub(super) fn head(&self) -> Bytes {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { decoder, taken, whole: _ } = &mut *state;
        match (decoder, taken) {
            (Some(decoder), _) => Bytes::copy_from_slice(decoder.so_far()),
            (None, Some(taken)) => Bytes::copy_from_slice(&taken.kept),
            (None, None) => Bytes::new(),
        }
    }

    /// What came, its size, and its digest.
    pub(super) fn take(&self) -> (Bytes, u64, Option<String>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut decoder) = state.decoder.take() {
            let _ = decoder.end();
            state.taken = Some(decoder.take());
        }
        let Decoded { kept, size, sha256, md5: _ } = state.taken.take().unwrap_or_default();
        (Bytes::from(kept), size, sha256)
    }
}

/// The body of a request on its way up.
pub(super) struct Up {
    source: Upward,
    pub(super) recorded: Recorded,
    pub(super) ended: Arc<Ended>,
}

/// How the body of a request ended, once it has.
#[derive(Default)]
pub(super) struct Ended {
    /// The caller broke it off.
    broken: AtomicBool,
    /// What the dependency did not want of it.
    rest: Mutex<Option<Incoming>>,
}

impl Ended {
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub(super) fn rest(&self) -> Option<Incoming> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Up {
    pub(super) fn new(source: Upward, recorded: Recorded) -> Self {
        let up = Self { source, recorded, ended: Arc::default() };
        if up.is_end_stream() {
            up.recorded.ended();
        }
        up
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let source = std::mem::replace(&mut self.source, Upward::Read(Bytes::new()));
        if let (Upward::Caller(incoming), false) = (source, self.recorded.is_whole()) {
            let incoming = incoming.into_inner().unwrap_or_else(PoisonError::into_inner);
            *self.ended.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(incoming);
        }
    }
}

/// Where the body of a request comes from.
pub(super) enum Upward {
    /// The caller's connection. Behind a lock, since whoever sends it may be asked from anywhere.
    Caller(Mutex<Incoming>),
    /// It was read whole, and recorded.
    Read(Bytes),
}

impl Body for Up {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        match &mut this.source {
            Upward::Read(bytes) if bytes.is_empty() => Poll::Ready(None),
            Upward::Read(bytes) => {
                this.recorded.ended();
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            Upward::Caller(incoming) => {
                let incoming = incoming.get_mut().unwrap_or_else(PoisonError::into_inner);
                let frame = std::task::ready!(Pin::new(&mut *incoming).poll_frame(cx));
                match &frame {
                    Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|bytes| {
                        this.recorded.feed(bytes);
                    }),
                    Some(Err(_)) => this.ended.broken.store(true, Ordering::Relaxed),
                    None => {}
                }
                if frame.is_none() || incoming.is_end_stream() {
                    this.recorded.ended();
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Upward::Read(bytes) => bytes.is_empty(),
            Upward::Caller(incoming) => {
                incoming.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Upward::Read(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Upward::Caller(incoming) => {
                incoming.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
            }
        }
    }
}

/// The body of an answer on its way down.
pub(super) enum Down {
    /// The tap's own.
    Own(Bytes),
    /// The dependency's.
    Dependency {
        /// Where it comes from.
        coming: Box<super::passing::Coming>,
        /// What came so far.
        recorded: Recorded,
        /// Hears how it ended; the exchange is over when this is dropped.
        ends: super::passing::Ends,
    },
}

/// The dependency's answer broke off, and so the caller's does.
#[derive(Debug)]
pub(super) struct BrokeOff;

impl fmt::Display for BrokeOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer of the dependency broke off")
    }
}

impl std::error::Error for BrokeOff {}

impl Body for Down {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        match self.get_mut() {
            Self::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Dependency { coming, recorded, ends } => {
                Poll::Ready(match std::task::ready!(coming.poll(cx)) {
                    Some(Ok(frame)) => {
                        if let Some(bytes) = frame.data_ref() {
                            recorded.feed(bytes);
                        }
                        // Whoever asked may act on the last byte before it asks for more.
                        if coming.body().is_end_stream() {
                            ends.whole();
                        }
                        Some(Ok(frame))
                    }
                    Some(Err(transport)) => {
                        ends.broke_off(transport);
                        Some(Err(BrokeOff))
                    }
                    None => {
                        ends.whole();
                        None
                    }
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_empty(),
            Self::Dependency { coming, .. } => coming.body().is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Dependency { coming, .. } => coming.body().size_hint(),
        }
    }
}
