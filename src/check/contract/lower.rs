//! A request as it is written becomes what is known of it, part by part.

use serde_json::Value;

use super::url::Piece;
use crate::check::values::Checker;
use crate::contract::{
    BodyShape, Field, Fields, Known, Payload, RequestShape, Shape, Value3, is_json,
};
use crate::plan::{
    ApiKeyPlace, Auth, BodyAst, CookiesAst, PartContentAst, RequestAst, RequestOptions,
};
use crate::source::{Place, Spanned};
use crate::template::{self, NameUse, Names, Seed, Template};
use crate::yaml::{Entry, Kind, Node};

impl Checker<'_> {
    /// What is known of a request whose URL goes on with `rest` after the base of its contract.
    pub(super) fn shape_of(
        &self,
        request: &RequestAst,
        defaults: &[&RequestOptions],
        rest: &[Piece],
    ) -> RequestShape {
        let to_base = self.goes_to_base(request, defaults);
        let place = request.url.place;
        let end = |piece: &Piece, of: &[char]| match piece {
            Piece::Text(c) => of.contains(c),
            Piece::Expression { .. } => false,
        };
        let path_end = rest.iter().position(|p| end(p, &['?', '#'])).unwrap_or(rest.len());
        let (path, after) = rest.split_at(path_end);
        let mut query = match after.split_first() {
            Some((Piece::Text('?'), text)) => {
                let until = text.iter().position(|p| end(p, &['#'])).unwrap_or(text.len());
                query_of(text.get(..until).unwrap_or_default(), place)
            }
            Some(_) | None => Fields::default(),
        };
        query.known.extend(self.fields(&request.query));
        let own = &request.options;
        let mut headers = Fields { known: self.fields(&own.headers), open: false };
        self.inherited_headers(defaults, to_base, &mut headers);
        let mut cookies = self.cookies_of(own, defaults, to_base);
        let mut auth_place = None;
        let inherited = defaults.iter().find_map(|options| options.auth.as_ref());
        match (&own.auth, inherited) {
            (Some(auth), _) => {
                auth_place = Some(auth.place);
                self.auth_of(auth, (&mut headers, &mut query));
            }
            (None, Some(auth)) => match to_base {
                Some(true) => {
                    auth_place = Some(auth.place);
                    self.auth_of(auth, (&mut headers, &mut query));
                }
                Some(false) => {}
                None => (headers.open, query.open) = (true, true),
            },
            (None, None) => {}
        }
        if !matches!(own.cookies, Some(CookiesAst::None)) {
            // The jar may hold more.
            cookies.open = true;
        }
        RequestShape {
            method: request.method.value.as_str().to_owned(),
            method_place: Some(request.method.place),
            path: segments(path),
            path_place: Some(place),
            body: self.body_of(request, &headers),
            query,
            headers,
            cookies,
            auth_place,
            expects_denial: false,
        }
    }

    fn inherited_headers(
        &self,
        defaults: &[&RequestOptions],
        to_base: Option<bool>,
        headers: &mut Fields,
    ) {
        for options in defaults.iter().filter(|options| !options.headers.is_empty()) {
            match to_base {
                Some(false) => {}
                None => headers.open = true,
                Some(true) => {
                    for field in self.fields(&options.headers) {
                        if headers.named(&field.name, true).next().is_none() {
                            headers.known.push(field);
                        }
                    }
                }
            }
        }
    }

    fn cookies_of(
        &self,
        own: &RequestOptions,
        defaults: &[&RequestOptions],
        to_base: Option<bool>,
    ) -> Fields {
        let inherited = || {
            let known = defaults.iter().find_map(|options| options.cookies.as_ref());
            known.filter(|_| to_base == Some(true))
        };
        match own.cookies.as_ref().or_else(inherited) {
            Some(CookiesAst::Send(entries)) => Fields { known: self.fields(entries), open: true },
            Some(CookiesAst::None) | None => Fields::default(),
        }
    }

    fn auth_of(&self, auth: &Spanned<Auth>, (headers, query): (&mut Fields, &mut Fields)) {
        let secret = |nodes: &[Option<&Node>]| -> Vec<String> {
            let all = nodes.iter().flatten();
            all.flat_map(|node| self.shape(node).secrets).collect()
        };
        let field = |name: &str, secrets: Vec<String>, perhaps: bool| Field {
            name: name.to_owned(),
            place: Some(auth.place),
            perhaps,
            shape: Shape { value: Value3::SomeText, place: Some(auth.place), secrets },
        };
        let authorization = |secrets| field("Authorization", secrets, false);
        let found = match &auth.value {
            Auth::None => return,
            Auth::Template(node) => field("Authorization", secret(&[Some(node)]), true),
            Auth::Bearer(node) => authorization(secret(&[Some(node)])),
            Auth::Basic { user, password } | Auth::Digest { user, password } => {
                authorization(secret(&[Some(user), Some(password)]))
            }
            // What is sent is a token that the endpoint gives, not the secret of the client.
            Auth::OAuth2 { .. } => authorization(Vec::new()),
            Auth::ApiKey { place, name, value } => {
                let found = field(&name.value, secret(&[Some(value)]), self.may_omit(value));
                match place {
                    ApiKeyPlace::Header => found,
                    ApiKeyPlace::Query => {
                        query.known.push(found);
                        return;
                    }
                }
            }
        };
        if headers.named(&found.name, true).next().is_none() {
            headers.known.push(found);
        }
    }

    fn body_of(&self, request: &RequestAst, headers: &Fields) -> BodyShape {
        let stated = headers.named("content-type", true).next();
        let (payload, implied) = match request.body.as_ref().map(|body| &body.value) {
            None => (Payload::Nothing, None),
            Some(BodyAst::Json(node)) => {
                (Payload::Json(self.shape(node)), Some("application/json"))
            }
            Some(BodyAst::Form(entries)) => {
                let known = self.fields(entries);
                let form = Payload::Form(Fields { known, open: false });
                (form, Some("application/x-www-form-urlencoded"))
            }
            Some(BodyAst::Multipart(parts)) => {
                let known = parts.iter().map(|part| {
                    let shape = match &part.content {
                        PartContentAst::Text(node) => {
                            Shape { value: Value3::Unknown, ..self.text_shape(node) }
                        }
                        PartContentAst::File { .. } => Shape::unknown(Some(part.name.place)),
                    };
                    let place = Some(part.name.place);
                    Field { name: part.name.value.clone(), place, perhaps: false, shape }
                });
                let form = Payload::Form(Fields { known: known.collect(), open: false });
                (form, Some("multipart/form-data"))
            }
            Some(BodyAst::Text(node)) => (self.written_json(node), None),
            Some(BodyAst::File(_) | BodyAst::Generate { .. }) => (Payload::Opaque, None),
            Some(BodyAst::Graphql { query, variables }) => {
                let field = |name: &str, shape: Shape| Field {
                    name: name.to_owned(),
                    place: shape.place,
                    perhaps: false,
                    shape,
                };
                let mut fields = vec![field("query", self.text_shape(query))];
                fields.extend(variables.iter().map(|node| field("variables", self.shape(node))));
                let value = Value3::Object(fields);
                let shape = Shape { value, place: Some(query.place), secrets: Vec::new() };
                (Payload::Json(shape), Some("application/json"))
            }
        };
        let media = match stated {
            Some(field) if field.perhaps => Some(Known::Unknown),
            Some(field) => match field.shape.whole() {
                Some(Value::String(text)) => Some(Known::Known(text)),
                Some(_) | None => Some(Known::Unknown),
            },
            None => implied.map(|implied| Known::Known(implied.to_owned())),
        };
        let is_json = matches!(&media, Some(Known::Known(media)) if is_json(media));
        let payload = match (payload, request.body.as_ref().map(|body| &body.value)) {
            (Payload::Json(_), Some(BodyAst::Text(_))) if !is_json => Payload::Opaque,
            (payload, _) => payload,
        };
        BodyShape {
            media,
            media_place: stated.and_then(|field| field.place),
            payload,
            place: request.body.as_ref().map(|body| body.place),
        }
    }

    /// A text without templates that is JSON.
    fn written_json(&self, node: &Node) -> Payload {
        let template = self.compiled(node);
        let literal = template.as_ref().and_then(|template| template.is_literal());
        match literal.and_then(|text| serde_json::from_str(text).ok()) {
            Some(value) => Payload::Json(Shape { place: Some(node.place), ..Shape::of(&value) }),
            None => Payload::Opaque,
        }
    }

    /// Names with texts or lists of texts.
    fn fields(&self, entries: &[Entry]) -> Vec<Field> {
        let mut found = Vec::new();
        for entry in entries {
            let field = |shape: Shape, perhaps: bool| Field {
                name: entry.key.value.clone(),
                place: Some(entry.key.place),
                perhaps,
                shape,
            };
            match &entry.value.kind {
                Kind::List(items) => {
                    found.extend(items.iter().map(|i| field(self.text_shape(i), self.may_omit(i))));
                }
                Kind::Empty
                | Kind::Null
                | Kind::Bool(_)
                | Kind::Number { .. }
                | Kind::String(_)
                | Kind::Map(_) => {
                    let node = &entry.value;
                    found.push(field(self.text_shape(node), self.may_omit(node)));
                }
            }
        }
        found
    }

    /// A scalar where text is sent.
    fn text_shape(&self, node: &Node) -> Shape {
        let shape = self.shape(node);
        let value = match (&node.kind, shape.value) {
            (Kind::Number { .. } | Kind::Bool(_), _) => match node.text_of() {
                Some(text) => Value3::Scalar(Value::String(text.into_owned())),
                None => Value3::SomeText,
            },
            (_, value) => value,
        };
        Shape { value, ..shape }
    }

    /// What is known of a value.
    fn shape(&self, node: &Node) -> Shape {
        let place = Some(node.place);
        let known = |value: Value3| Shape { value, place, secrets: Vec::new() };
        match &node.kind {
            Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {
                known(Value3::Scalar(node.to_json()))
            }
            Kind::String(_) => self.scalar_shape(node),
            Kind::List(items) => {
                // What may be left out would move those after it.
                if items.iter().any(|item| self.may_omit(item)) {
                    return known(Value3::Unknown);
                }
                known(Value3::List(items.iter().map(|item| self.shape(item)).collect()))
            }
            Kind::Map(entries) => {
                let fields = entries.iter().map(|entry| Field {
                    name: entry.key.value.clone(),
                    place: Some(entry.key.place),
                    perhaps: self.may_omit(&entry.value),
                    shape: self.shape(&entry.value),
                });
                known(Value3::Object(fields.collect()))
            }
        }
    }

    fn scalar_shape(&self, node: &Node) -> Shape {
        let place = Some(node.place);
        let Some(template) = self.compiled(node) else { return Shape::unknown(place) };
        if let Some(literal) = template.is_literal() {
            let value = Value3::Scalar(Value::String(literal.to_owned()));
            return Shape { value, place, secrets: Vec::new() };
        }
        let secrets: Vec<String> =
            template.names().iter().flat_map(|name| self.secrets_of(name)).collect();
        let value = match self.literal_value(&template) {
            Some(value) => Shape::of(&value).value,
            None if template.is_whole() => Value3::Unknown,
            None => Value3::SomeText,
        };
        Shape { value, place, secrets }
    }

    /// What a template gives that uses nothing but variables whose value stands in the plan.
    fn literal_value(&self, template: &Template) -> Option<Value> {
        let is_call = template
            .expressions()
            .any(|range| template.text().get(range).is_some_and(|text| text.contains('(')));
        if is_call || template.may_omit() {
            return None;
        }
        let mut names = Names::default();
        for name in template.names() {
            let root = name.path.first()?;
            names.insert(root, self.literals.get(root)?.to_json());
        }
        let scope = template::Scope {
            names: &names,
            seed: Seed::default(),
            now: jiff::Timestamp::UNIX_EPOCH,
            entropy: &|| 0,
            file: &|_| Err(String::new()),
        };
        template.eval(&scope).ok()?.value()
    }

    fn may_omit(&self, node: &Node) -> bool {
        node.has_template() && self.compiled(node).is_none_or(|template| template.may_omit())
    }

    /// The secrets that a name stands for.
    pub(super) fn secrets_of(&self, name: &NameUse) -> Vec<String> {
        match name.path.as_slice() {
            [group, secret, ..] if group == "secrets" => vec![secret.clone()],
            [var, ..] => self.names.secrets_in(var).to_vec(),
            [] => Vec::new(),
        }
    }
}

/// The segments of a path; nothing where an expression may give several.
fn segments(path: &[Piece]) -> Option<Vec<Known<String>>> {
    let mut found = Vec::new();
    let path = match path.split_first() {
        Some((Piece::Text('/'), rest)) => rest,
        Some(_) | None => path,
    };
    for segment in path.split(|piece| *piece == Piece::Text('/')) {
        let mut text = String::new();
        let mut is_known = true;
        for piece in segment {
            match piece {
                Piece::Text(c) => text.push(*c),
                Piece::Expression { text, .. } if text.ends_with("|raw") => return None,
                Piece::Expression { .. } => is_known = false,
            }
        }
        let decoded = percent_encoding::percent_decode_str(&text).decode_utf8_lossy();
        found.push(if is_known { Known::Known(decoded.into_owned()) } else { Known::Unknown });
    }
    Some(found)
}

/// The query that is written in a URL.
fn query_of(text: &[Piece], place: Place) -> Fields {
    let mut fields = Fields::default();
    for pair in text.split(|piece| *piece == Piece::Text('&')).filter(|pair| !pair.is_empty()) {
        let equals = pair.iter().position(|piece| *piece == Piece::Text('='));
        let (name, value) = match equals {
            Some(at) => (pair.get(..at), pair.get(at + 1..).unwrap_or_default()),
            None => (Some(pair), [].as_slice()),
        };
        let name = name.and_then(literal);
        let Some(name) = name else {
            fields.open = true;
            continue;
        };
        let mut secrets = Vec::new();
        for piece in value {
            if let Piece::Expression { secrets: more, .. } = piece {
                secrets.extend(more.iter().cloned());
            }
        }
        let value = match literal(value) {
            Some(text) => Value3::Scalar(Value::String(text)),
            None => Value3::SomeText,
        };
        let shape = Shape { value, place: Some(place), secrets };
        fields.known.push(Field { name, place: Some(place), perhaps: false, shape });
    }
    fields
}

fn literal(pieces: &[Piece]) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(c) => text.push(*c),
            Piece::Expression { .. } => return None,
        }
    }
    Some(
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned(),
    )
}
