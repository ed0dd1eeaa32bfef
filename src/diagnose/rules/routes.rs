//! One request by two routes, and only one of them gives what is expected: the hop between.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::outcome::{RouteTaken, RoutesCompared};

pub(super) const RULES: [Rule; 1] = [Rule {
    name: "routes/hop",
    says: "the same request by another route of the step was answered otherwise: what only one of the two passes through",
    find: hop,
}];

fn hop(evidence: &Evidence<'_>) -> Option<Cause> {
    let attempt = evidence.result.attempts.last()?;
    let RoutesCompared { first, other, differences, more, .. } = attempt.routes.as_deref()?;
    if differences.is_empty() || !first.holds {
        return None;
    }
    let (one, two) = (&first.name, &other.name);
    let text = if other.holds {
        format!("what `{two}` passes through, and `{one}` does not, changes the answer")
    } else {
        format!(
            "what `{two}` passes through, and `{one}` does not, is at fault: behind it all is well"
        )
    };
    let told = |route: &RouteTaken| {
        let end = if route.holds { "as expected" } else { "not as expected" };
        Fact::at(format!("by `{}` ({}): {end}", route.name, route.origin), Some(route.place))
    };
    let places: usize = differences.iter().map(|it| it.places).sum::<usize>() + more;
    let of = differences.iter().take(3).map(|it| format!("`{}`", it.what)).collect::<Vec<_>>();
    let of = of.join(", ");
    let dots = if differences.len() > 3 || *more > 0 { ", …" } else { "" };
    let count = if places == 1 { "1 place".to_owned() } else { format!("{places} places") };
    Some(
        Cause::likely(text)
            .about(other.origin.as_str())
            .facts([told(first), told(other)])
            .fact(format!("the answers differ in {count}: {of}{dots}"))
            .next(format!(
                "look at what answers at {} and at what stands between it and the other route",
                other.origin
            ))
            .owner(format!("whoever runs what only `{two}` passes through")),
    )
}
