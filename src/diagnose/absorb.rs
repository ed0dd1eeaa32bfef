//! What was seen at a tap explains the same refusal where no plan holds a contract against the tap.

use super::cause::{Cause, Confidence, Fact};
use super::response::reason;
use super::witness::origin;
use crate::outcome::{Exchange, StepResult, Tapped};

/// What is said of a refusal where only the key is known, or what lies behind was seen and not judged.
const UNJUDGED: [&str; 6] = [
    "key/good-elsewhere",
    "key/refused",
    "key/not-seen",
    "key/upstream-disagrees",
    "permission/not-allowed",
    "hop/refused",
];

/// A refusal that a tap is certain of.
pub(super) struct Seen {
    /// What failures of its cause have in common.
    pub(super) mark: String,
    refusal: Refusal,
    asked: Vec<String>,
}

/// Who refuses, with which status and which words, and the names of the secrets that were sent.
#[derive(PartialEq)]
struct Refusal {
    origin: String,
    status: u16,
    words: Option<String>,
    secrets: Vec<String>,
}

impl Seen {
    /// Of a failure, if its cause is one that a tap is certain of.
    pub(super) fn of(mark: &str, cause: Option<&Cause>, result: &StepResult) -> Option<Self> {
        cause.filter(|it| it.rule.starts_with("hop/") && it.confidence == Confidence::Certain)?;
        let asked = tapped(result).filter(|it| it.contract.is_some()).filter_map(asked).collect();
        Some(Self { mark: mark.to_owned(), refusal: Refusal::of(result)?, asked })
    }

    /// Whether another failure is the same: the same server refuses the same secret with the same
    /// words, after it asked its own dependency the same and was answered the same.
    pub(super) fn explains(&self, cause: Option<&Cause>, result: &StepResult) -> bool {
        unjudged(cause, result).is_some_and(|asked| self.asked.contains(&asked))
            && Refusal::of(result).is_some_and(|refusal| refusal == self.refusal)
    }
}

/// What a tap saw of a refusal that is only known by its key: no contract was held against it.
pub(super) fn unjudged(cause: Option<&Cause>, result: &StepResult) -> Option<String> {
    cause.filter(|cause| UNJUDGED.contains(&cause.rule))?;
    let mut seen = tapped(result).filter(|tapped| tapped.contract.is_none());
    seen.find_map(asked)
}

/// What is added to a cause that explains more failures than those that it was seen in.
pub(super) fn more(size: usize) -> Fact {
    let (more, are) = if size == 1 { ("failure", "is") } else { ("failures", "are") };
    Fact::new(format!(
        "{size} more {more} {are} the same refusal after the same answer to the tap, where no plan \
         holds the contract against it"
    ))
}

fn tapped(result: &StepResult) -> impl Iterator<Item = &Tapped> {
    result.attempts.last().into_iter().flat_map(|attempt| &attempt.tapped)
}

/// The tap, what the dependency was asked, and with which error it answered.
fn asked(tapped: &Tapped) -> Option<String> {
    let answer = tapped.exchange.response.as_ref().filter(|answer| answer.status >= 400)?;
    Some(format!("{} {} {}", tapped.tap, tapped.title(), answer.status))
}

impl Refusal {
    fn of(result: &StepResult) -> Option<Self> {
        let exchange: &Exchange = result.attempts.last()?.exchange.as_deref()?;
        let response = exchange.response.as_ref()?;
        let mut secrets: Vec<String> =
            exchange.secrets_sent.iter().map(|(name, _)| name.clone()).collect();
        secrets.sort_unstable();
        secrets.dedup();
        Some(Self {
            origin: origin(&exchange.request.url).to_owned(),
            status: response.status,
            words: response.json().as_ref().and_then(reason).map(|(_, words)| words),
            secrets,
        })
    }
}
