//! Owes `project` the kind of a file: by its first key, or, where it is no YAML, by its look.

use crate::yaml::Node;

/// What a file says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `plan:` at the top.
    Plan,
    /// `environment:` at the top.
    Environment,
    /// `project:` at the top.
    Project,
    /// `steps:` and no `plan:`: a mistake.
    StepsWithoutPlan,
    /// Anything else: none of our files.
    Other,
}

/// The kind of a file by the keys at its top.
#[must_use]
pub fn kind(root: &Node) -> FileKind {
    of(|key| root.get(key).is_some())
}

/// The kind of a text by the words that begin its lines: for a file that is broken as YAML, or
/// before it is read.
#[must_use]
pub fn kind_by_look(text: &str) -> FileKind {
    of(|key| {
        text.lines().any(|line| {
            line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))
        })
    })
}

/// Whether a plan is only for including, by the words that begin its lines.
#[must_use]
pub fn include_only_by_look(text: &str) -> bool {
    text.lines().any(|line| {
        let rest = line.strip_prefix("include_only").map(str::trim_start);
        let value = rest.and_then(|rest| rest.strip_prefix(':')).map(str::trim_start);
        value.is_some_and(|value| value.to_ascii_lowercase().starts_with("true"))
    })
}

fn of(has: impl Fn(&str) -> bool) -> FileKind {
    if has("plan") {
        FileKind::Plan
    } else if has("environment") {
        FileKind::Environment
    } else if has("project") {
        FileKind::Project
    } else if has("steps") {
        FileKind::StepsWithoutPlan
    } else {
        FileKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_for_including_looks_like_one() {
        assert!(include_only_by_look("plan: a\ninclude_only: true # so\nsteps:\n"));
        assert!(!include_only_by_look("plan: a\ninclude_only: false\nsteps:\n"));
        assert!(!include_only_by_look("plan: a\n  include_only: true\n"));
    }

    #[test]
    fn a_broken_file_still_shows_its_kind() {
        assert_eq!(kind_by_look("plan: a\nsteps: [\n"), FileKind::Plan);
        assert_eq!(kind_by_look("environment : a\n"), FileKind::Environment);
        assert_eq!(kind_by_look("project: a"), FileKind::Project);
        assert_eq!(kind_by_look("steps:\n"), FileKind::StepsWithoutPlan);
        assert_eq!(kind_by_look("a:\n  plan: b\n  steps: c\n"), FileKind::Other);
    }
}
