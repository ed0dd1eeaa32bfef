//! Nothing came back: how far the request got, and who named the host.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::{Evidence, host};
use crate::outcome::{Phase, Transport, TransportClass};
use crate::units::show_duration;

pub(super) const RULES: [Rule; 10] = [
    Rule {
        name: "transport/unknown-host",
        says: "the name of the host is not known: the name server said so; which variable names it",
        find: unknown_host,
    },
    Rule {
        name: "transport/nothing-listens",
        says: "the host refused the connection: it is there, and nothing listens on this port",
        find: nothing_listens,
    },
    Rule {
        name: "transport/no-answer",
        says: "not even a refusal came from the address: a firewall, a VPN, a host that is off",
        find: no_answer,
    },
    Rule {
        name: "transport/certificate",
        says: "the TLS handshake failed, with what was wrong with it",
        find: certificate,
    },
    Rule {
        name: "transport/slow",
        says: "the request was taken, and no answer came in time; how fast the others were",
        find: slow,
    },
    Rule {
        name: "transport/closed",
        says: "the server closed the connection on this request, while it answered others",
        find: closed,
    },
    Rule {
        name: "transport/not-http",
        says: "what listens on this port does not speak HTTP",
        find: not_http,
    },
    Rule {
        name: "transport/cut-off",
        says: "the connection ended before the answer was whole: how much of it came",
        find: cut_off,
    },
    Rule {
        name: "transport/encoding",
        says: "the body is not what its Content-Encoding says",
        find: encoding,
    },
    Rule {
        name: "transport/framing",
        says: "the answer began as HTTP and breaks its rules",
        find: framing,
    },
];

/// The error, if it is of one of these classes.
fn error<'a>(evidence: &Evidence<'a>, classes: &[TransportClass]) -> Option<&'a Transport> {
    evidence.error.filter(|error| classes.contains(&error.class))
}

/// Steps that the same host answered, on this port or another.
fn host_answered(evidence: &Evidence<'_>) -> Option<Fact> {
    let own = evidence.host();
    let other = evidence.others.iter().find(|other| host(&other.origin) == own)?;
    Some(Fact::new(format!("the same host answered {}", other.cited())))
}

fn unknown_host(evidence: &Evidence<'_>) -> Option<Cause> {
    let error = error(evidence, &[TransportClass::Dns])?;
    let cause = Cause::certain(format!("the host `{}` is not known", evidence.host()))
        .about(evidence.origin())
        .fact(error.message.clone())
        .facts(evidence.host_variable())
        .against(host_answered(evidence));
    Some(cause.next(next_step(error.class)))
}

fn nothing_listens(evidence: &Evidence<'_>) -> Option<Cause> {
    let error = error(evidence, &[TransportClass::Refused])?;
    let answered = evidence.others.iter().find(|other| other.origin == evidence.origin());
    let cause = Cause::certain("the host is there, and nothing listens on this port")
        .about(evidence.origin())
        .fact(error.message.clone())
        .facts(host_answered(evidence).filter(|_| answered.is_none()))
        .facts(evidence.host_variable())
        .against(answered.map(|other| {
            Fact::new(format!(
                "it answered {} in this run: it went away, or begins anew",
                other.cited()
            ))
        }));
    Some(cause.next(next_step(error.class)))
}

fn no_answer(evidence: &Evidence<'_>) -> Option<Cause> {
    let error = error(evidence, &[TransportClass::ConnectTimeout])?;
    let cause = Cause::certain("the address does not answer, not even with a refusal")
        .about(evidence.origin())
        .fact(error.message.clone())
        .facts(evidence.host_variable())
        .against(host_answered(evidence));
    Some(cause.next(next_step(error.class)))
}

fn certificate(evidence: &Evidence<'_>) -> Option<Cause> {
    let error = error(evidence, &[TransportClass::Tls])?;
    let text = if error.message.contains("does not speak TLS") {
        "https was asked of a port that does not speak TLS, as one of plain HTTP does not"
    } else {
        "no secure connection could be made"
    };
    let cause = Cause::certain(text)
        .about(evidence.origin())
        .fact(error.message.clone())
        .facts(evidence.host_variable());
    Some(cause.next(error.help.first().cloned().unwrap_or(next_step(error.class).to_owned())))
}

fn slow(evidence: &Evidence<'_>) -> Option<Cause> {
    let error = error(evidence, &[TransportClass::Timeout])?;
    let reached = error.phase.filter(|phase| matches!(phase, Phase::Wait | Phase::Receive))?;
    let slowest = evidence
        .others
        .iter()
        .filter(|other| other.origin == evidence.origin())
        .max_by_key(|other| other.took);
    let text = if reached == Phase::Wait {
        "the server took the request and did not answer in time"
    } else {
        "the server began its answer and did not end it in time"
    };
    let cause = Cause::certain(text)
        .about(evidence.origin())
        .fact(format!("it ended in phase `{reached}`: {}", error.message))
        .facts(slowest.map(|other| {
            let took = show_duration(other.took);
            Fact::new(format!("the slowest of its other answers took {took}: {}", other.asked))
        }));
    Some(cause.next(next_step(error.class)))
}

fn closed(evidence: &Evidence<'_>) -> Option<Cause> {
    let error = error(evidence, &[TransportClass::EmptyReply, TransportClass::Reset])?;
    // The nearest before it: what differs between the two is little.
    let other = evidence.answered_before()?;
    let cause = Cause::likely("the server fails on this very request: it closed the connection")
        .about(evidence.origin())
        .fact(error.message.clone())
        .fact(format!("it answered {}", other.cited()));
    Some(cause.next(next_step(error.class)))
}

fn not_http(evidence: &Evidence<'_>) -> Option<Cause> {
    let error = error(evidence, &[TransportClass::NotHttp])?;
    let cause = Cause::certain("what listens on this port does not speak HTTP")
        .about(evidence.origin())
        .fact(error.message.clone())
        .facts(evidence.host_variable());
    Some(cause.next(next_step(error.class)))
}

/// A class that says all by itself, with what was seen and what else the server answered.
fn plain(evidence: &Evidence<'_>, class: TransportClass, text: &str) -> Option<Cause> {
    let error = error(evidence, &[class])?;
    let other = evidence.answered_before();
    let cause = Cause::certain(text)
        .about(evidence.origin())
        .fact(error.message.clone())
        .facts(other.map(|other| Fact::new(format!("it answered {}", other.cited()))));
    Some(cause.next(next_step(error.class)))
}

fn cut_off(evidence: &Evidence<'_>) -> Option<Cause> {
    plain(evidence, TransportClass::Truncated, "the connection ended before the answer was whole")
}

fn encoding(evidence: &Evidence<'_>) -> Option<Cause> {
    plain(evidence, TransportClass::BadEncoding, "the body is not encoded as its header says")
}

fn framing(evidence: &Evidence<'_>) -> Option<Cause> {
    plain(evidence, TransportClass::Framing, "the answer breaks the rules of HTTP")
}

/// What to try when nothing came back, by class.
#[must_use]
pub fn next_step(class: TransportClass) -> &'static str {
    match class {
        TransportClass::Dns => "check the spelling of the host, and whether a VPN is needed",
        TransportClass::Refused => "check that the service is running, and its port",
        TransportClass::ConnectTimeout => {
            "the host does not answer at all: check address, firewall and VPN"
        }
        TransportClass::Tls => "check the certificate, `tls: {ca_file}`, and http against https",
        TransportClass::Timeout => "raise `timeout`, or find out why the server is slow",
        TransportClass::EmptyReply | TransportClass::Reset => {
            "look into the server's log: it closed the connection without an answer"
        }
        TransportClass::Truncated => "the server stopped in the middle: look into its log",
        TransportClass::Framing | TransportClass::NotHttp => {
            "check the port: what answers there does not speak HTTP as it should"
        }
        TransportClass::HeadersTooLarge => "the response headers are larger than any client takes",
        TransportClass::BodyTooLarge => "raise `max_body` if the response is meant to be so large",
        TransportClass::BadEncoding => {
            "the body does not decode as its Content-Encoding says: a fault of the server"
        }
        TransportClass::StaleConnection => "use `connection: fresh`, or allow it with `retry`",
        TransportClass::Redirect => "follow the redirect by hand, or raise `follow_redirects`",
        TransportClass::Origin => "add the origin to `allow_origins` of the environment",
        TransportClass::Other => "run it again with `-v`",
    }
}
