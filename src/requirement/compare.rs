//! Owes the others what a checklist and the plans do not agree on, before anything runs.

use std::collections::BTreeSet;

use super::checklist::{Checklist, RequirementFault};
use crate::finding::{Finding, Severity};
use crate::source::Spanned;

/// Ids that plans cover and that are no requirements.
pub fn unknown<'a>(
    checklist: &Checklist,
    path: &str,
    covers: impl IntoIterator<Item = &'a Spanned<String>>,
) -> Vec<Finding> {
    let unknown = covers.into_iter().filter(|id| checklist.get(&id.value).is_none());
    unknown
        .map(|id| {
            let fault = RequirementFault::Unknown {
                id: id.value.clone(),
                checklist: path.to_owned(),
                similar: similar(&id.value, checklist),
            };
            Finding::of(&fault, id.place)
        })
        .collect()
}

/// Requirements that no plan covers, but for those of which the checklist says why none does.
pub fn uncovered<'a>(
    checklist: &Checklist,
    covers: impl IntoIterator<Item = &'a Spanned<String>>,
) -> Vec<Finding> {
    let covered: BTreeSet<&str> = covers.into_iter().map(|id| id.value.as_str()).collect();
    let items = checklist.items.iter();
    items
        .filter(|item| item.no_plan.is_none() && !covered.contains(item.id.value.as_str()))
        .map(|item| {
            let fault = RequirementFault::Uncovered { id: item.id.value.clone() };
            Finding { severity: Severity::Warning, ..Finding::of(&fault, item.id.place) }
        })
        .collect()
}

/// The nearest id, unless several are: ids are short, and a guess among many misleads.
fn similar(id: &str, checklist: &Checklist) -> Option<String> {
    let distance =
        |known: &str| strsim::damerau_levenshtein(&id.to_lowercase(), &known.to_lowercase());
    let near: Vec<(usize, &str)> = checklist
        .items
        .iter()
        .map(|item| item.id.value.as_str())
        .map(|known| (distance(known), known))
        .filter(|(distance, known)| *distance <= (known.chars().count() / 3).max(1))
        .collect();
    let least = near.iter().map(|(distance, _)| *distance).min()?;
    let mut nearest = near.iter().filter(|(distance, _)| *distance == least);
    let (_, only) = nearest.next()?;
    nearest.next().is_none().then(|| (*only).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Place, SourceId, SourceText, Span};

    fn list() -> Checklist {
        let text = "- 1a one\n- 1b two\n- LOGIN-12 three\n- 9a four (no plan: by hand)\n";
        Checklist::parse(&SourceText::new(SourceId(0), "list.md".to_owned(), text.into())).0
    }

    fn ids(all: &[&str]) -> Vec<Spanned<String>> {
        let place = Place { source: SourceId(1), span: Span::new(0, 2) };
        all.iter().map(|id| Spanned::new((*id).to_owned(), place)).collect()
    }

    fn said(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(|it| format!("{} ({})", it.message, it.help.join(" "))).collect()
    }

    #[test]
    fn an_unknown_id_gets_the_nearest_one_where_only_one_is_near() {
        let known = list();
        let found = said(&unknown(&known, "list.md", &ids(&["1a", "1A", "1z", "LOGIN-21"])));
        assert_eq!(
            found,
            [
                "there is no requirement `1A` in `list.md` (did you mean `1a`?)",
                "there is no requirement `1z` in `list.md` (write it into the checklist, or take it \
                 out of `covers`)",
                "there is no requirement `LOGIN-21` in `list.md` (did you mean `LOGIN-12`?)",
            ]
        );
    }

    #[test]
    fn a_requirement_without_a_plan_is_found_unless_the_checklist_says_why() {
        let found = uncovered(&list(), &ids(&["1a", "LOGIN-12"]));
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|it| it.message.contains("`1b`") && !it.is_error()));
    }
}
