//! 413: how much was sent, and who would not take it.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::units::show_size;

pub(super) const RULES: [Rule; 1] = [Rule {
    name: "size/too-large",
    says: "a 413: how many bytes were sent, and by its `Server` who refused them",
    find: too_large,
}];

fn too_large(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() != 413 {
        return None;
    }
    let size = evidence.exchange.request.body.size;
    let own = evidence.header("server");
    let origin = evidence.origin();
    let behind = evidence.others.iter().find(|other| {
        other.origin == origin && other.server.is_some() && other.server.as_deref() != own
    });
    let cause = match behind {
        Some(_) => Cause::certain("a gateway before the service does not take so large a body")
            .owner("whoever runs the gateway"),
        None => Cause::certain("what answered does not take so large a body"),
    };
    Some(
        cause
            .about(origin)
            .fact(format!("{} were sent", show_size(size)))
            .facts(evidence.header_fact("Server"))
            .facts(behind.map(|other| {
                let server = other.server.as_deref().unwrap_or_default();
                Fact::new(format!("`{server}` answered {}", other.cited()))
            }))
            .facts(evidence.said_fact())
            .next("raise the limit there (`client_max_body_size` of nginx), or send less"),
    )
}
