//! The plan language, line by line: a plan in a folder, the real binary, the wire and the report.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "what is not as expected fails the test, which reads and writes files of its own"
)]

#[path = "language/bench.rs"]
mod bench;
#[path = "support/scripted.rs"]
mod scripted;
#[path = "support/tls.rs"]
mod tls;

#[path = "language/bodies.rs"]
mod bodies;
#[path = "language/cases.rs"]
mod cases;
#[path = "language/contracts.rs"]
mod contracts;
#[path = "language/dial.rs"]
mod dial;
#[path = "language/ending.rs"]
mod ending;
#[path = "language/fifteen.rs"]
mod fifteen;
#[path = "language/flow.rs"]
mod flow;
#[path = "language/groups.rs"]
mod groups;
#[path = "language/hints.rs"]
mod hints;
#[path = "language/ids.rs"]
mod ids;
#[path = "language/includes.rs"]
mod includes;
#[path = "language/judge.rs"]
mod judge;
#[path = "language/keys.rs"]
mod keys;
#[path = "language/login.rs"]
mod login;
#[path = "language/request.rs"]
mod request;
#[path = "language/routes.rs"]
mod routes;
#[path = "language/samples.rs"]
mod samples;
#[path = "language/saving.rs"]
mod saving;
#[path = "language/schema.rs"]
mod schema;
#[path = "language/tapped_bodies.rs"]
mod tapped_bodies;
#[path = "language/tapped_owners.rs"]
mod tapped_owners;
#[path = "language/taps.rs"]
mod taps;
#[path = "language/words.rs"]
mod words;
