//! Undoes content encodings as the body streams in, never holding more than the cap of decoded bytes.
//!
//! The decoders are pushed: each network chunk is written in, decoded bytes fall into a capped
//! sink, and the sink refuses what is over the cap. So a bomb costs the cap and no more.

use std::fmt;
use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::request::{Copying, Keep, Part};
use crate::units::hex;

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

/// What is made of a body beside its size and its SHA-256.
pub(crate) struct Wanted {
    /// What of it is kept in memory.
    pub(crate) keep: Keep,
    /// Whether its MD5 is made.
    pub(crate) md5: bool,
    /// Where else it goes.
    pub(crate) copy: Option<Copying>,
}

impl Wanted {
    /// Its beginning alone.
    pub(crate) fn head() -> Self {
        Self { keep: Keep::Head, md5: false, copy: None }
    }
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
    pub(crate) fn new(
        content_encoding: &str,
        cap: u64,
        wanted: Wanted,
    ) -> Result<Self, DecodeFault> {
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
        let mut chain: Box<dyn Layer> = Box::new(Sink::new(cap, wanted));
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
    pub(crate) fn take(&mut self) -> Decoded {
        // A decoder may hold back up to one buffer: a body that broke off shows what did come.
        let _ = self.chain.flush();
        self.chain.sink_mut().take()
    }

    /// What is kept of what has been decoded, which goes on.
    pub(crate) fn so_far(&mut self) -> &[u8] {
        // A decoder may hold back up to one buffer.
        let _ = self.chain.flush();
        &self.chain.sink_mut().out
    }

    /// How much has been decoded.
    pub(crate) fn size(&mut self) -> u64 {
        let _ = self.chain.flush();
        self.chain.sink_mut().size
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

/// A body, decoded.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// What is kept of it.
    pub(crate) kept: Vec<u8>,
    /// The size of the whole in bytes.
    pub(crate) size: u64,
    /// SHA-256 of the whole in lower-case hex; none of nothing.
    pub(crate) sha256: Option<String>,
    /// MD5 of the whole, where it was asked for.
    pub(crate) md5: Option<String>,
}

/// Bytes that are kept of a body that nothing reads: what a report shows.
const HEAD: usize = 64 * 1024;

/// Where decoded bytes fall: at most `cap` of them, the digests made on the way.
struct Sink {
    out: Vec<u8>,
    size: u64,
    cap: u64,
    keep: Keep,
    copy: Option<Copying>,
    sha256: ring::digest::Context,
    md5: Option<md5::Md5>,
    over: bool,
}

impl Sink {
    fn new(cap: u64, Wanted { keep, md5, copy }: Wanted) -> Self {
        Self {
            out: Vec::new(),
            size: 0,
            cap,
            keep,
            copy,
            sha256: ring::digest::Context::new(&ring::digest::SHA256),
            md5: md5.then(md5::Md5::default),
            over: false,
        }
    }

    fn take(&mut self) -> Decoded {
        use md5::Digest as _;
        let none = ring::digest::Context::new(&ring::digest::SHA256);
        let sha256 = std::mem::replace(&mut self.sha256, none).finish();
        Decoded {
            kept: std::mem::take(&mut self.out),
            sha256: (self.size > 0).then(|| hex(sha256.as_ref())),
            size: std::mem::take(&mut self.size),
            md5: self.md5.take().map(|md5| hex(&md5.finalize())),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use md5::Digest as _;
        let room = self.cap.saturating_sub(self.size);
        if bytes.len() as u64 > room {
            self.over = true;
            return Err(io::Error::other("over the cap"));
        }
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(Copying(copy)) = &self.copy {
            copy(Part::Bytes(bytes));
        }
        let kept = match self.keep {
            Keep::Whole => bytes.len(),
            Keep::Head => bytes.len().min(HEAD.saturating_sub(self.out.len())),
        };
        self.out.extend_from_slice(bytes.get(..kept).unwrap_or_default());
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
                inner.get_or_insert_with(|| Box::new(Sink::new(0, Wanted::head()))).sink_mut()
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

    fn decoder(encoding: &str, cap: u64) -> Result<Decoder, DecodeFault> {
        Decoder::new(encoding, cap, Wanted { keep: Keep::Whole, ..Wanted::head() })
    }

    #[test]
    fn of_a_body_that_nothing_reads_the_head_is_kept_and_the_digests_are_of_the_whole() {
        let body = vec![b'x'; 3 * HEAD];
        let mut decoder = Decoder::new("gzip", u64::MAX, Wanted { md5: true, ..Wanted::head() })
            .expect("a known encoding");
        decoder.feed(&gzip(&body)).expect("good gzip");
        decoder.end().expect("a whole body");
        let head = decoder.take();
        assert_eq!((head.kept.len(), head.size), (HEAD, 3 * HEAD as u64));
        let mut decoder =
            Decoder::new("", u64::MAX, Wanted { keep: Keep::Whole, md5: true, copy: None })
                .expect("no encoding");
        decoder.feed(&body).expect("bytes");
        let all = decoder.take();
        assert_eq!(all.kept, body);
        assert_eq!((head.sha256, head.md5), (all.sha256, all.md5));
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("gzip into memory");
        encoder.finish().expect("gzip into memory")
    }

    #[test]
    fn chunks_may_fall_anywhere() {
        let whole = gzip(b"a text of some length, and some length, and some length");
        let mut decoder = decoder("gzip", 1000).expect("a known encoding");
        for byte in &whole {
            decoder.feed(&[*byte]).expect("good gzip");
        }
        decoder.end().expect("a whole body");
        assert_eq!(decoder.take().kept, b"a text of some length, and some length, and some length");
    }

    #[test]
    fn what_came_before_a_fault_is_kept() {
        let whole = gzip(&b"0123456789".repeat(10));
        let mut decoder = decoder("gzip", 1000).expect("a known encoding");
        decoder.feed(&whole[..whole.len() - 8]).expect("good so far");
        assert!(matches!(decoder.end(), Err(DecodeFault::Bad { .. })));
        assert_eq!(decoder.take().kept, b"0123456789".repeat(10));
    }

    #[test]
    fn an_empty_body_is_empty_in_every_encoding() {
        for encoding in ["", "identity", "gzip", "br", "zstd", "deflate", "gzip, br"] {
            let mut decoder = decoder(encoding, 10).expect("a known encoding");
            assert_eq!(decoder.end(), Ok(()), "{encoding}");
            assert_eq!(decoder.take().kept, b"");
        }
    }

    #[test]
    fn every_encoding_refuses_what_it_is_not() {
        for encoding in ["gzip", "br", "zstd", "deflate"] {
            let mut decoder = decoder(encoding, 1000).expect("a known encoding");
            let fed = decoder.feed(b"\xff\xffthis is something else").and_then(|()| decoder.end());
            assert!(matches!(fed, Err(DecodeFault::Bad { .. })), "{encoding}: {fed:?}");
        }
        assert!(decoder("gzip, gzip, gzip, gzip", 10).is_err());
    }

    #[test]
    fn the_cap_counts_decoded_bytes() {
        let whole = gzip(&[0; 1000]);
        for (cap, fits) in [(1000, true), (999, false)] {
            let mut decoder = decoder("gzip", cap).expect("a known encoding");
            let fed = decoder.feed(&whole).and_then(|()| decoder.end());
            assert_eq!(fed, if fits { Ok(()) } else { Err(DecodeFault::TooLarge) });
        }
    }
}
