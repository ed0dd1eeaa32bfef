//! Reads the plans that others include, each once, and finds those that would never end.
#![expect(clippy::disallowed_methods, reason = "this room reads the file system")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::files::{FileFault, FileRoot, read_regular};
use super::find::{find_plans, resolved, shown};
use super::load::{LIMIT, LoadedPlan, Suite};
use crate::finding::{Code, Fault as _, Finding, nearest};
use crate::plan::{self, Plan};
use crate::source::{Place, SourceId, SourceText, Span, Spanned};
use crate::yaml;

/// Plans lie at most so deep in each other.
const DEEPEST: usize = 32;

/// So many plans one plan may come to, those inside of those it includes counted too.
const MOST: usize = 1_000;

impl Suite {
    /// Reads every plan that another one includes; `more` are the folders of `--file-root`.
    pub fn read_includes(&mut self, more: &[PathBuf], current: &Path) {
        let current = resolved(current);
        let mut includes = Includes {
            more,
            current: &current,
            known: HashMap::new(),
            weights: Vec::new(),
            circles: BTreeSet::new(),
        };
        for number in 0..self.plans.len() {
            let Some(loaded) = self.plans.get(number) else { continue };
            let home = Home::of(loaded);
            let mut chain = vec![(loaded.file.clone(), loaded.shown.clone(), None)];
            let (found, _) = includes.all(self, &home, &mut chain);
            if let Some(loaded) = self.plans.get_mut(number) {
                loaded.includes = found;
            }
        }
        self.findings.sort_by_key(|finding| finding.place().map(|p| (p.source, p.span)));
        self.findings.dedup();
    }

    /// The names that plans of the same project take from these files by `export`, where those plans were
    /// not asked for: what cannot be read is passed over.
    #[must_use]
    pub fn exported_elsewhere(
        &self,
        files: &BTreeSet<SourceId>,
        more: &[PathBuf],
    ) -> BTreeMap<SourceId, BTreeSet<String>> {
        let all = || self.plans.iter().chain(&self.included);
        let known: BTreeSet<&Path> = self.plans.iter().map(|loaded| &*loaded.file).collect();
        let wanted: Vec<&LoadedPlan> =
            all().filter(|loaded| files.contains(&loaded.plan.source)).collect();
        let roots: BTreeSet<&Path> = wanted.iter().map(|loaded| neighbours(loaded)).collect();
        let mut taken: BTreeMap<SourceId, BTreeSet<String>> = BTreeMap::new();
        for root in roots {
            let others = find_plans(root).unwrap_or_default();
            for other in others.iter().filter(|other| !known.contains(&***other)) {
                for (file, names) in exports_of(other, &FileRoot::new(root, more)) {
                    let from = wanted.iter().find(|loaded| loaded.file == file);
                    if let Some(loaded) = from {
                        taken.entry(loaded.plan.source).or_default().extend(names);
                    }
                }
            }
        }
        taken
    }

    /// Shows the lines that include it with each finding of a file that was read for them alone.
    pub fn show_includers(&mut self) {
        let Self { plans, findings, includers, .. } = self;
        for finding in findings {
            let Some(mut source) = finding.place().map(|place| place.source) else { continue };
            for _ in 0..DEEPEST {
                let by_itself = plans.iter().any(|loaded| loaded.plan.source == source);
                let Some(include) = includers.get(&source).filter(|_| !by_itself) else { break };
                if !finding.labels.iter().any(|label| label.place == *include) {
                    *finding = finding.clone().at(*include, "included here");
                }
                source = include.source;
            }
        }
    }
}

/// The folder in which a plan may be included by others: its project, where there is one.
fn neighbours(loaded: &LoadedPlan) -> &Path {
    let is_project = ["planrun.yaml", ".git"].iter().any(|name| loaded.root.join(name).exists());
    if is_project { &loaded.root } else { &loaded.folder }
}

/// Which files a plan includes, and what it takes from each.
fn exports_of(file: &Path, files: &FileRoot) -> Vec<(PathBuf, Vec<String>)> {
    let mut exports = Vec::new();
    let Ok(bytes) = read_regular(file, "", LIMIT) else { return exports };
    // Most plans take nothing: they need not be parsed.
    let read = yaml::decode(&bytes).ok().filter(|text| text.contains("export"));
    let Some(text) = read else { return exports };
    let (plan, _) = plan::parse(&SourceText::new(SourceId(0), String::new(), text.into()));
    let folder = file.parent().unwrap_or(Path::new("/"));
    if let Some(plan) = plan {
        plan.each_include(&mut |include| {
            if let Ok(included) = files.resolve(folder, &include.path.value) {
                exports
                    .push((included, include.export.iter().map(|it| it.value.clone()).collect()));
            }
        });
    }
    exports
}

/// Where the paths of a plan begin.
struct Home {
    links: Vec<Link>,
    folder: PathBuf,
    root: PathBuf,
    project: Option<usize>,
}

/// One plan that another one includes.
struct Link {
    path: Spanned<String>,
    export: Vec<String>,
}

impl Home {
    fn of(loaded: &LoadedPlan) -> Self {
        let mut links = Vec::new();
        loaded.plan.each_include(&mut |include| {
            let export = include.export.iter().map(|name| name.value.clone()).collect();
            links.push(Link { path: include.path.clone(), export });
        });
        Self {
            links,
            folder: loaded.folder.clone(),
            root: loaded.root.clone(),
            project: loaded.project,
        }
    }
}

/// The files from the outermost plan to the one at hand: each with its path as shown, and the line
/// that includes it.
type Chain = Vec<(PathBuf, String, Option<Place>)>;

/// What is known while files are read.
struct Includes<'a> {
    more: &'a [PathBuf],
    current: &'a Path,
    /// The position of each file, by its project root and itself; nothing where it is no plan.
    known: HashMap<(PathBuf, PathBuf), Option<usize>>,
    /// How many plans each of them comes to.
    weights: Vec<usize>,
    /// The circles that were reported.
    circles: BTreeSet<BTreeSet<PathBuf>>,
}

impl Includes<'_> {
    /// Everything that a plan includes, and how many plans it comes to.
    fn all(
        &mut self,
        suite: &mut Suite,
        home: &Home,
        chain: &mut Chain,
    ) -> (BTreeMap<String, usize>, usize) {
        if home.links.is_empty() {
            return (BTreeMap::new(), 1);
        }
        let files = FileRoot::new(&home.root, self.more);
        let mut found = BTreeMap::new();
        let mut weight = 1;
        for link in &home.links {
            let file = match files.resolve(&home.folder, &link.path.value) {
                Ok(file) => file,
                Err(fault) => {
                    suite.findings.push(unreadable(&fault, &link.path, &home.folder));
                    continue;
                }
            };
            if let Some(start) = chain.iter().position(|(known, ..)| *known == file) {
                self.circle(suite, chain.get(start..).unwrap_or_default(), link.path.place);
                continue;
            }
            if chain.len() > DEEPEST {
                let finding = Finding::error(
                    Code::BadValue,
                    format!("plans that include each other more than {DEEPEST} deep"),
                );
                suite.findings.push(finding.at(link.path.place, "one too many"));
                continue;
            }
            let Some(index) = self.one(suite, (home, &link.path), file, chain) else { continue };
            let own = self.weights.get(index).copied().unwrap_or(1);
            weight += own;
            if weight > MOST {
                if own <= MOST {
                    let message = format!("with this one the plan comes to more than {MOST} plans");
                    let finding = Finding::error(Code::BadValue, message)
                        .at(link.path.place, format!("comes to {own}"))
                        .help("give the cases to one include, by `rows`");
                    suite.findings.push(finding);
                }
                continue;
            }
            if let Some(included) = suite.included.get_mut(index) {
                included.exported.extend(link.export.iter().cloned());
            }
            found.insert(link.path.value.clone(), index);
        }
        (found, weight)
    }

    /// The plan in a file, with all that it includes itself.
    fn one(
        &mut self,
        suite: &mut Suite,
        (home, path): (&Home, &Spanned<String>),
        file: PathBuf,
        chain: &mut Chain,
    ) -> Option<usize> {
        let key = (home.root.clone(), file.clone());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let Some((plan, shown)) = self.read(suite, &file, path) else {
            self.known.insert(key, None);
            return None;
        };
        suite.includers.entry(plan.source).or_insert(path.place);
        let loaded = LoadedPlan {
            project: home.project,
            ..LoadedPlan::new(plan, shown.clone(), &file, home.root.clone())
        };
        let inner = Home::of(&loaded);
        let index = suite.included.len();
        suite.included.push(loaded);
        self.weights.push(1);
        self.known.insert(key, Some(index));
        chain.push((file, shown, Some(path.place)));
        let (includes, weight) = self.all(suite, &inner, chain);
        chain.pop();
        if let Some(loaded) = suite.included.get_mut(index) {
            loaded.includes = includes;
        }
        if let Some(slot) = self.weights.get_mut(index) {
            *slot = weight;
        }
        Some(index)
    }

    /// The plan in a file; one that was read already is not read again.
    fn read(
        &self,
        suite: &mut Suite,
        file: &Path,
        path: &Spanned<String>,
    ) -> Option<(Plan, String)> {
        let known = suite.plans.iter().chain(&suite.included).find(|loaded| loaded.file == file);
        if let Some(known) = known {
            return Some((known.plan.clone(), known.shown.clone()));
        }
        if let Some(known) = suite.set_aside.remove(file) {
            return Some(known);
        }
        let shown = shown(file, self.current);
        let bytes = match read_regular(file, &path.value, LIMIT) {
            Ok(bytes) => bytes,
            Err(fault) => {
                suite.findings.push(Finding::of(&fault, path.place));
                return None;
            }
        };
        let text = match yaml::decode(&bytes) {
            Ok(text) => text,
            Err(fault) => {
                let id = suite.sources.add(&shown, "");
                suite.includers.entry(id).or_insert(path.place);
                let place = Place { source: id, span: Span::new(0, 0) };
                suite.findings.push(Finding::of(&fault, place));
                return None;
            }
        };
        let id = suite.sources.add(&shown, text);
        suite.includers.entry(id).or_insert(path.place);
        let (plan, findings) = plan::parse(suite.sources.get(id)?);
        suite.findings.extend(findings);
        Some((plan?, shown))
    }

    /// Plans that include each other: the lines that do, each circle once.
    fn circle(
        &mut self,
        suite: &mut Suite,
        circle: &[(PathBuf, String, Option<Place>)],
        last: Place,
    ) {
        if !self.circles.insert(circle.iter().map(|(file, ..)| file.clone()).collect()) {
            return;
        }
        let Some((_, first, _)) = circle.first() else { return };
        let message = if circle.len() == 1 {
            format!("`{first}` includes itself")
        } else {
            let names = circle.iter().map(|(_, shown, _)| shown.as_str()).chain([&**first]);
            let way: Vec<&str> = names.collect();
            format!("plans that include each other: {}", way.join(" → "))
        };
        let back = if circle.len() == 1 { "this very file" } else { "leads back to the first" };
        let mut finding = Finding::error(Code::Cycle, message).at(last, back);
        for (_, shown, include) in circle.iter().skip(1) {
            if let Some(place) = include {
                finding = finding.at(*place, format!("includes `{shown}`"));
            }
        }
        suite.findings.push(finding.help("move what both need into a plan that includes neither"));
    }
}

/// A path that leads to no file, with the one that was perhaps meant.
fn unreadable(fault: &FileFault, path: &Spanned<String>, folder: &Path) -> Finding {
    let near =
        matches!(fault, FileFault::Missing { .. }).then(|| similar(&path.value, folder)).flatten();
    match near {
        Some(near) => Finding::error(fault.code(), fault.to_string())
            .at(path.place, "")
            .help(format!("did you mean `{near}`?")),
        None => Finding::of(fault, path.place),
    }
}

/// A file beside the missing one with nearly its name, as it would be written.
fn similar(written: &str, folder: &Path) -> Option<String> {
    let full = folder.join(written);
    let entries = std::fs::read_dir(full.parent()?).ok()?.flatten();
    let names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let near = nearest(full.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(Path::new(written).with_file_name(near).display().to_string())
}
