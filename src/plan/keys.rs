//! Owes the parser, and the editor schemas, every key of the language: what it means, an example,
//! and whether this version carries it out.

/// One key of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDoc {
    /// The key.
    pub name: &'static str,
    /// One sentence that says what it does.
    pub doc: &'static str,
    /// How it is written.
    pub example: &'static str,
    /// Whether this version carries it out; where not, it is refused as `plan::not-yet`.
    pub built: bool,
}

macro_rules! table {
    ($($(#[$doc:meta])* $table:ident { $($built:ident $name:literal $text:literal $example:literal;)* })*) => {
        $($(#[$doc])* pub const $table: &[KeyDoc] = &[
            $(KeyDoc { name: $name, doc: $text, example: $example, built: is!($built) },)*
        ];)*

        /// Every table, for whoever has to know that none is forgotten.
        pub const ALL: &[&[KeyDoc]] = &[$($table,)*];
    };
}

macro_rules! is {
    (has) => {
        true
    };
    (later) => {
        false
    };
}

table! {
    /// The top level of a plan.
    PLAN {
        has "plan" "The name of the plan." "plan: Health";
        has "description" "What it is for." "description: The service answers.";
        has "tags" "Words to select it by (`--tag`)." "tags: [smoke]";
        has "covers" "Requirement ids that a pass is evidence for." "covers: [2a, 2c]";
        has "include_only" "Only for including: a run of a folder passes it over." "include_only: true";
        has "inputs" "Names that must be given from outside." "inputs: [user_id]";
        has "vars" "Variables, evaluated once per execution of the plan." "vars: {model: \"m-${{ unique }}\"}";
        has "secrets" "Secrets that the plan needs." "secrets: {api_key: {}}";
        has "defaults" "What all requests have in common." "defaults: {base_url: \"${{ env.url }}\"}";
        has "budget" "The time that setup and steps may take together." "budget: 30s";
        has "deadline" "Ends the plan: what is running then is errored." "deadline: 2m";
        has "cleanup_timeout" "Bounds cleanup; 60s if absent." "cleanup_timeout: 30s";
        has "on_failure" "`stop` (the rest is blocked) or `continue`." "on_failure: continue";
        has "setup" "Steps that run first; a failure blocks the rest." "setup: [{GET: /ready}]";
        has "steps" "The steps, in their order." "steps: [{GET: /health}]";
        has "cleanup" "Steps that always run at the end." "cleanup: [{DELETE: /models/1}]";
        has "matrix" "A case for every combination of values." "matrix: {size: [1, 2]}";
        has "rows" "A case for every row, in the plan or in a CSV file." "rows: [{email: a@b.c}]";
        has "contracts" "OpenAPI documents that steps are compared with." "contracts: {auth: {spec: auth.yaml, base: \"${{ env.auth_url }}\"}}";
        has "hints" "Team knowledge beside the built-in diagnosis." "hints: [{when: {status: 401}, cause: \"…\"}]";
    }
    /// What requests have in common: `defaults`, and every request.
    OPTIONS {
        has "headers" "Headers to send: a text, or a list to repeat the name." "headers: {Accept: text/html}";
        has "cookies" "Cookies to send, or `none` to send no cookie at all." "cookies: {session: abc}";
        has "auth" "How the request shows who it is." "auth: {bearer: \"${{ secrets.api_key }}\"}";
        has "timeout" "The limit of the whole exchange; 30s if absent." "timeout: 20s";
        has "connect_timeout" "The limit of making the connection; 10s if absent." "connect_timeout: 3s";
        has "follow_redirects" "`true` (at most 10), `false`, or how many." "follow_redirects: true";
        has "max_body" "The largest decoded body; 16MiB if absent." "max_body: 64MiB";
        has "connection" "`reuse` or `fresh`." "connection: fresh";
        has "retry" "Tries again after a failure." "retry: {times: 3, delay: 500ms}";
        has "tls" "TLS settings." "tls: {insecure: true}";
        has "http" "The version of HTTP." "http: \"2\"";
    }
    /// `defaults:` alone.
    DEFAULTS_ONLY {
        has "base_url" "What a URL that begins with `/` is appended to." "base_url: ${{ env.url }}";
    }
    /// `defaults:` of an environment alone.
    ENVIRONMENT_DEFAULTS_ONLY {
        has "proxy" "A proxy for every request; `none` goes without one." "proxy: http://proxy:3128";
        has "resolve" "Addresses for host names." "resolve: {example.com: 127.0.0.1}";
    }
    /// The requests of a step; exactly one of these, or `method` with `url`.
    METHODS {
        has "GET" "Sends a GET request." "GET: /health";
        has "POST" "Sends a POST request." "POST: /models";
        has "PUT" "Sends a PUT request." "PUT: /models/1";
        has "PATCH" "Sends a PATCH request." "PATCH: /models/1";
        has "DELETE" "Sends a DELETE request." "DELETE: /models/1";
        has "HEAD" "Sends a HEAD request." "HEAD: /health";
        has "OPTIONS" "Sends an OPTIONS request." "OPTIONS: /health";
    }
    /// What only a request of a step has, beside its options.
    REQUEST {
        has "method" "Another method; needs `url`." "method: PURGE";
        has "url" "The URL, beside `method`." "url: /cache";
        has "query" "Added to the query of the URL." "query: {page: 2}";
        has "json" "The body as JSON: any value." "json: {name: Ada}";
        has "form" "The body as a form." "form: {name: Ada}";
        has "text" "The body as text." "text: hello";
        has "poll" "Sends it again until `expect` holds." "poll: {every: 500ms, for: 10s}";
        has "expect" "What must hold of the response." "expect: {status: 200}";
        has "warn" "What is reported without failing." "warn: {headers: {Deprecation: {absent: true}}}";
        has "capture" "What is kept of the response." "capture: {id: $.id}";
        has "budget" "The time that it may take." "budget: {wait: 300ms, total: 500ms}";
        has "multipart" "The body as multipart/form-data." "multipart: {file: {file: a.png}}";
        has "file" "The body out of a file." "file: upload.bin";
        has "generate" "A generated body." "generate: {size: 1GiB}";
        has "graphql" "A GraphQL query." "graphql: {query: \"{ me { id } }\"}";
        has "save" "Keeps the body of the response in a file of the run's folder." "save: report.pdf";
        has "repeat" "Takes many samples." "repeat: 20";
        has "warmup" "Samples that do not count." "warmup: 3";
        has "concurrency" "How many at once." "concurrency: 20";
        has "start" "`together`: a barrier before the first byte." "start: together";
        has "expect_all" "What must hold of all samples together." "expect_all: {outcomes: {created: 1}}";
        later "load" "An open load model." "load: {rate: 50/s, for: 30s}";
        later "baseline" "Compares with stored samples." "baseline: {metric: total}";
        has "routes" "Sends it by each of these ways; the names are its cases." "routes: {direct: \"${{ env.direct_url }}\", proxy: \"${{ env.proxy_url }}\"}";
        has "violates_contract" "Marks a deliberate violation." "violates_contract: the name is missing";
    }
    /// What every step has.
    STEP {
        has "name" "Shown for the step." "name: The service answers";
        has "id" "Refers to the step: `steps.ID.…`." "id: create";
        has "if" "Runs when true." "if: steps.create.sent";
        has "skip" "Never runs; the reason is shown." "skip: waits for release 2";
        has "needs" "Blocked unless those steps passed." "needs: [create]";
        has "on_failure" "`stop` (the rest is blocked) or `continue`." "on_failure: continue";
        has "deadline" "The limit of all attempts." "deadline: 1m";
        has "covers" "Requirement ids that a pass is evidence for." "covers: [2a]";
        has "assert" "Compares what earlier steps saw; sends nothing." "assert: [steps.a.status == steps.b.status]";
        has "sleep" "Waits." "sleep: 2s";
        has "include" "Runs another plan as a step." "include: login.yaml";
        has "with" "What an included plan is given." "with: {user: ada}";
        has "export" "What is taken from an included plan." "export: [token]";
        has "parallel" "Steps that run at once." "parallel: [{GET: /a}, {GET: /b}]";
        has "first_of" "The first step that passes is the result." "first_of: [{GET: /a}, {GET: /b}]";
        has "matrix" "A case for every combination of values." "matrix: {size: [1, 2]}";
        has "rows" "A case for every row, in the plan or in a CSV file." "rows: [{email: a@b.c}]";
    }
    /// `expect_all:`.
    EXPECT_ALL {
        has "outcomes" "How many samples end in which outcome; what is not listed fails." "outcomes: {created: 1, refused: rest}";
        has "statuses" "How many samples get which status; what is not listed fails." "statuses: {200: 1, 4xx: rest}";
        has "distinct" "How many different values a path gives; `all`: each another." "distinct: {$.id: 1}";
        has "passed" "How many samples pass, as a number or in percent." "passed: {gte: 99%}";
        later "dropped" "How many arrivals of an open model may be dropped." "dropped: {lte: 1%}";
    }
    /// `rows:` from a file.
    ROWS {
        has "file" "A CSV file; its first line names the columns." "file: users.csv";
        has "types" "Columns that are not texts: `integer`, `number`, `boolean`, `json`." "types: {age: integer}";
    }
    /// `poll:`.
    POLL {
        has "every" "The pause between attempts." "every: 500ms";
        has "for" "How long in all." "for: 10s";
        has "times" "At most so many attempts." "times: 20";
        has "give_up" "What ends it at once as failed." "give_up: {$.status: FAILED}";
    }
    /// `retry:`.
    RETRY {
        has "times" "Up to so many more tries after the first." "times: 3";
        has "delay" "The pause before a try; 1s if absent." "delay: 500ms";
        has "backoff" "`fixed` or `exponential`." "backoff: exponential";
        has "max_delay" "The longest pause, Retry-After included; 30s if absent." "max_delay: 10s";
        has "jitter" "Varies the pause at random." "jitter: true";
        has "when" "What is tried again." "when: [transport, 429, 5xx]";
    }
    /// `auth:`.
    AUTH {
        has "bearer" "`Authorization: Bearer …`." "bearer: ${{ secrets.api_key }}";
        has "basic" "A user name with a password." "basic: {user: ada, password: \"${{ secrets.password }}\"}";
        has "api_key" "A key in a header or in the query." "api_key: {header: X-Api-Key, value: \"${{ secrets.api_key }}\"}";
        has "oauth2" "A token from a token endpoint." "oauth2: {token_url: \"${{ env.auth_url }}/token\", client_id: planrun, client_secret: \"${{ secrets.client }}\"}";
        has "digest" "HTTP digest." "digest: {user: ada, password: \"${{ secrets.password }}\"}";
    }
    /// `basic:`.
    BASIC {
        has "user" "The user name." "user: ada";
        has "password" "The password." "password: ${{ secrets.password }}";
    }
    /// `api_key:` of `auth`.
    API_KEY {
        has "header" "The header that carries it." "header: X-Api-Key";
        has "query" "The parameter that carries it." "query: api_key";
        has "value" "The key." "value: ${{ secrets.api_key }}";
    }
    /// `tls:`.
    TLS {
        has "insecure" "Accepts any certificate." "insecure: true";
        has "ca_file" "Certificates to trust." "ca_file: ca.pem";
        has "cert" "The client's certificate." "cert: client.pem";
        has "key" "The client's key; in the file of the certificate if absent." "key: client.key";
        has "server_name" "The name to expect." "server_name: example.com";
    }
    /// The subjects of `expect`, beside JSON paths.
    EXPECT {
        has "status" "The status: a number, a class, a list, or `any`." "status: 2xx";
        has "headers" "Response headers." "headers: {Content-Type: application/json}";
        has "cookies" "Cookies that the response set." "cookies: {session: {present: true}}";
        has "text" "The body as text." "text: {contains: OK}";
        has "url" "The final URL." "url: {ends_with: /welcome}";
        has "redirects" "The URLs that were passed." "redirects: {length: 2}";
        has "size" "The size of the decoded body." "size: {lt: 1MiB}";
        has "bytes" "The decoded body as hex." "bytes: {starts_with: ffd8ffe0}";
        has "sha256" "The digest of the decoded body." "sha256: ${{ steps.upload.request_sha256 }}";
        has "md5" "The MD5 digest of the decoded body." "md5: d41d8cd98f00b204e9800998ecf8427e";
        has "http" "The version of HTTP that was spoken." "http: \"1.1\"";
        has "remote_ip" "The address that answered." "remote_ip: 127.0.0.1";
        has "values" "Any expression, this step's captures included." "values: {user_id: {gt: 0}}";
        has "contract" "Compares the response with its contract." "contract: true";
    }
    /// What `expect` and `warn` say of a step with `routes`.
    ROUTED {
        has "routes" "`equal`: every route gives the answer of the first one." "routes: equal";
    }
    /// `routes:` of `expect`, in its long form.
    EQUAL_ROUTES {
        has "equal" "`true`: every route gives the answer of the first one." "equal: true";
        has "ignore" "Paths and headers that are not compared, with what is under them." "ignore: [headers.server, $.request_id]";
        has "set_by" "Lists that are compared item by item by a field, whatever their order." "set_by: {$.models: name}";
        has "within" "Numbers that may be so far apart." "within: {$.score: 0.01}";
        has "replace" "What is replaced in texts before they are compared." "replace: {'node-\\d+': node}";
    }
    /// What names outcomes in `expect`.
    OUTCOMES {
        has "one_of" "Named outcomes; the first that holds is the step's." "one_of: {created: {status: 201}}";
        has "outcome" "Which outcome is due." "outcome: created";
    }
    /// What `warn` has beside the subjects.
    WARN_ONLY {
        has "budget" "A time that is only reported." "budget: 500ms";
    }
    /// What `expect` and `warn` say of the requests that taps saw.
    HOPS {
        has "hops" "What the system under test sends to its own dependencies, seen by taps." "hops: {auth: {contract: true, $.api_key: {present: true}}}";
    }
    /// What is said of the requests that one tap saw; paths into the body (`$.x`) too.
    HOP {
        has "count" "How many requests of this step the tap saw; at least one if absent." "count: 1";
        has "contract" "Each request is as the contract of the tap says." "contract: true";
        has "optional" "Skips the step where the environment has no such tap." "optional: true";
        has "method" "The method." "method: POST";
        has "path" "The path that was asked for, without its query." "path: /api/v1/keys/validate";
        has "query" "Parameters of the query." "query: {verbose: \"1\"}";
        has "headers" "Request headers." "headers: {Authorization: {absent: true}}";
        has "text" "The body as text." "text: {contains: api_key}";
        has "status" "What the dependency answered." "status: 200";
    }
    /// A capture that is a mapping.
    CAPTURE {
        has "json" "A path into the body." "json: $.id";
        has "header" "A response header." "header: Location";
        has "cookie" "A cookie that was set." "cookie: session";
        has "text" "The whole body as text." "text: true";
        has "apply" "Filters that change the value." "apply: [{split: \", \"}, first]";
        has "regex" "Group 1 of the first match, else the match." "regex: '/users/(\\d+)'";
        has "default" "Taken where nothing is found." "default: null";
        has "secret" "Never shown." "secret: true";
    }
    /// A declared secret.
    SECRET {
        has "description" "What it is, for whoever has to give it." "description: API key of a developer";
        has "matches" "A regular expression that it must match." "matches: ^hk_";
        has "optional" "Skips the cases that use it where it is missing." "optional: true";
    }
    /// The top level of an environment.
    ENVIRONMENT {
        has "environment" "The name of the environment." "environment: staging";
        has "extends" "Another environment, merged under this one." "extends: base";
        has "vars" "Variables: `env.NAME` in plans." "vars: {url: \"https://example.com\"}";
        has "secrets" "Where secrets come from." "secrets: {api_key: {env_var: API_KEY}}";
        has "defaults" "What requests have in common, under the plan's own." "defaults: {timeout: 20s}";
        has "allow_origins" "Where a URL out of a response may lead." "allow_origins: [https://example.com]";
        has "services" "What is started before the run." "services: {registry: {builtin: demo}}";
        has "taps" "Recording proxies between the system under test and its dependencies." "taps: {auth: {forward: \"${{ env.auth_url }}\"}}";
        has "protected" "Requests that may write need `--allow-writes`." "protected: true";
    }
    /// A tap of an environment.
    TAP {
        has "listen" "Where the system under test finds it, on loopback; a free port if absent." "listen: 127.0.0.1:9100";
        has "forward" "The dependency that it stands for." "forward: ${{ env.auth_url }}";
        has "contract" "The contract that requests are held against." "contract: auth";
        has "mode" "`observe`, or `enforce`: what breaks the contract is answered with 502." "mode: enforce";
    }
    /// Where a secret comes from.
    SECRET_SOURCE {
        has "env_var" "A variable of the process." "env_var: API_KEY";
        has "file" "A file." "file: api-key.txt";
        has "value" "What a service gives." "value: ${{ services.registry.api_key }}";
        has "prompt" "Asks for it on the terminal." "prompt: true";
        has "command" "The output of a command; needs `--allow-exec`." "command: [op, read, key]";
    }
    /// A service of an environment.
    SERVICE {
        has "builtin" "`demo`, the built-in registry." "builtin: demo";
        has "fault" "Makes it sick." "fault: broken-contract";
        has "auth_url" "Where its proxy asks about keys, instead of its own auth service." "auth_url: ${{ taps.auth.url }}";
        has "run" "A command that serves until it is stopped; needs `--allow-exec`." "run: [./server]";
        has "ready" "A URL that answers with 2xx or 3xx when it is up." "ready: http://localhost:5000/health";
        has "timeout" "How long it may take to come up; 60s if absent." "timeout: 30s";
    }
    /// The top level of a project file.
    PROJECT {
        has "project" "The name of the project." "project: registry";
        has "default_environment" "The environment where none is chosen." "default_environment: local";
        has "requirements" "The checklist that `covers` names items of: a Markdown file." "requirements: checklist.md";
        has "defaults" "What requests have in common, under all others." "defaults: {timeout: 20s}";
        has "contracts" "OpenAPI documents that steps are compared with." "contracts: {auth: {spec: auth.yaml, base: \"${{ env.auth_url }}\"}}";
        has "hints" "Team knowledge beside the built-in diagnosis." "hints: {file: hints.yaml}";
    }
    /// One of `hints`.
    HINT {
        has "when" "What the response of the failing step is like: subjects as in `expect`." "when: {status: 401}";
        has "cause" "Why the step failed, shown with it." "cause: The key belongs to another service";
        has "next" "What to do about it." "next: Ask the auth team for a key of this service";
    }
    /// `hints` that stand in a file of their own.
    HINTS {
        has "file" "A file with `hints` at its top." "file: ../hints.yaml";
    }
    /// The top level of a file with hints.
    HINTS_FILE {
        has "hints" "Team knowledge that plans and projects share." "hints: [{when: {status: 401}, cause: \"…\"}]";
    }
    /// `oauth2:` of `auth`.
    OAUTH2 {
        has "token_url" "The endpoint that gives the token." "token_url: ${{ env.auth_url }}/token";
        has "client_id" "The id of the client." "client_id: planrun";
        has "client_secret" "The secret of the client." "client_secret: ${{ secrets.client }}";
        has "scope" "What the token shall allow." "scope: model:write";
    }
    /// One part of `multipart`.
    PART {
        has "file" "The file that is sent; its path is relative to the plan." "file: model.pkl";
        has "filename" "The name that the server is told; that of the file if absent." "filename: model.pkl";
        has "type" "The media type of the part; `application/octet-stream` if absent." "type: image/png";
    }
    /// `generate:`.
    GENERATE {
        has "size" "How many bytes are sent." "size: 1GiB";
        has "seed" "The same seed gives the same bytes; 0 if absent." "seed: 7";
    }
    /// `graphql:`.
    GRAPHQL {
        has "query" "The query." "query: \"{ me { id } }\"";
        has "variables" "Its variables: any values." "variables: {id: 1}";
    }
    /// `load:`.
    LOAD {
        has "rate" "How many arrive in which time." "rate: 50/s";
        has "for" "How long they arrive." "for: 30s";
        has "max_in_flight" "The most at once; what arrives beyond is dropped." "max_in_flight: 200";
        has "stages" "Rates one after another." "stages: [{rate: 10/s, for: 10s}, {rate: 50/s, for: 30s}]";
    }
    /// One of `stages`.
    STAGE {
        has "rate" "How many arrive in which time." "rate: 50/s";
        has "for" "How long they arrive." "for: 30s";
    }
    /// `baseline:`.
    BASELINE {
        has "metric" "The time that is compared: a phase or `total`." "metric: total";
        has "max_regression" "How much slower it may be than the stored samples." "max_regression: 10%";
        has "on_regression" "`fail` or `warn`." "on_regression: warn";
        has "remeasure" "Takes fresh samples also of what is not GET or HEAD." "remeasure: true";
        has "against" "The step of this run that it is compared with." "against: direct";
        has "max_ratio" "How many times slower than that step it may be." "max_ratio: 3";
    }
    /// One of `contracts`.
    CONTRACT {
        has "spec" "The OpenAPI document." "spec: specs/auth.openapi.yaml";
        has "base" "Steps whose URL lies under it are bound to the document." "base: ${{ env.auth_url }}";
        has "on_violation" "`warn` or `error`: what a violation in the plan is." "on_violation: error";
        has "ignore" "What is left out of it, with a reason and an end." "ignore: [{operation: GET /pets, code: unknown-field, reason: \"…\", until: 2027-01-31}]";
    }
    /// One of `ignore` of a contract.
    CONTRACT_IGNORE {
        has "operation" "The operation, as `METHOD /path` or by its id." "operation: GET /pets";
        has "code" "What is left out: a code of `planrun explain`." "code: unknown-field";
        has "reason" "Why this is let pass." "reason: the document lags behind";
        has "until" "The last day on which it is left out." "until: 2027-01-31";
    }
    /// The operand of `close_to`.
    CLOSE_TO {
        has "value" "The number." "value: 1.5";
        has "within" "How far from it is near enough." "within: 0.1";
    }
    /// What a budget says of many samples.
    STATISTICS {
        has "p50" "The median, judged statistically." "p50: 200ms";
        has "p95" "The 95th percentile, judged statistically." "p95: 500ms";
        has "p99" "The 99th percentile, judged statistically." "p99: 800ms";
        has "observed_p95" "The 95th percentile of exactly these samples (nearest rank)." "observed_p95: 500ms";
        has "max" "The slowest sample." "max: 2s";
        has "mean" "The mean of the samples." "mean: 300ms";
    }
}

/// The faults of the built-in registry.
pub const FAULTS: &[&str] =
    &["broken-contract", "broken-contract-verbose", "wrong-service", "misrouted", "race"];

/// Names that templates keep for themselves.
pub const RESERVED: &[&str] = &[
    "env", "secrets", "services", "case", "run", "plan", "steps", "step", "unique", "omit",
    "attempt", "iter",
];

/// Where the keys stand that people most often write one level too high or too low, or into the
/// wrong file.
pub(super) const HOMES: &[(&str, &[&[KeyDoc]])] = &[
    ("a step", &[METHODS, STEP, REQUEST, OPTIONS]),
    ("`expect`", &[EXPECT]),
    ("`auth`", &[AUTH]),
    ("a plan", &[PLAN]),
    ("an environment file, such as `environments/demo.yaml`", &[ENVIRONMENT]),
    ("the project file, `planrun.yaml`", &[PROJECT]),
    ("`defaults`", &[DEFAULTS_ONLY]),
    ("a tap", &[TAP]),
    ("a service", &[SERVICE]),
];

/// What people who come from other tools write, and what it is called here.
const HABITS: &[(&str, &str)] = &[
    ("after", "cleanup"),
    ("after_all", "cleanup"),
    ("assertions", "expect"),
    ("asserts", "expect"),
    ("baseurl", "base_url"),
    ("before", "setup"),
    ("before_all", "setup"),
    ("base-url", "base_url"),
    ("body", "json`, `form` or `text"),
    ("check", "expect"),
    ("checks", "expect"),
    ("data", "json`, `form` or `text"),
    ("delay", "sleep"),
    ("depends_on", "needs"),
    ("endpoint", "url"),
    ("extract", "capture"),
    ("files", "multipart"),
    ("foreach", "rows"),
    ("for_each", "rows"),
    ("form_data", "multipart` or `form"),
    ("header", "headers"),
    ("loop", "repeat"),
    ("name", "plan"),
    ("only_if", "if"),
    ("params", "query"),
    ("parameters", "query"),
    ("payload", "json`, `form` or `text"),
    ("request", "method` with `url"),
    ("requests", "steps"),
    ("response_time", "budget"),
    ("retries", "retry"),
    ("scenario", "plan"),
    ("skip_if", "skip"),
    ("status_code", "status"),
    ("store", "capture"),
    ("teardown", "cleanup"),
    ("test", "expect"),
    ("tests", "steps"),
    ("title", "plan"),
    ("validate", "expect"),
    ("variables", "vars"),
    ("wait", "sleep"),
    ("when", "if"),
];

/// What a key of another tool is called here, where one of these names is meant: the name, and how it
/// is said.
pub(super) fn habit(
    key: &str,
    mut names: impl Iterator<Item = &'static str>,
) -> Option<(&'static str, &'static str)> {
    let key = key.to_lowercase();
    let (_, said) = HABITS.iter().find(|(habit, _)| *habit == key)?;
    let meant = said.split('`').next()?;
    names.find(|name| *name == meant).map(|name| (name, *said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_begins_with_its_key() {
        for table in ALL {
            for key in *table {
                assert!(key.example.starts_with(&format!("{}: ", key.name)), "{}", key.name);
                assert!(key.doc.ends_with('.') || key.doc.ends_with('`'), "{}", key.name);
            }
        }
    }
}
