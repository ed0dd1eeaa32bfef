//! Expectations as written: subjects with what is expected of them, named outcomes.

use crate::source::{Place, Spanned};
use crate::yaml::{Key, Node};

use super::HopAst;

/// `expect:`, `warn:`, `give_up:` or one outcome of `one_of`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectAst {
    /// The key that it stands under.
    pub place: Place,
    /// Every assertion in its order.
    pub assertions: Vec<AssertionAst>,
    /// Named outcomes.
    pub one_of: Vec<OutcomeAst>,
    /// Which outcome is due.
    pub outcome: Option<Node>,
    /// `contract: true`, at its value: the response must be as its document says.
    pub contract: Option<Place>,
    /// Whether the answers of all routes must be equal; under `expect` and `warn` alone.
    pub routes: Option<super::EqualRoutesAst>,
    /// What taps saw; under `expect` and `warn` alone.
    pub hops: Vec<HopAst>,
    /// A budget that only warns; under `warn` alone.
    pub budget: Option<Node>,
}

impl ExpectAst {
    /// Shows every assertion, those of its outcomes included.
    pub fn each_assertion<'e>(&'e self, visit: &mut dyn FnMut(&'e AssertionAst)) {
        for assertion in &self.assertions {
            visit(assertion);
        }
        for assertion in self.hops.iter().flat_map(|hop| &hop.assertions) {
            visit(assertion);
        }
        for outcome in &self.one_of {
            outcome.expect.each_assertion(visit);
        }
    }
}

/// One subject with its predicate. A mapping under `headers`, `cookies` or `values` gives one each.
#[derive(Debug, Clone, PartialEq)]
pub struct AssertionAst {
    /// What is looked at.
    pub subject: SubjectAst,
    /// What is expected: a value or operators, `apply` included; read by `predicate` and `query`.
    pub predicate: Node,
}

/// What an assertion looks at, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectAst {
    /// The group's word where there is one: `headers`, `cookies`, `values`.
    pub group: Option<Spanned<String>>,
    /// The key itself: `status`, `$.id`, `Content-Type`, `session[Path]`.
    pub key: Key,
}

/// One named outcome of `one_of`.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeAst {
    /// Its name.
    pub name: Spanned<String>,
    /// What must hold for it.
    pub expect: ExpectAst,
}
