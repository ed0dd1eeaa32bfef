//! Routes: one request by several ways, each a case of its step, and what their answers may differ
//! in.

use regex::Regex;
use serde_json::Value;

use super::cases::{Axis, AxisValue, AxisValues, CaseShape, Cases};
use super::types::Request;
use super::values::Checker;
use crate::finding::{Code, Fault, Finding, Severity};
use crate::plan::{EqualRoutesAst, RoutesAst, Step};
use crate::query::{JsonPath, Regular};
use crate::source::Place;
use crate::template::{Template, ValueTemplate};
use crate::yaml::{Key, Kind, Node};

/// What the case of a route is called among the names of its cases: `case.route`.
pub const ROUTE: &str = "route";

/// One way of a request.
#[derive(Debug)]
pub struct Route {
    /// What it is called.
    pub name: String,
    /// What the URL of the step is appended to.
    pub url: Template,
    /// Where that is written.
    pub place: Place,
}

/// The answers of all routes are to be equal to that of the first.
#[derive(Debug)]
pub struct EqualRoutes {
    /// The key.
    pub place: Place,
    /// Whether a difference fails the step or is only reported.
    pub severity: Severity,
    /// Paths that are not compared.
    pub ignored: Vec<JsonPath>,
    /// Headers that are not compared, in lower case.
    pub ignored_headers: Vec<String>,
    /// Lists that are compared item by item by a field.
    pub keyed: Vec<(JsonPath, String)>,
    /// Numbers that may be so far apart.
    pub close: Vec<(JsonPath, f64)>,
    /// What is replaced in texts.
    pub replaced: Vec<(Regex, String)>,
}

impl Checker<'_> {
    /// Adds the routes of a step to its cases; the last name changes fastest, so that the answers
    /// to one request follow each other.
    pub(super) fn with_routes(
        &mut self,
        ast: &RoutesAst,
        (cases, shape): (Option<Cases>, Option<CaseShape>),
    ) -> (Option<Cases>, Option<CaseShape>) {
        let values = ast.routes.iter().map(|route| AxisValue {
            label: Some(route.name.value.clone()),
            value: ValueTemplate::Literal(Value::from(route.name.value.as_str())),
            secrets: Vec::new(),
        });
        let own = Axis {
            name: ROUTE.to_owned(),
            values: AxisValues::Given(values.collect()),
            is_route: true,
        };
        let taken = shape.as_ref().is_some_and(|shape| shape.fields.contains_key(ROUTE));
        if taken {
            self.report(
                Finding::error(Code::DuplicateName, "`case.route` is the name of the route here")
                    .at(ast.place, "gives `case.route`")
                    .help("call the name of the matrix otherwise"),
            );
        }
        let had_cases = shape.is_some();
        let mut shape = shape.unwrap_or(CaseShape { known: true, ..CaseShape::default() });
        shape.fields.insert(ROUTE.to_owned(), true);
        let cases = match cases {
            Some(Cases::Matrix(mut axes)) => {
                axes.push(own);
                Some(Cases::Matrix(axes))
            }
            // Rows beside routes have their finding, and so have cases that could not be read.
            Some(Cases::Rows(_) | Cases::Computed(..)) => None,
            None if had_cases => None,
            None => Some(Cases::Matrix(vec![own])),
        };
        (cases, Some(shape))
    }

    /// Puts the routes of a step into its request.
    pub(super) fn route_urls(&mut self, ast: &RoutesAst, request: &mut Request) {
        let used = self.uses.captures.len();
        let mut routes = Vec::new();
        for route in &ast.routes {
            let Some(url) = self.template(&route.url) else { continue };
            self.check_base_url(&url, &route.url);
            self.secrets_in_url(&[(&url, &route.url)], &[]);
            let roots = url.names().iter().filter_map(|name| name.path.first());
            let of_a_response = roots.filter(|root| self.names.is_of_a_response(root));
            request.captured.extend(of_a_response.cloned());
            routes.push(Route { name: route.name.value.clone(), url, place: route.url.place });
        }
        request.captured.extend(self.uses.captures.iter().skip(used).map(|it| it.0.clone()));
        request.routes = routes;
    }

    /// What is due of the answers of a step's routes.
    pub(super) fn equal_routes(&mut self, step: &Step) -> Option<Box<EqualRoutes>> {
        let said = |ast: &Option<crate::plan::ExpectAst>| ast.as_ref()?.routes.clone();
        let (ast, severity) = match (said(&step.expect), said(&step.warn)) {
            (Some(ast), _) => (ast, Severity::Error),
            (None, Some(ast)) => (ast, Severity::Warning),
            (None, None) => return None,
        };
        let EqualRoutesAst { place, ignore, set_by, within, replace } = &ast;
        let mut equal = EqualRoutes {
            place: *place,
            severity,
            ignored: Vec::new(),
            ignored_headers: Vec::new(),
            keyed: Vec::new(),
            close: Vec::new(),
            replaced: Vec::new(),
        };
        for node in ignore {
            let text = node.as_str().unwrap_or_default();
            match text.strip_prefix("headers.") {
                Some(name) => equal.ignored_headers.push(name.to_ascii_lowercase()),
                None if text.starts_with('$') => {
                    equal.ignored.extend(self.ignored_path(node, text));
                }
                None => self.report(
                    Finding::error(Code::BadValue, format!("`{text}` is no path and no header"))
                        .at(node.place, "")
                        .help("write `$.field` for a field, `headers.name` for a header"),
                ),
            }
        }
        for entry in set_by {
            let path = self.key_path(&entry.key);
            match (&entry.value.kind, path) {
                (Kind::String(field), Some(path)) => equal.keyed.push((path, field.clone())),
                (Kind::String(_), None) => {}
                (_, _) => self.wrong_value(&entry.value, "the name of a field, such as `name`"),
            }
        }
        for entry in within {
            let path = self.key_path(&entry.key);
            let distance = entry.value.to_json().as_f64();
            match distance.filter(|distance| distance.is_finite() && *distance >= 0.0) {
                Some(distance) => equal.close.extend(path.map(|path| (path, distance))),
                None => self.wrong_value(&entry.value, "a distance, such as `0.01`"),
            }
        }
        for entry in replace {
            let key = &entry.key;
            let Kind::String(with) = &entry.value.kind else {
                self.wrong_value(&entry.value, "a text, such as `node`");
                continue;
            };
            match Regular::parse(&key.value) {
                Ok(regular) => equal.replaced.push((regular.into_regex(), with.clone())),
                Err(fault) => self.in_key(key, &fault, fault.range.clone()),
            }
        }
        Some(Box::new(equal))
    }

    fn ignored_path(&mut self, node: &Node, text: &str) -> Option<JsonPath> {
        match JsonPath::parse(text) {
            Ok(path) => Some(path),
            Err(fault) => {
                let place = node.content_place(self.text(node.place)).unwrap_or(node.place);
                let range = fault.range.clone();
                self.report(Finding::of(&fault, place.inward(range)));
                None
            }
        }
    }

    fn key_path(&mut self, key: &Key) -> Option<JsonPath> {
        match JsonPath::parse(&key.value) {
            Ok(path) => Some(path),
            Err(fault) => {
                self.in_key(key, &fault, fault.range.clone());
                None
            }
        }
    }

    fn in_key(&mut self, key: &Key, fault: &impl Fault, range: std::ops::Range<usize>) {
        let place = self.key_content(key.place, &key.value).unwrap_or(key.place);
        self.report(Finding::of(fault, place.inward(range)));
    }

    fn wrong_value(&mut self, node: &Node, wanted: &str) {
        let finding =
            Finding::error(Code::WrongType, format!("{wanted} is wanted here")).at(node.place, "");
        self.report(finding);
    }
}
