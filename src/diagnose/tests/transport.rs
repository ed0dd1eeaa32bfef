//! Rules about connections and bodies that did not come whole.

use super::scene::*;
use super::*;

pub(super) fn rows() -> Vec<Row> {
    use TransportClass::{
        BadEncoding, ConnectTimeout, Dns, Framing, NotHttp, Other, Refused, Reset, Timeout, Tls,
        Truncated,
    };
    vec![
        (
            "transport/unknown-host",
            "the name server does not know the host",
            "another error of the connection",
            failed(Dns),
            failed(Other),
        ),
        (
            "transport/nothing-listens",
            "the connection is refused",
            "another error of the connection",
            failed(Refused),
            failed(Other),
        ),
        (
            "transport/no-answer",
            "the connection is not made in time",
            "another error of the connection",
            failed(ConnectTimeout),
            failed(Other),
        ),
        (
            "transport/certificate",
            "the handshake fails",
            "another error of the connection",
            failed(Tls),
            failed(Other),
        ),
        (
            "transport/slow",
            "the time is over while it waits for the answer",
            "the time is over, and how far it got is unknown",
            failed(Timeout),
            failed(Timeout).with(|exchange| {
                if let Some(error) = &mut exchange.error {
                    error.phase = None;
                }
            }),
        ),
        (
            "transport/closed",
            "a reset, where the server answered another request",
            "a reset of a server that answered nothing",
            failed(Reset).seen(same_host()),
            failed(Reset),
        ),
        (
            "transport/not-http",
            "what answers is not HTTP",
            "another error of the connection",
            failed(NotHttp),
            failed(Other),
        ),
        (
            "transport/cut-off",
            "fewer bytes than announced",
            "another error of the connection",
            failed(Truncated),
            failed(Other),
        ),
        (
            "transport/encoding",
            "a body that does not decode",
            "another error of the connection",
            failed(BadEncoding),
            failed(Other),
        ),
        (
            "transport/framing",
            "an answer that breaks the rules of HTTP",
            "another error of the connection",
            failed(Framing),
            failed(Other),
        ),
    ]
}
