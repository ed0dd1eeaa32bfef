//! What a run's failures have in common, in the words of every report: one cause of many, the name
//! of a matrix that decides, hosts that answer as one.

use super::failure::told;
use super::finding::count;
use super::style::Style;
use crate::diagnose::{Cause, Cluster, Confidence, Diagnosis, Flip, SharedBackend};
use crate::secret::sanitise_line;
use crate::source::SourceSet;

/// So many groups are told at the end of a run.
const GROUPS: usize = 3;
/// So many facts of each.
const FACTS: usize = 8;

/// The groups that say more than their members do by themselves: several failures of one cause.
pub(super) fn groups(diagnosis: &Diagnosis) -> impl Iterator<Item = (&Cluster, &Cause)> {
    let clusters = diagnosis.clusters.iter().filter(|cluster| cluster.size > 1);
    clusters.filter_map(|cluster| Some((cluster, cluster.cause.as_ref()?)))
}

/// `one cause explains 27 of 29 failures in 4 plans, and 26 blocked steps`
pub(super) fn explains(cluster: &Cluster, diagnosis: &Diagnosis) -> String {
    let all = diagnosis.failures;
    let size = if cluster.size == all {
        format!("all {all} failures")
    } else {
        format!("{} of {}", cluster.size, count(all, "failure", "failures"))
    };
    let plans =
        if cluster.plans > 1 { format!(" in {} plans", cluster.plans) } else { String::new() };
    let blocked = match cluster.blocked {
        0 => String::new(),
        n => format!(", and {} behind them", count(n, "blocked step", "blocked steps")),
    };
    format!("one cause explains {size}{plans}{blocked}")
}

/// A cause in a line: `likely: the server refuses the key`.
pub(super) fn sure(cause: &Cause) -> String {
    let sure = match cause.confidence {
        Confidence::Certain => "",
        Confidence::Likely => "likely: ",
        Confidence::Possible => "possibly: ",
        Confidence::Hint => "hint: ",
    };
    format!("{sure}{}", cause.text)
}

/// ``in `places`, `place` decides: body passes; query, nowhere fail``
pub(super) fn flip(flip: &Flip) -> String {
    let verb = |values: &[String], one: &'static str, many: &'static str| {
        format!("{} {}", values.join(", "), if values.len() == 1 { one } else { many })
    };
    format!(
        "in `{}`, `{}` decides: {}; {}",
        flip.step,
        flip.name,
        verb(&flip.passes, "passes", "pass"),
        verb(&flip.fails, "fails", "fail")
    )
}

/// `http://a and http://b answer as one: …`
pub(super) fn backend(shared: &SharedBackend) -> String {
    let [one, other] = &shared.origins;
    format!("{one} and {other} answer as one backend: {}", shared.facts.join(", "))
}

/// The lines at the end of a run; empty where nothing is said beyond what each failure says.
pub(super) fn closing(diagnosis: &Diagnosis, sources: &SourceSet, style: &Style) -> String {
    let mut out = String::new();
    for (cluster, cause) in groups(diagnosis).take(GROUPS) {
        out.push_str(&style.headline("why", &explains(cluster, diagnosis)));
        out.push_str(&style.more(&sanitise_line(&sure(cause))));
        for fact in cause.facts.iter().take(FACTS) {
            let fact = sanitise_line(&told(fact, sources)).into_owned();
            out.push_str(&style.more(&format!("  {} {fact}", style.symbols().dot)));
        }
        if let Some(next) = &cause.next {
            out.push_str(&style.fact("next", &sanitise_line(next)));
        }
    }
    for one in diagnosis.flips.iter().take(GROUPS) {
        out.push_str(&style.fact("case", &sanitise_line(&flip(one))));
    }
    for one in diagnosis.backends.iter().take(GROUPS) {
        out.push_str(&style.fact("hosts", &sanitise_line(&backend(one))));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}
