//! A checklist of requirements, and what runs are evidence for in it.
//!
//! A plan or a step names the requirements that its pass is evidence for: `covers: [2a]`. Only
//! passed is evidence.

mod checklist;
mod compare;
mod coverage;

pub use checklist::{Checklist, Requirement, RequirementFault};
pub use compare::{uncovered, unknown};
pub use coverage::{Coverage, Ended, Evidence, Item, Standing};
