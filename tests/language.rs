//! The plan language, line by line: a plan in a folder, the real binary, the wire and the report.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "what is not as expected fails the test, which reads and writes files of its own"
)]

#[path = "language/bench.rs"]
mod bench;
#[path = "support/scripted.rs"]
mod scripted;

#[path = "language/request.rs"]
mod request;
