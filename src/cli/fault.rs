//! What is wrong with the command line: exit 2, nothing was done.

use std::fmt;

use crate::finding::nearest;
use crate::project::LoadFault;
use crate::schedule::NoSuchStep;

/// A command line that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UsageFault(String);

impl UsageFault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for UsageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<LoadFault> for UsageFault {
    fn from(fault: LoadFault) -> Self {
        if let LoadFault::NoSuchPath { path, similar: None } = &fault
            && let Some(near) = nearest(path, super::help::COMMANDS)
        {
            return Self(format!("{fault}; did you mean the command `planrun {near}`?"));
        }
        Self(fault.to_string())
    }
}

impl From<NoSuchStep> for UsageFault {
    fn from(fault: NoSuchStep) -> Self {
        Self(match fault.nearest {
            Some(near) => format!("no plan has a step `{}`; did you mean `{near}`?", fault.id),
            None => format!("no plan has a step with the id `{}`", fault.id),
        })
    }
}
