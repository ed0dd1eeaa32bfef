//! Finds and reads files: plans, environments, the project file, secrets; knows the project root.
//!
//! The only room that reads files. Every text is read once and goes into a
//! [`SourceSet`](crate::source::SourceSet), so that whatever is said about it later can show it.

mod content;
mod contracts;
mod files;
mod find;
mod hints;
mod includes;
mod load;
mod parallel;
mod requirements;
mod schemas;
mod secrets;
mod survey;
mod tables;

pub use files::{FileFault, FileRoot, Upload};
pub use find::{environments_near, find_plans, find_root};
pub use load::{Choice, Folders, LoadFault, LoadedEnvironment, LoadedPlan, Suite, load};
pub use parallel::{each, each_mut};
pub use requirements::{LoadedChecklist, ReadChecklist, checklist_of, read_checklist};
pub use secrets::{DotEnv, read_dot_env, read_secret_file};
pub use survey::{Survey, survey};
