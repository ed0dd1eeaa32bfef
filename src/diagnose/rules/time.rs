//! A budget that was exceeded: which part of the exchange took the time.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::finding::Severity;
use crate::outcome::Phase;
use crate::units::show_duration;

pub(super) const RULES: [Rule; 1] = [Rule {
    name: "time/phase",
    says: "a budget was exceeded, and one phase took more than half of the time: the server, the network, the body",
    find: phase,
}];

fn phase(evidence: &Evidence<'_>) -> Option<Cause> {
    let attempt = evidence.result.attempts.last().filter(|_| evidence.status_was_wanted())?;
    let breach = attempt.breaches.iter().find(|breach| breach.severity == Severity::Error)?;
    let phases = &evidence.exchange.phases;
    let (longest, took) = match breach.phase {
        Phase::Total => breach.longest.or_else(|| phases.longest())?,
        Phase::Dns | Phase::Connect | Phase::Tls | Phase::Send | Phase::Wait | Phase::Receive => {
            (breach.phase, breach.actual)
        }
    };
    if took * 2 < breach.actual {
        return None;
    }
    let text = match longest {
        Phase::Dns => "the name of the host took long to be resolved",
        Phase::Connect => "the connection took long to be made",
        Phase::Tls => "the secure connection took long to be agreed on",
        Phase::Send => "the request took long to be sent",
        Phase::Wait => "the server took the request and thought long before it answered",
        Phase::Receive => "the answer began in time and took long to come in",
        Phase::Total => return None,
    };
    let origin = evidence.origin();
    let others = evidence.others.iter().filter(|other| other.origin == origin);
    let slowest = others.max_by_key(|other| other.took);
    Some(
        Cause::certain(text)
            .about(origin)
            .facts([Fact::at(
                format!(
                    "`{longest}` took {} of {}; the budget is {}",
                    show_duration(took),
                    show_duration(breach.actual),
                    show_duration(breach.limit)
                ),
                Some(breach.place),
            )])
            .facts(slowest.map(|other| {
                let took = show_duration(other.took);
                Fact::new(format!("the slowest of its other answers took {took}: {}", other.asked))
            }))
            .next(match longest {
                Phase::Wait => "find out what the server does in this time, or raise the budget",
                Phase::Dns | Phase::Connect | Phase::Tls => {
                    "see what lies between here and the host, or raise the budget"
                }
                Phase::Send | Phase::Receive | Phase::Total => {
                    "see how much is sent, and what lies between, or raise the budget"
                }
            }),
    )
}
