//! The table of all rules. A rule looks at the evidence about one step and names a cause, with the
//! facts that say so, or says nothing; a cause without a fact is dropped.
//!
//! One file holds one family. Within a group the first rule that speaks is heard, so that the
//! strongest stand first; groups speak beside each other.

mod answer;
mod conflict;
mod fields;
mod gateway;
mod hop;
mod key;
mod page;
mod path;
mod permission;
mod rate;
mod routes;
mod size;
mod state;
mod time;
mod transport;
mod twin;
mod words;

pub(super) use fields::named as fields_named;
pub use transport::next_step;

use super::cause::Cause;
use super::evidence::Evidence;

/// One way to find a cause.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, by which reports refer to it: the family and the cause.
    pub name: &'static str,
    /// What it means when it speaks, and by which facts: one sentence.
    pub says: &'static str,
    find: fn(&Evidence<'_>) -> Option<Cause>,
}

/// Groups of families; of each group the first rule that speaks is heard.
const GROUPS: [&[&[Rule]]; 7] = [
    &[&transport::RULES],
    &[&hop::RULES, &rate::RULES, &permission::RULES, &key::RULES],
    &[&path::RULES, &conflict::RULES, &size::RULES, &fields::RULES],
    &[&gateway::RULES],
    &[&page::RULES, &answer::RULES, &state::RULES],
    &[&time::RULES],
    &[&routes::RULES],
];

/// The first of the groups that also speak where the status is the one that was asked for.
const ANSWERS: usize = GROUPS.len() - 3;

/// Every rule, in the order in which they are asked.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    GROUPS.into_iter().flatten().copied().flatten()
}

/// The causes that the rules find.
pub(super) fn find(evidence: &Evidence<'_>) -> Vec<Cause> {
    let begin = if evidence.status_was_wanted() { ANSWERS } else { 0 };
    let first = |group: &&[&[Rule]]| {
        group.iter().copied().flatten().find_map(|rule| {
            let cause = (rule.find)(evidence)?;
            (!cause.facts.is_empty()).then_some(Cause { rule: rule.name, ..cause })
        })
    };
    let mut causes: Vec<Cause> = GROUPS.iter().skip(begin).filter_map(first).collect();
    // That the answer is a page says nothing more where another rule knows whose it is.
    if causes.len() > 1 {
        causes.retain(|cause| cause.rule != page::WEB_SERVER);
    }
    causes
}
