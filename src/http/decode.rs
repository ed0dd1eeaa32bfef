//! Undoes content encodings as the body streams in, never holding more than the cap of decoded bytes.
//!
//! The decoders are pushed: each network chunk is written in, decoded bytes fall into a capped
//! sink, and the sink refuses what is over the cap. So a bomb costs the cap and no more.

use std::fmt;
use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// What `Accept-Encoding` says unless the plan says otherwise.
pub(crate) const ACCEPTED: &str = "gzip, br, deflate, zstd";

/// More encodings in a row than this are refused: nobody means them.
const MOST_LAYERS: usize = 3;
/// RFC 9659: a zstd content coding needs a window of at most 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The decoders' own buffer.
const BUFFER: usize = 16 * 1024;

/// Why a body could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DecodeFault {
    /// More decoded bytes than the cap.
    TooLarge,
    /// The bytes are not what the encoding says.
    Bad {
        /// The encodings as the header names them.
        encoding: String,
        /// What the decoder saw.
        seen: String,
    },
}

/// A body being decoded.
pub(crate) struct Decoder {
    encoding: String,
    chain: Box<dyn Layer>,
    fed: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder for the value of `Content-Encoding` (empty where there is none). An encoding that
    /// is not known leaves the body as it came.
    pub(crate) fn new(content_encoding: &str, cap: u64) -> Result<Self, DecodeFault> {
        let names: Vec<String> = content_encoding
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty() && name != "identity")
            .collect();
        let bad = |seen: &str| DecodeFault::Bad {
            encoding: content_encoding.to_owned(),
            seen: seen.to_owned(),
        };
        if names.len() > MOST_LAYERS {
            return Err(bad("too many encodings, one inside the other"));
        }
        let mut chain: Box<dyn Layer> = Box::new(Sink::new(cap));
        if names.iter().all(|name| is_known(name)) {
            for name in &names {
                chain = layer(name, chain).map_err(|error| bad(&error.to_string()))?;
            }
        }
        Ok(Self { encoding: content_encoding.to_owned(), chain, fed: false })
    }

    /// Takes the next bytes from the wire.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Result<(), DecodeFault> {
        self.fed |= !chunk.is_empty();
        let written = self.chain.write_all(chunk);
        self.judge(written)
    }

    /// Says that nothing more comes. A body without a byte is empty, whatever its encoding.
    pub(crate) fn end(&mut self) -> Result<(), DecodeFault> {
        if !self.fed {
            return Ok(());
        }
        let ended = self.chain.end();
        self.judge(ended)
    }

    /// What has been decoded, leaving nothing.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        // A decoder may hold back up to one buffer: a body that broke off shows what did come.
        let _ = self.chain.flush();
        std::mem::take(&mut self.chain.sink_mut().out)
    }

    fn judge(&mut self, result: io::Result<()>) -> Result<(), DecodeFault> {
        if self.chain.sink_mut().over {
            return Err(DecodeFault::TooLarge);
        }
        result.map_err(|error| DecodeFault::Bad {
            encoding: self.encoding.clone(),
            seen: error.to_string(),
        })
    }
}

fn is_known(name: &str) -> bool {
    matches!(name, "gzip" | "x-gzip" | "deflate" | "br" | "zstd")
}

fn layer(name: &str, inner: Box<dyn Layer>) -> io::Result<Box<dyn Layer>> {
    Ok(match name {
        "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(inner)),
        "br" => Box::new(brotli_decompressor::DecompressorWriter::new(inner, BUFFER)),
        "zstd" => {
            let mut raw = zstd::stream::raw::Decoder::new()?;
            raw.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
            Box::new(zstd::stream::zio::Writer::new(inner, raw))
        }
        "deflate" => Box::new(Deflate::Undecided(Some(inner))),
        _ => inner,
    })
}

/// One decoder over another, down to the sink.
trait Layer: Write + Send + Sync {
    fn end(&mut self) -> io::Result<()>;
    fn sink_mut(&mut self) -> &mut Sink;
}

/// Where decoded bytes fall: at most `cap` of them.
struct Sink {
    out: Vec<u8>,
    cap: u64,
    over: bool,
}

impl Sink {
    fn new(cap: u64) -> Self {
        Self { out: Vec::new(), cap, over: false }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.cap.saturating_sub(self.out.len() as u64);
        if bytes.len() as u64 > room {
            self.over = true;
            return Err(io::Error::other("over the cap"));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Layer for Sink {
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn sink_mut(&mut self) -> &mut Sink {
        self
    }
}

impl Layer for MultiGzDecoder<Box<dyn Layer>> {
    fn end(&mut self) -> io::Result<()> {
        self.try_finish()?;
        self.get_mut().end()
    }
    fn sink_mut(&mut self) -> &mut Sink {
        self.get_mut().sink_mut()
    }
}

impl Layer for brotli_decompressor::DecompressorWriter<Box<dyn Layer>> {
    fn end(&mut self) -> io::Result<()> {
        self.close()?;
        self.get_mut().end()
    }
    fn sink_mut(&mut self) -> &mut Sink {
        self.get_mut().sink_mut()
    }
}

impl Layer for zstd::stream::zio::Writer<Box<dyn Layer>, zstd::stream::raw::Decoder<'static>> {
    fn end(&mut self) -> io::Result<()> {
        self.finish()?;
        self.writer_mut().end()
    }
    fn sink_mut(&mut self) -> &mut Sink {
        self.writer_mut().sink_mut()
    }
}

/// `deflate` is zlib (RFC 9110 §8.4.1.2), but some servers send it raw: the first byte decides.
enum Deflate {
    Undecided(Option<Box<dyn Layer>>),
    Zlib(ZlibDecoder<Box<dyn Layer>>),
    Raw(DeflateDecoder<Box<dyn Layer>>),
}

impl Write for Deflate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let (Self::Undecided(inner), Some(first)) = (&mut *self, bytes.first())
            && let Some(inner) = inner.take()
        {
            // The compression method of every zlib stream is 8 (RFC 1950 §2.2).
            *self = if first & 0x0f == 8 {
                Self::Zlib(ZlibDecoder::new(inner))
            } else {
                Self::Raw(DeflateDecoder::new(inner))
            };
        }
        match self {
            Self::Undecided(_) => Ok(0),
            Self::Zlib(decoder) => decoder.write(bytes),
            Self::Raw(decoder) => decoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Undecided(_) => Ok(()),
            Self::Zlib(decoder) => decoder.flush(),
            Self::Raw(decoder) => decoder.flush(),
        }
    }
}

impl Layer for Deflate {
    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Undecided(_) => Ok(()),
            Self::Zlib(decoder) => {
                decoder.try_finish()?;
                decoder.get_mut().end()
            }
            Self::Raw(decoder) => {
                decoder.try_finish()?;
                decoder.get_mut().end()
            }
        }
    }

    fn sink_mut(&mut self) -> &mut Sink {
        match self {
            Self::Undecided(inner) => {
                inner.get_or_insert_with(|| Box::new(Sink::new(0))).sink_mut()
            }
            Self::Zlib(decoder) => decoder.get_mut().sink_mut(),
            Self::Raw(decoder) => decoder.get_mut().sink_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("gzip into memory");
        encoder.finish().expect("gzip into memory")
    }

    #[test]
    fn chunks_may_fall_anywhere() {
        let whole = gzip(b"a text of some length, and some length, and some length");
        let mut decoder = Decoder::new("gzip", 1000).expect("a known encoding");
        for byte in &whole {
            decoder.feed(&[*byte]).expect("good gzip");
        }
        decoder.end().expect("a whole body");
        assert_eq!(decoder.take(), b"a text of some length, and some length, and some length");
    }

    #[test]
    fn what_came_before_a_fault_is_kept() {
        let whole = gzip(&b"0123456789".repeat(10));
        let mut decoder = Decoder::new("gzip", 1000).expect("a known encoding");
        decoder.feed(&whole[..whole.len() - 8]).expect("good so far");
        assert!(matches!(decoder.end(), Err(DecodeFault::Bad { .. })));
        assert_eq!(decoder.take(), b"0123456789".repeat(10));
    }

    #[test]
    fn an_empty_body_is_empty_in_every_encoding() {
        for encoding in ["", "identity", "gzip", "br", "zstd", "deflate", "gzip, br"] {
            let mut decoder = Decoder::new(encoding, 10).expect("a known encoding");
            assert_eq!(decoder.end(), Ok(()), "{encoding}");
            assert_eq!(decoder.take(), b"");
        }
    }

    #[test]
    fn every_encoding_refuses_what_it_is_not() {
        for encoding in ["gzip", "br", "zstd", "deflate"] {
            let mut decoder = Decoder::new(encoding, 1000).expect("a known encoding");
            let fed = decoder.feed(b"\xff\xffthis is something else").and_then(|()| decoder.end());
            assert!(matches!(fed, Err(DecodeFault::Bad { .. })), "{encoding}: {fed:?}");
        }
        assert!(Decoder::new("gzip, gzip, gzip, gzip", 10).is_err());
    }

    #[test]
    fn the_cap_counts_decoded_bytes() {
        let whole = gzip(&[0; 1000]);
        for (cap, fits) in [(1000, true), (999, false)] {
            let mut decoder = Decoder::new("gzip", cap).expect("a known encoding");
            let fed = decoder.feed(&whole).and_then(|()| decoder.end());
            assert_eq!(fed, if fits { Ok(()) } else { Err(DecodeFault::TooLarge) });
        }
    }
}
