//! Values against the schemas of a document: compiled when first needed, once for each pointer and
//! direction.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, Registry, ValidationError, Validator};
use serde_json::{Value, json};

use super::document::{Document, SpecFile, Spot, Version};
use super::rewrite::{Direction, address, original_pointer, rewritten};
use crate::json as json_values;
use crate::predicate::{telling, wanted};

/// The most places of one value that are told.
pub(super) const CAP: usize = 20;

/// Validators that were built, and what they are built from.
pub(super) struct Validators {
    draft: Draft,
    registries: [OnceLock<Option<Registry<'static>>>; 2],
    built: Mutex<Built>,
}

/// What was built, by the direction and the place of the schema.
type Built = HashMap<(Direction, Spot), Option<Arc<Validator>>>;

impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validators").finish_non_exhaustive()
    }
}

/// A place of a value that does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    /// Where in the value, as a JSON pointer.
    pub(super) at: String,
    /// What is wanted there.
    pub(super) wanted: String,
    /// The keyword that says so.
    pub(super) keyword: String,
    /// Where in the document.
    pub(super) said: Option<Spot>,
}

impl Validators {
    pub(super) fn new(files: &[SpecFile], version: Version) -> Self {
        let dialect = files.first().and_then(|file| file.value.get("jsonSchemaDialect"));
        let draft = match dialect.and_then(Value::as_str) {
            Some(uri) if version == Version::ThreeOne && uri.contains("draft-07") => Draft::Draft7,
            Some(uri) if version == Version::ThreeOne && uri.contains("2019-09") => {
                Draft::Draft201909
            }
            Some(_) | None => Draft::Draft202012,
        };
        Self { draft, registries: [OnceLock::new(), OnceLock::new()], built: Mutex::default() }
    }

    fn registry(
        &self,
        direction: Direction,
        files: &[SpecFile],
        version: Version,
    ) -> Option<&Registry<'static>> {
        let [request, response] = &self.registries;
        let registry = match direction {
            Direction::Request => request,
            Direction::Response => response,
        };
        let made = registry.get_or_init(|| {
            let mut builder = Registry::new().draft(self.draft);
            for file in 0..files.len() {
                let value = rewritten(files, (file, version), direction);
                builder = builder.add(format!("urn:spec:{file}"), Arc::new(value)).ok()?;
            }
            builder.prepare().ok()
        });
        made.as_ref()
    }
}

impl Document {
    /// The validator of a schema; nothing where it cannot be used, and then nothing is known.
    pub(super) fn validator(&self, spot: &Spot, direction: Direction) -> Option<Arc<Validator>> {
        let key = (direction, spot.clone());
        let known = |built: &Built| built.get(&key).cloned();
        let lock = || self.validators.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known(&lock()) {
            return known;
        }
        let registry = self.validators.registry(direction, self.files(), self.version())?;
        let built = jsonschema::options()
            .with_draft(self.validators.draft)
            .with_registry(registry)
            .should_validate_formats(true)
            .build(&json!({"$ref": address(spot.file, &spot.pointer)}));
        let built = built.ok().map(Arc::new);
        lock().insert(key, built.clone());
        built
    }

    /// Whether a value fits; nothing where the schema cannot be used.
    pub(super) fn fits(&self, spot: &Spot, direction: Direction, value: &Value) -> Option<bool> {
        Some(self.validator(spot, direction)?.is_valid(value))
    }

    /// What a response would have to be instead of a value that a schema refuses, and where that is
    /// said; nothing where it takes the value, or cannot be used.
    #[must_use]
    pub fn refuses(&self, spot: &Spot, value: &Value) -> Option<(String, Option<Spot>)> {
        let mut unfits = self.unfits(spot, Direction::Response, value);
        if unfits.is_empty() {
            return None;
        }
        let first = unfits.remove(0);
        Some((first.wanted, first.said))
    }

    /// Every place of a value that does not fit, at most [`CAP`].
    pub(super) fn unfits(&self, spot: &Spot, direction: Direction, value: &Value) -> Vec<Unfit> {
        let Some(validator) = self.validator(spot, direction) else { return Vec::new() };
        if validator.is_valid(value) {
            return Vec::new();
        }
        let mut found: Vec<Unfit> = Vec::new();
        for error in validator.iter_errors(value) {
            let mut told = Vec::new();
            self.meant(&error, value, &mut told);
            for error in told {
                let unfit = Unfit {
                    at: error.instance_path().as_str().to_owned(),
                    wanted: wanted(error),
                    keyword: error.kind().keyword().to_owned(),
                    said: self.said(error),
                };
                if !found.contains(&unfit) {
                    found.push(unfit);
                }
                if found.len() == CAP {
                    return found;
                }
            }
        }
        found
    }

    /// The errors that tell most: of several alternatives those of the one that was meant, by the
    /// discriminator, else by how deep it goes.
    fn meant<'e>(
        &self,
        error: &'e ValidationError<'e>,
        value: &Value,
        told: &mut Vec<&'e ValidationError<'e>>,
    ) {
        let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else {
            told.push(error);
            return;
        };
        let mut branch = self.discriminated(error, value).and_then(|at| context.get(at));
        if branch.is_none() {
            let depth =
                |error: &ValidationError<'_>| error.instance_path().as_str().matches('/').count();
            let deepest =
                |branch: &Vec<ValidationError<'_>>| branch.iter().map(depth).max().unwrap_or(0);
            let best = context.iter().map(deepest).max().unwrap_or(0);
            let mut deep = context.iter().filter(|branch| deepest(branch) == best);
            branch = match (deep.next(), deep.next()) {
                (Some(only), None) if best > depth(error) => Some(only),
                _ => None,
            };
        }
        match branch {
            Some(branch) if !branch.is_empty() => {
                for error in branch {
                    self.meant(error, value, told);
                }
            }
            Some(_) | None => told.extend(telling(error)),
        }
    }

    /// The alternative that a discriminator names.
    fn discriminated(&self, error: &ValidationError<'_>, value: &Value) -> Option<usize> {
        let ways = self.said(error)?;
        let (holder, _) = ways.pointer.rsplit_once('/')?;
        let holder = Spot { file: ways.file, pointer: holder.to_owned() };
        let discriminator = self.field(&holder, "discriminator")?;
        let name = discriminator.get("propertyName")?.as_str()?;
        let instance = value.pointer(error.instance_path().as_str())?;
        let wanted = instance.get(name)?.as_str()?;
        let mapped =
            discriminator.get("mapping").and_then(|m| m.get(wanted)).and_then(Value::as_str);
        let branches = self.get(&ways)?.as_array()?;
        branches.iter().position(|branch| {
            let reference = branch.get("$ref").and_then(Value::as_str).unwrap_or_default();
            match mapped {
                Some(mapped) => reference == mapped || reference.ends_with(&format!("/{mapped}")),
                None => reference.rsplit('/').next() == Some(wanted),
            }
        })
    }

    /// Where the document says what an error is about.
    fn said(&self, error: &ValidationError<'_>) -> Option<Spot> {
        let address = error.absolute_keyword_location()?.as_str();
        let (uri, fragment) = address.split_once('#')?;
        let file: usize = uri.strip_prefix("urn:spec:")?.parse().ok()?;
        let pointer =
            percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned();
        let original = &self.files().get(file)?.value;
        let mut spot = Spot { file, pointer: original_pointer(original, &pointer) };
        if let Kind::Required { property } = error.kind()
            && let Some(names) = self.get(&spot).and_then(Value::as_array)
            && let Some(at) = names.iter().position(|name| json_values::equal(name, property))
        {
            spot = spot.item(at);
        }
        Some(spot)
    }
}
