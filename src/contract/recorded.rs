//! A request that went over the wire against a document: the operation that it is, and what it breaks.

use super::Breach;
use super::document::Document;
use super::operation::Operation;
use super::path::Binding;
use super::shape::{Payload, RequestShape, Shape, Value3};
use crate::finding::Code;

/// A request as it was sent: its method, the paths that it may be documented under (the first that
/// is counts), its query, its headers and its body.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'s> {
    /// The method.
    pub method: &'s str,
    /// The paths.
    pub paths: &'s [&'s str],
    /// The query, without its question mark.
    pub query: &'s str,
    /// The headers.
    pub headers: &'s [(String, String)],
    /// The body.
    pub body: &'s [u8],
}

impl Document {
    /// The operation that a request is, and every way in which it is not as the document says; one
    /// that is not documented is one breach. Names of secrets in a text are told by `secrets`.
    #[must_use]
    pub fn judge_sent(
        &self,
        sent: &Sent<'_>,
        secrets: &dyn Fn(&str) -> Vec<String>,
    ) -> (Option<&Operation>, Vec<Breach>) {
        let mut undocumented = None;
        for path in sent.paths {
            let mut shape =
                RequestShape::recorded(sent.method, path, sent.query, (sent.headers, sent.body));
            shape.learn(secrets);
            match self.bind(sent.method, shape.path.as_deref().unwrap_or_default()) {
                Binding::To(operation, values) => {
                    let judged = self.judge_request(operation, &values, &shape);
                    let mut breaches = judged.breaches;
                    for breach in &mut breaches {
                        // Whoever sent it, it was no step.
                        let message = breach.message.replace("and the step sends", "and it has");
                        let message =
                            message.replace("and the step does not send it", "and it is not sent");
                        breach.message = message;
                    }
                    return (Some(operation), breaches);
                }
                Binding::Method { path, near, methods } => {
                    let message = format!(
                        "`{path}` is documented with {}, not with {}",
                        methods.join(", "),
                        sent.method
                    );
                    let said = self.place(&self.path_spot(near));
                    let breach = Breach {
                        said_label: "the path".to_owned(),
                        ..breach(Code::ContractUnknownMethod, message)
                    };
                    undocumented = Some(Breach { said, ..breach });
                }
                // What is asked by HEAD and OPTIONS needs no documentation.
                Binding::Unknown => return (None, Vec::new()),
                Binding::Path { .. } => {}
            }
        }
        let breach = undocumented.unwrap_or_else(|| {
            let path = sent.paths.first().copied().unwrap_or("/");
            let message = format!("the document has no operation `{} {path}`", sent.method);
            breach(Code::ContractUnknownPath, message)
        });
        (None, vec![breach])
    }
}

impl RequestShape {
    /// Finds out which secrets go into its texts.
    fn learn(&mut self, secrets: &dyn Fn(&str) -> Vec<String>) {
        let all = [&mut self.headers, &mut self.query, &mut self.cookies];
        let fields = all.into_iter().flat_map(|fields| &mut fields.known);
        for field in fields {
            learn(&mut field.shape, secrets);
        }
        match &mut self.body.payload {
            Payload::Json(shape) => learn(shape, secrets),
            Payload::Form(fields) => {
                for field in &mut fields.known {
                    learn(&mut field.shape, secrets);
                }
            }
            Payload::Nothing | Payload::Text(_) | Payload::NotJson(_) | Payload::Opaque => {}
        }
    }
}

fn learn(shape: &mut Shape, secrets: &dyn Fn(&str) -> Vec<String>) {
    match &mut shape.value {
        Value3::Scalar(serde_json::Value::String(text)) => shape.secrets = secrets(text),
        Value3::List(items) => items.iter_mut().for_each(|item| learn(item, secrets)),
        Value3::Object(fields) => {
            for field in fields {
                learn(&mut field.shape, secrets);
            }
        }
        Value3::Unknown | Value3::SomeText | Value3::Scalar(_) => {}
    }
}

fn breach(code: Code, message: String) -> Breach {
    Breach {
        code,
        message,
        at: "path".to_owned(),
        place: None,
        label: String::new(),
        said: None,
        said_label: String::new(),
        help: Vec::new(),
    }
}
