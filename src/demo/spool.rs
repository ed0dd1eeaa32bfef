//! Where uploads lie: one unnamed temporary file, so that memory does not grow with what is sent.
//!
//! The operating system removes the file with the process, however that ends. What does not fit,
//! or cannot be written, is not kept; its owner still knows size and digest.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use futures_util::stream;

/// What a demo keeps altogether.
const LIMIT: u64 = 4 << 30;

/// How much of a kept upload is read at once.
const PIECE: u64 = 64 << 10;

/// The file, made by the first upload.
#[derive(Debug, Default)]
pub(super) struct Spool {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    file: Option<File>,
    end: u64,
}

/// Where one upload lies: its parts in their order, as uploads under way at once take turns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kept {
    extents: Vec<Extent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    at: u64,
    length: u64,
}

impl Spool {
    /// Adds a chunk to an upload.
    ///
    /// # Errors
    /// No space, for the demo or on the disk.
    pub(super) fn append(&self, kept: &mut Kept, chunk: &[u8]) -> io::Result<()> {
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let at = inner.end;
        let end = at.saturating_add(length);
        if end > LIMIT {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = match &mut inner.file {
            Some(file) => file,
            none @ None => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(chunk)?;
        inner.end = end;
        match kept.extents.last_mut() {
            Some(last) if last.at.saturating_add(last.length) == at => {
                last.length = last.length.saturating_add(length);
            }
            Some(_) | None => kept.extents.push(Extent { at, length }),
        }
        Ok(())
    }

    fn read(&self, extent: Extent) -> io::Result<Bytes> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &mut inner.file else { return Err(io::ErrorKind::NotFound.into()) };
        let mut piece = vec![0; usize::try_from(extent.length).unwrap_or(0)];
        file.seek(SeekFrom::Start(extent.at))?;
        file.read_exact(&mut piece)?;
        Ok(Bytes::from(piece))
    }
}

/// Streams a kept upload.
pub(super) fn body(spool: Arc<Spool>, kept: Kept) -> Body {
    let mut rest = kept.extents;
    rest.reverse();
    Body::from_stream(stream::unfold((spool, rest), |(spool, mut rest)| async move {
        let extent = rest.pop()?;
        let piece = Extent { at: extent.at, length: extent.length.min(PIECE) };
        if extent.length > piece.length {
            let at = extent.at.saturating_add(piece.length);
            rest.push(Extent { at, length: extent.length.saturating_sub(piece.length) });
        }
        let read = spool.read(piece);
        Some((read, (spool, rest)))
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn two_uploads_at_once_come_back_apart_and_whole() {
        let spool = Arc::new(Spool::default());
        let (mut ones, mut twos) = (Kept::default(), Kept::default());
        let half = vec![1; 50_000];
        for _ in 0..3 {
            spool.append(&mut ones, &half).expect("space");
            spool.append(&mut ones, &half).expect("space");
            spool.append(&mut twos, &[2; 10]).expect("space");
        }
        assert_eq!(ones.extents.len(), 3, "what follows itself is one part");
        let read = async |kept| to_bytes(body(Arc::clone(&spool), kept), 1 << 20).await;
        assert_eq!(read(ones).await.expect("bytes"), vec![1; 300_000]);
        assert_eq!(read(twos).await.expect("bytes"), vec![2; 30]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let spool = Spool::default();
        spool.inner.lock().expect("the lock").end = LIMIT;
        let refused = spool.append(&mut Kept::default(), b"x").expect_err("it is full");
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    }
}
