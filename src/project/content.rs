//! The text of a file of the language, read apart from all others.

use std::path::Path;

use super::files::{FileFault, read_regular};
use super::find::shown;
use super::load::LIMIT;
use crate::finding::{Code, Fault as _, Finding};
use crate::source::Place;
use crate::yaml::{self, EncodingFault};

/// A file that was read, or tried to be.
pub(super) struct Content {
    /// The path it is shown under.
    pub(super) shown: String,
    /// Its text, without a byte order mark.
    pub(super) text: Result<String, Unread>,
}

/// Why there is no text.
pub(super) enum Unread {
    /// The file could not be read.
    File(FileFault),
    /// Its bytes are no text.
    Text(EncodingFault),
}

impl Content {
    /// Reads a file.
    pub(super) fn read(path: &Path, current: &Path) -> Self {
        let shown = shown(path, current);
        let text = read_regular(path, &shown, LIMIT)
            .map_err(Unread::File)
            .and_then(|bytes| yaml::decode(&bytes).map(str::to_owned).map_err(Unread::Text));
        Self { shown, text }
    }
}

impl Unread {
    /// What is said of it, at the place of the file.
    pub(super) fn finding(&self, place: Place) -> Finding {
        match self {
            Self::File(fault) => {
                let code = match fault {
                    FileFault::TooLarge { .. } => Code::YamlLimit,
                    FileFault::Outside { .. }
                    | FileFault::Missing { .. }
                    | FileFault::NotAFile { .. }
                    | FileFault::Refused { .. } => fault.code(),
                };
                Finding::error(code, fault.to_string()).at(place, "")
            }
            Self::Text(fault) => Finding::of(fault, place),
        }
    }
}
