//! One exchange: request out, response or transport error back, hop by hop, with the time each phase took.
//!
//! The only room that knows reqwest. [`Client::exchange`] takes a rendered [`Request`] and gives
//! an [`Exchanged`], whose parts are those of `outcome`. Bodies are capped streams, redirects and
//! content encodings are its own, and nothing here prints or keeps a secret.

mod answer;
mod barrier;
mod certificate;
mod client;
mod decode;
mod digest;
mod exchange;
mod fault;
mod head;
mod jar;
mod moved;
mod peek;
mod probe;
mod reading;
mod redirect;
mod request;
mod sending;
mod tap;
mod tls;
mod trace;

pub use answer::{Answer, Exchanged, Sent};
pub use barrier::Barrier;
pub use certificate::Certificate;
pub use client::{Client, Options};
pub use digest::{Asked, digest_answer, digest_secrets};
pub use jar::Jar;
pub use moved::{Moved, Moving};
pub use peek::certificate;
pub use redirect::{AllowOrigins, Origin};
pub use request::{
    Body, Connection, Copying, Dial, Digests, HttpVersion, Identity, Keep, MAX_BODY, Part,
    ProxyChoice, Request, RequestFault, Tls,
};
pub use tap::{Hub, Refuse, Seen, Stray, Tap, TapListener, TapWork, Unsure, Watching};
pub use tls::{TlsPart, check_tls};
