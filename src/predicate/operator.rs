//! The operators of the plan language, each with what it needs to judge.

use std::sync::Arc;

use jiff::Zoned;
use serde_json::{Map, Number, Value};

use super::format::Format;
use super::schema::Schema;
use super::status::StatusPattern;
use crate::query::Regular;

/// Operators that must all hold.
#[derive(Debug, Clone, Default)]
pub struct Test {
    /// In the order written.
    pub ops: Vec<Op>,
}

/// One operator with its operand.
#[derive(Debug, Clone)]
pub struct Op {
    /// The word.
    pub operator: Operator,
    /// The operand as data, for reports.
    pub operand: Value,
    /// The operand, prepared.
    pub check: Check,
}

/// An operand, prepared for judging. What only compares values uses [`Op::operand`] itself.
#[derive(Debug, Clone)]
pub enum Check {
    /// The operand as it is.
    Value,
    /// A number.
    Number(Number),
    /// A value and how far from it is near enough.
    Near {
        /// The value.
        value: Number,
        /// The greatest distance.
        within: Number,
    },
    /// A regular expression.
    Regular(Regular),
    /// Whether it should.
    Flag(bool),
    /// Names of JSON types.
    Types(Vec<&'static str>),
    /// A format.
    Format(Format),
    /// A JSON Schema.
    Schema(Arc<Schema>),
    /// A time.
    Time(Box<Zoned>),
    /// Operators on items, on the length, or negated.
    Test(Test),
    /// Alternatives, or tests that must all hold.
    Tests(Vec<Test>),
    /// Statuses of which one must fit.
    Statuses(Vec<StatusPattern>),
    /// Not known before a template is evaluated; never judged.
    Pending,
}

/// The names of JSON's types, as the operator `type` takes them.
pub const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

macro_rules! operators {
    ($($name:ident $word:literal,)*) => {
        /// An operator's word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operator {
            $(#[doc = concat!("`", $word, "`")] $name,)*
        }

        impl Operator {
            /// All of them, in the order of the language page.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word of the plan language.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

operators! {
    Equals "equals",
    NotEquals "not_equals",
    Gt "gt",
    Gte "gte",
    Lt "lt",
    Lte "lte",
    CloseTo "close_to",
    In "in",
    NotIn "not_in",
    Contains "contains",
    NotContains "not_contains",
    StartsWith "starts_with",
    EndsWith "ends_with",
    Matches "matches",
    Length "length",
    Empty "empty",
    Type "type",
    Present "present",
    Absent "absent",
    Partial "partial",
    Unordered "unordered",
    Each "each",
    Some "some",
    None "none",
    AllOf "all_of",
    AnyOf "any_of",
    Not "not",
    Format "format",
    Schema "schema",
    Before "before",
    After "after",
}

impl Operator {
    /// Reads an operator's word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operator| operator.as_str() == name)
    }
}

impl Test {
    /// The operators as data, for the report of what bears them: `{gt: 0}`.
    #[must_use]
    pub fn describe(&self) -> Value {
        if let [Op { operator: Operator::Equals, operand, .. }] = self.ops.as_slice()
            && !operand.is_object()
        {
            return operand.clone();
        }
        let fields: Map<String, Value> = self
            .ops
            .iter()
            .map(|op| (op.operator.as_str().to_owned(), op.operand.clone()))
            .collect();
        Value::Object(fields)
    }
}
