//! Secrets where others can read them: in a URL.

use super::names::inner;
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::source::Place;
use crate::template::{NameUse, Template, ValueTemplate};
use crate::yaml::Node;

impl Checker<'_> {
    /// A URL stands in the logs of everything between here and there.
    pub(super) fn secrets_in_url(
        &mut self,
        urls: &[(&Template, &Node)],
        query: &[(String, ValueTemplate)],
    ) {
        let mut found: Vec<(Place, NameUse)> = Vec::new();
        for (template, node) in urls {
            let content = node.content_place(self.text(node.place));
            seen(template, &mut |name| {
                found.push((inner(content, node.place, &name.range), name.clone()));
            });
        }
        for (_, value) in query {
            value.visit(&mut |template, place| {
                let text = self.around.sources.get(place.source).map(|s| s.slice(place.span));
                let content = (text == Some(template.text())).then_some(place);
                seen(template, &mut |name| {
                    found.push((inner(content, place, &name.range), name.clone()));
                });
            });
        }
        for (place, name) in found {
            let Some(secret) = self.secret_of(&name) else { continue };
            self.report(
                Finding::warning(
                    Code::SecretInUrl,
                    format!("the secret `{secret}` goes into the URL, which others keep in their logs"),
                )
                .at(place, "part of the URL")
                .help("send it in a header: `auth: {bearer: …}`, or `auth: {api_key: {header: NAME, value: …}}`")
                .help("where the API wants it in the query, say so: `auth: {api_key: {query: NAME, value: …}}`"),
            );
        }
    }

    /// The secret that a name gives, by itself or through a variable.
    fn secret_of(&self, name: &NameUse) -> Option<String> {
        match name.path.as_slice() {
            [root, secret, ..] if root == "secrets" => Some(secret.clone()),
            [root, ..] => self.names.secrets_in(root).first().cloned(),
            [] => None,
        }
    }
}

/// The names of a template that are written out; what goes through a digest does not show.
fn seen(template: &Template, visit: &mut dyn FnMut(&NameUse)) {
    if !template.text().contains("sha256") {
        template.names().iter().for_each(visit);
    }
}
