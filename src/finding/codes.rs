//! Every code that planrun can print, with what `planrun explain` says of it. A code is never reused.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($name:ident = $text:literal, $title:literal, $explanation:literal;)*) => {
        /// A stable name of one kind of finding, failure or error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// All codes, in the order of their rooms.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is printed: `plan::unknown-key`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// One line that says what it is.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What it means, an example of what causes it, and what to do.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $explanation,)* }
            }
        }
    };
}

// One entry a code: the printed name, a title, and the explanation with an example and the repair.
codes! {
    // YAML
    YamlSyntax = "yaml::syntax", "not valid YAML",
        "    - GET: /health\n      expect: {text: {contains: \"OK}}\n\nThe file is not valid YAML, so it could not be read as a whole.\n\nThe marked place is where the mistake is, or where the reader had to stop: then look at the line above it too. It is nearly always a missing quote, a tab in the indentation, a missing space after a colon, or a line that stands too far left or right.\n\nRepair: what the help says. Put text that holds `: ` or ` #` in quotes.";
    YamlDuplicateKey = "yaml::duplicate-key", "a key stands twice in one mapping",
        "    headers:\n      Accept: text/html\n      Accept: application/json\n\nYAML forbids the same key twice; which one would count is anybody's guess, so neither does.\n\nRepair: delete one of the two marked lines. To send a header twice, give it a list.";
    YamlTag = "yaml::tag", "a YAML tag that is not known here",
        "    if: !is_ready\n\nA word that begins with `!` is a YAML tag, not a negation.\n\nRepair: write `if: not is_ready`, or put the text in quotes.";
    YamlLimit = "yaml::limit", "the file is larger or deeper than a plan may be",
        "Files are at most 4 MiB, 128 levels deep, and their aliases may not expand without bound. The limits keep a broken or hostile file from eating the machine.\n\nRepair: split the plan, or write out what the aliases repeat.";
    YamlEncoding = "yaml::encoding", "the file is not plain UTF-8 text",
        "Plans are UTF-8. A file in UTF-16, with a NUL byte, or with invisible bidirectional characters is refused: what a person sees would not be what runs.\n\nRepair: save the file as UTF-8 and delete the marked character.";
    YamlDocuments = "yaml::documents", "several documents in one file",
        "    plan: First\n    steps:\n      - GET: http://localhost:5000/health\n    ---\n    plan: Second\n\nA file holds one plan, environment or project. `---` begins a second document.\n\nRepair: put it into a file of its own.";
    YamlTrap = "yaml::trap", "YAML reads this otherwise than it looks",
        "    json: {name: ${{ run.id }}}\n\nSome texts are read by YAML in a way that nobody meant: an unquoted template inside { } or [ ], `{{ x }}` without `$`, `1.10` where text is wanted, \"\\d\" in double quotes.\n\nRepair: the message says what to type; it is nearly always a pair of quotes.";
    BadTable = "plan::bad-table", "a CSV file that gives no sound cases",
        "    - rows: {file: users.csv, types: {age: integer}}\n      POST: /users\n      json: {email: \"${{ case.email }}\", age: \"${{ case.age }}\"}\n\nThe first line of the file names its columns, each line below it is a case. A cell that is not of its column's type, a row with too many or too few cells, a column that stands twice or is not there, and a file without rows are found before anything is sent.\n\nRepair: correct the marked cell or line of the file, or the type of its column.";
    BadSchema = "plan::bad-schema", "a JSON Schema that cannot be used",
        "A file that `schema` names is not JSON, breaks the rules of JSON Schema, or refers to something that is not there. An example is `{\"type\": \"strng\"}`. Every schema is read and compiled before anything is sent, with the files that it refers to; addresses are never opened.\n\nRepair: correct the marked place of the schema. What it takes from the web, save beside it, and refer to it by its path.";
    // plans
    UnknownKey = "plan::unknown-key", "a key that planrun does not know",
        "    - GET: /health\n      expct: {status: 200}\n\nAn unknown key is never ignored: an assertion under a misspelt key would never run.\n\nRepair: use the suggested name. Where none is near, the help lists the keys that are known there.";
    NotYet = "plan::not-yet", "a key of the language that this version does not run yet",
        "    - GET: /health\n      load: {rate: 50/s, for: 30s}\n\nThe key belongs to the plan language, but this version cannot carry it out. It is refused rather than ignored, so that nothing passes by accident.\n\nRepair: remove the key, or use a version that knows it.";
    WrongType = "plan::wrong-type", "a value of the wrong kind",
        "    steps: GET /health\n\nThe key wants another kind of value: a list, a mapping, a number, a text.\n\nRepair: the message says what is wanted, the help shows how it is written.";
    BadValue = "plan::bad-value", "a value that is not one of those allowed",
        "    on_failure: stpo\n\nThe key takes one of a few words, or a value of a certain form.\n\nRepair: use one of the values in the help.";
    MissingKey = "plan::missing-key", "a key that must be there is not",
        "    plan: Health\n\nA plan needs `plan:` and `steps:`; a poll needs `every` and `for`.\n\nRepair: add the key that the message names.";
    EmptyValue = "plan::empty-value", "a key with nothing behind it",
        "    expect:\n      $.deleted_at:\n\nNothing after the colon could mean null, absent, or a line that was forgotten.\n\nRepair: write `null`, `{absent: true}`, or delete the line.";
    BadDuration = "plan::bad-duration", "not a duration",
        "    timeout: 30\n\nA duration is a number with a unit: `800ms`, `30s`, `1m30s`. A bare number is refused, because nobody knows whether 30 means seconds or milliseconds.\n\nRepair: add the unit.";
    BadSize = "plan::bad-size", "not a size",
        "    max_body: 16\n\nA size is a number with a unit: `512B`, `64KiB`, `16MiB`.\n\nRepair: add the unit.";
    BadStatus = "plan::bad-status", "not a status",
        "    expect: {status: 20x}\n\nA status is a number from 100 to 599, a class such as `2xx`, a list of them, an operator, or `any`.\n\nRepair: write `status: 2xx` or `status: [200, 201]`.";
    BadName = "plan::bad-name", "a name that cannot be used in a template",
        "    capture: {User-Id: $.id}\n\nNames and ids are lower-case letters, digits and `_`, and begin with a letter or `_`.\n\nRepair: rename it: `user_id`.";
    ReservedName = "plan::reserved-name", "a name that planrun keeps for itself",
        "    vars: {env: staging}\n\n`env secrets services case run plan steps step unique omit attempt iter` have a meaning of their own.\n\nRepair: choose another name.";
    DuplicateName = "plan::duplicate-name", "a name or id that is already taken",
        "    - id: create\n    - id: create\n\nTwo steps with one id, or a capture with the name of a variable: a reference would be ambiguous.\n\nRepair: rename one of the two marked places.";
    NoAction = "plan::no-action", "a step that does nothing, or two things at once",
        "    - name: Health\n      expect: {status: 200}\n\nA step does exactly one thing: a request (`GET: url`), `assert`, `sleep`, …\n\nRepair: add the missing line, or split the step.";
    TwoBodies = "plan::two-bodies", "a request with more than one body",
        "    json: {a: 1}\n    form: {b: 2}\n\nA request has at most one body.\n\nRepair: keep one of the marked keys.";
    EmptyPlan = "plan::empty", "a plan without steps",
        "    plan: Health\n    steps: []\n\nA plan that does nothing would always pass.\n\nRepair: add a step, or delete the file.";
    NotAPlan = "plan::not-a-plan", "a file that does not say what it is",
        "    steps:\n      - GET: http://localhost:5000/health\n\nA plan begins with `plan: NAME`, an environment with `environment: NAME`, a project with `project: NAME`.\n\nRepair: add the first line.";
    UndefinedName = "plan::undefined-name", "a name that is not defined at this point of the plan",
        "    - GET: /users/${{ user_id }}\n\nEvery name is resolved before the first request. A bare name is a variable of the plan (`vars`) or a `capture` of an earlier step; a name with a dot begins with `env`, `secrets`, `steps`, `run`, `plan` or `step`.\n\nRepair: use the suggested name, or define it.";
    UnknownName = "plan::unknown-name", "a name that the included plan does not have",
        "    - include: login.yaml\n      with: {usr: ada}\n      export: [tokn]\n\n`with` gives values to the inputs and variables of the included plan, `export` takes what it captures. Other names of it cannot be reached.\n\nRepair: use the suggested name, or declare it in the included plan.";
    UnknownFunction = "plan::unknown-function", "a function, filter or test that does not exist",
        "    vars: {name: \"${{ unique | uppr }}\"}\n\nWhat stands behind `|` is a filter, what has `( )` is a function. The help says which name is nearest.\n\nRepair: use the suggested name.";
    BadTemplate = "plan::bad-template", "a template that does not parse",
        "    vars: {name: \"${{ unique | }}\"}\n\nWhat stands between `${{` and `}}` is an expression: names, calls, filters, comparisons, `a if c else b`. Words of other languages have other names here: `not`, `and`, `or`, `none`.\n\nRepair: look at the marked place inside the template.";
    BadJsonPath = "plan::bad-jsonpath", "a path that does not parse",
        "    $.items[?(@.id = 1)]: {present: true}\n\nPaths follow RFC 9535: comparisons are `==`, text stands in quotes, an index in `[ ]`.\n\nRepair: look at the marked place inside the path.";
    BadRegex = "plan::bad-regex", "a regular expression that does not parse",
        "    $.sku: {matches: '[A-Z'}\n\nRegular expressions are searched for anywhere in the text, and know no look-ahead and no back-references.\n\nRepair: look at the marked place. Write regular expressions in single quotes, so that YAML leaves the backslashes alone.";
    NotSingular = "plan::not-singular", "a path with many results compared with one value",
        "    $.items[*].id: 1\n\nA path with `*`, `..`, a filter or a slice yields a list, which can never equal one value.\n\nRepair: say which one is meant: `{each: …}`, `{some: …}`, `{contains: …}`, or name an index.";
    UnknownOperator = "plan::unknown-operator", "an operator that does not exist",
        "    $.id: {greater_than: 0}\n\nUnder a path or a name, a mapping is always operators.\n\nRepair: use the suggested operator; to compare with an object write `{equals: {…}}` or `{partial: {…}}`.";
    ImpossibleAssertion = "plan::impossible-assertion", "an assertion that can never hold",
        "    $.id: {gt: abc}\n\nThe operator cannot judge such a value, so the assertion would fail whatever the server answers.\n\nRepair: correct the operand, or use another operator.";
    AssertedTwice = "plan::asserted-twice", "one thing that is asserted under two spellings",
        "    expect:\n      $.id: {type: integer}\n      $['id']: {gt: 0}\n\n`$.id` and `$['id']` are the same place, as are two spellings of a header's name. Both hold or fail by themselves, and whoever changes one of them will miss the other.\n\nRepair: write both under one key: `$.id: {type: integer, gt: 0}`.";
    UnreachableOutcome = "plan::unreachable-outcome", "an outcome that never comes out",
        "    expect:\n      one_of:\n        done: {status: 2xx}\n        created: {status: 201}\n\nThe first outcome that holds is the step's. An outcome that asks for everything that an earlier one asks for, and maybe more, never has its turn; nor has one that never holds together with what stands beside `one_of`. One that states no `status` wants 2xx.\n\nRepair: put the outcome that asks for more first, or state what tells the two apart.";
    NeverFails = "plan::never-fails", "something that nothing can fail",
        "    - GET: /health\n      expect: {status: any}\n\nEvery status passes and nothing else is asked for: the step says nothing about the server. A budget of at least the `timeout` (30s where none is stated) or `deadline` is never exceeded either: the exchange is ended before.\n\nRepair: say what is due, or move a call that only prepares to `setup`; write a smaller budget, or a longer `timeout`.";
    SecretInUrl = "plan::secret-in-url", "a secret in a URL",
        "    plan: Health\n    secrets: {key: {}}\n    steps:\n      - GET: http://localhost:5000/health?key=${{ secrets.key }}\n\nA URL stands in the logs of servers and proxies, in histories and in reports of others. planrun masks it in its own output, and cannot do more.\n\nRepair: send it in a header (`auth`). Where the API wants it in the query: `auth: {api_key: {query: NAME, value: …}}`, which says that it is meant.";
    UnknownStep = "plan::unknown-step", "a step id that does not exist",
        "    needs: [lgoin]\n\nA step is referred to by its `id:`, not by its name.\n\nRepair: use the suggested id, or give the step one.";
    LaterStep = "plan::later-step", "a step that runs later",
        "    - GET: /health\n      if: steps.create.passed\n    - id: create\n      POST: /models\n\nA step can only refer to steps that ran before it.\n\nRepair: move the step, or the condition.";
    Cycle = "plan::cycle", "definitions that need each other",
        "    vars:\n      a: ${{ b }}\n      b: ${{ a }}\n\nTo know the one, the other must be known first.\n\nRepair: break the circle at one of the marked places.";
    BareNegative = "plan::bare-negative", "a negative test that any error would pass",
        "    expect: {status: 401}\n\nA step whose every accepted status is 4xx or 5xx, and which says nothing about body or headers, also passes when a proxy, a login page or a typing mistake gave that status.\n\nRepair: say which error is meant: `$.error_code: …`.";
    NeverRuns = "plan::never-runs", "a step that can never run",
        "    if: 1 == 2\n\nA condition that is always false skips the step in every run. So does a step that is skipped, for those that need it or its captures: they stay blocked, and nobody sees that they no longer test anything.\n\nRepair: correct the condition, or use `skip: \"reason\"`, also on the steps that need what is skipped.";
    UnusedName = "plan::unused", "something that is defined and never used",
        "    vars: {modle: \"m-${{ unique }}\"}\n\nNobody uses the marked name. It may be a misspelling, here or where it should be used.\n\nRepair: delete it, or use it.";
    Ttfb = "plan::ttfb", "`ttfb` is called `wait` here",
        "    budget: {ttfb: 300ms}\n\nThe phases are `dns connect tls send wait receive total`. What other tools call time to first byte sometimes counts the connection too; `wait` is from the request sent to the first byte, nothing else.\n\nRepair: write `wait`.";
    BudgetNeedsSamples = "plan::budget-needs-samples", "a percentile of a single request",
        "    budget: {p95: 300ms}\n\nA percentile needs many samples.\n\nRepair: write `budget: 300ms`, or repeat the step.";
    BudgetNeedsFresh = "plan::budget-needs-fresh", "a budget on a phase that a reused connection does not have",
        "    budget: {connect: 50ms}\n\nA connection that is reused has no DNS, connect or TLS phase.\n\nRepair: add `connection: fresh`.";
    Conflict = "plan::conflict", "two keys that exclude each other",
        "    retry: {times: 3}\n    poll: {every: 1s, for: 10s}\n\nOne key says what the other denies, so that it is not clear what was meant.\n\nRepair: keep one of the two marked keys.";
    BadUrl = "plan::bad-url", "a URL that cannot be requested",
        "    GET: htps://example.com\n\nA URL begins with `http://`, `https://`, a `/` (then `base_url` is put before it) or a template. A user name in it is refused: the key `auth` is for that. A `/../` segment is refused: it would silently be removed on the way.\n\nRepair: correct the marked part.";
    NoBaseUrl = "plan::no-base-url", "a path without a `base_url`",
        "    plan: Health\n    steps:\n      - GET: /health\n\nA URL that begins with `/` needs `defaults: {base_url: …}` in the plan, the environment or the project.\n\nRepair: add `base_url`, or write the whole URL.";
    LiteralSecret = "plan::literal-secret", "a text that looks like a secret",
        "    auth: {bearer: hk_live_a8Kd03jfLq92mZx7Pw51}\n\nA key in a plan ends up in the history of the repository and in every report.\n\nRepair: declare it under `secrets:` and write `${{ secrets.api_key }}`. A key that has been in a repository should be replaced.";
    InsecureTls = "plan::insecure-tls", "certificates that are not checked",
        "    - GET: https://registry.example.com/health\n      tls: {insecure: true}\n\nWith `insecure: true` any certificate is accepted, whoever shows it: who stands between can read and change everything, the key included, and a pass does not say who answered.\n\nRepair: name the authority that issued the certificate, `tls: {ca_file: ca.pem}`, or the name that it bears, `tls: {server_name: …}`.";
    BadCertificate = "plan::bad-certificate", "a certificate or key that cannot be used",
        "What `ca_file`, `cert` and `key` name is read before anything is sent. Certificates and keys are PEM: text that begins with `-----BEGIN CERTIFICATE-----` or `-----BEGIN PRIVATE KEY-----`, and a key fits its certificate. An example is `ca_file: ca.der`.\n\nRepair: convert it, `openssl x509 -inform der -in ca.der -out ca.pem`, or name the right file.";
    OmitInText = "plan::omit-in-text", "`omit` where it has nothing to remove",
        "    headers: {X-Id: \"id-${{ omit }}\"}\n\n`omit` removes the whole key or list item of a request. Inside a text there is nothing to remove, and what is expected is never removed: a step would pass without it.\n\nRepair: let the whole value be `${{ omit }}`; in `expect` write what is due, such as `{absent: true}`.";
    OutsideRoot = "plan::outside-root", "a file outside the project",
        "Files stay inside the project root, so that a plan or environment cannot read what it was not given. Symbolic links are followed before judging. An example is a secret that comes from `{file: ../../key.txt}`.\n\nRepair: move the file into the project, or allow its folder with `--file-root`.";
    MissingFile = "plan::missing-file", "a file that is not there or cannot be read",
        "The file is not there, is a folder, a pipe or a device, is too large, or may not be read by you. An example is a secret that comes from `{file: keys/}`.\n\nRepair: correct the path; it is relative to the file that names it.";
    // environments
    UnknownEnvironment = "environment::unknown", "an environment that does not exist",
        "    environment: staging\n    extends: bsae\n\nEnvironments are files `environments/NAME.yaml` beside the plan or in a folder above it, up to the project root.\n\nRepair: use one of the names in the help, or write the file.";
    MissingVariable = "environment::missing-variable", "a variable that this environment does not have",
        "    GET: ${{ env.registry_ulr }}/health\n\nThe chosen environment, what it extends, `--var env.NAME=…` and PLANRUN_VAR_NAME all lack the variable.\n\nRepair: use the suggested name, or define it under `vars:` of the environment.";
    MisnamedEnvironment = "environment::misnamed", "an environment with another name than its file",
        "    environment: production\n\nThe example stands in `environments/staging.yaml`. An environment is chosen by its file's name (`-e staging`), and reports show the name that it gives itself: whoever reads them would look for the wrong file.\n\nRepair: give the file and the environment one name.";
    ProtectedEnvironment = "environment::protected", "a request that may write, in a protected environment",
        "The environment says `protected: true`, and a step that is selected would send something other than GET, HEAD or OPTIONS. An example is a POST in a plan that is run on production. Nothing was sent.\n\nRepair: choose another environment. If writing there is meant: `--allow-writes`.";
    ExecNotAllowed = "environment::exec", "a command of the environment, and nobody allowed it",
        "The environment takes a secret from the output of a command, or starts a service by one. An example is `{command: [op, read, key]}`. A file of the repository does not start programs on your machine by itself; nothing was started and nothing was sent.\n\nRepair: read the marked command. If it is meant: `--allow-exec`.";
    LiteralInEnvironment = "environment::literal-secret", "a secret written into an environment file",
        "    environment: staging\n    secrets:\n      api_key: {value: hk_live_a8Kd03jfLq92mZx7Pw51}\n\n`value` is for what a service gives (`${{ services.registry.api_key }}`). A literal would be in the repository.\n\nRepair: use `{env_var: NAME}` or `{file: path}`. A key that has been in a repository should be replaced.";
    // secrets
    MissingSecret = "secret::missing", "a secret that nobody gave",
        "    plan: Health\n    secrets:\n      token: {}\n    steps:\n      - GET: http://localhost:5000/health\n        auth: {bearer: \"${{ secrets.token }}\"}\n\nThe plan declares a secret, and no source gives it a value. Nothing was sent.\n\nRepair: set the variable that the message names, or give `--secret NAME=@file`. Where a plan can do without it, declare it `optional: true`: the steps that use it are then skipped.";
    MalformedSecret = "secret::malformed", "a secret that does not have the declared shape",
        "    plan: Health\n    secrets:\n      api_key: {matches: ^hk_live_}\n    steps:\n      - GET: http://localhost:5000/health\n        auth: {bearer: \"${{ secrets.api_key }}\"}\n\nThe value does not match `matches`. Malformed here and rejected by the server are different things: this one was never sent. The message tells its length and what is odd about it, never the value.\n\nRepair: compare the value with the pattern: a missing prefix, a line break, quotes around it.";
    CommandFailed = "secret::command", "a command that should give a secret failed",
        "The environment takes a secret from the output of a command, and the command could not be started, ended with an error, or did not end in time. An example is a password manager that is locked. What it said on standard error is shown, masked; its output never is. Nothing was sent.\n\nRepair: run the command by hand, in the folder of the environment file. To go on meanwhile: `--secret NAME=@FILE`.";
    SecretSource = "secret::source", "a source of a secret that is not safe or cannot be read",
        "A `.env` file that other users can read, that is tracked by git or has a line that is none; or a secret's value given with `--var`, where every user of the machine can see it.\n\nRepair: `chmod 600 .env` and keep it out of version control; give secrets by a variable or a file.";
    ShortSecret = "secret::short", "a secret that is too short to be masked by its value",
        "A value of fewer than four characters stands in too many ordinary texts: it is masked only where its field or place says that it is a secret.\n\nRepair: use a longer secret. Where it is none, make it a variable.";
    // transport
    TransportDns = "transport::dns", "the host name could not be resolved",
        "    - GET: http://no-such-host.invalid/health\n\nNo address is known for the host: a misspelling, a name that only an internal resolver knows, a missing VPN.\n\nRepair: look at the variable that gave the host; the message names it.";
    TransportRefused = "transport::refused", "the connection was refused",
        "    - GET: http://127.0.0.1:1/health\n\nThe host answers, the port does not: nothing listens there.\n\nRepair: start the service, or correct the port in the variable that the message names.";
    TransportConnectTimeout = "transport::connect-timeout", "the connection could not be made in time",
        "    - GET: http://10.255.255.1/health\n      connect_timeout: 2s\n\nNo answer came from the address: a firewall that drops packets, a wrong address, a host that is down, a missing VPN.\n\nRepair: try the address from the same machine; raise `connect_timeout` only if the line is known to be slow.";
    TransportTls = "transport::tls", "the TLS handshake failed",
        "    - GET: https://localhost:5000/health\n\nThe certificate is expired, not yet valid, for another name or from an unknown issuer, or the port does not speak TLS at all. The message says which.\n\nRepair: what the message names. `tls: {insecure: true}` accepts any certificate, and every report says so.";
    TransportTimeout = "transport::timeout", "the exchange did not end in time",
        "    - GET: /slow\n      timeout: 2s\n\nThe exchange did not end within `timeout` (30s where none is given). The message says which phase had been reached: waiting for the first byte points at the server, receiving at the size or the line.\n\nRepair: raise `timeout`, or ask the server's team what takes so long.";
    TransportEmptyReply = "transport::empty-reply", "the server closed without a word",
        "The connection was made and closed before a single byte of a response. Examples are a crash, a proxy without an upstream, a TLS port spoken to in plain HTTP.\n\nRepair: look at the server's log at that time; check whether the URL should begin with `https://`.";
    TransportReset = "transport::reset", "the connection was reset",
        "The other side ended the connection while the request was sent or the response was read, as a proxy does that refuses a large upload, or a service that is restarted.\n\nRepair: look at the server's log at that time. Where it happens now and then and repeating is safe: `retry: {times: 2, when: [transport]}`.";
    TransportTruncated = "transport::truncated", "the response ended too early",
        "Fewer bytes came than the response announced, for example 100 of 1000: what came may look whole, and is not.\n\nRepair: tell the team of whatever answers; a proxy between often cuts.";
    TransportFraming = "transport::framing", "the response is not well-formed HTTP",
        "A bad chunk size, contradicting lengths, a malformed status line: where the response ends is not certain, so nothing in it is judged.\n\nRepair: tell the team of whatever answers; the message shows what was seen.";
    TransportNotHttp = "transport::not-http", "what answers does not speak HTTP",
        "The first bytes are not an HTTP response: another protocol listens on this port, for example `SSH-2.0…` or a database.\n\nRepair: check the port in the variable that gave the address.";
    TransportHeaders = "transport::headers-too-large", "the response headers are too large",
        "The headers are larger or more numerous than the client takes, as happens when cookies pile up.\n\nRepair: tell the server's team.";
    TransportBodyTooLarge = "transport::body-too-large", "the response body is larger than allowed",
        "    - GET: /export\n      max_body: 1KiB\n\n`max_body` bounds the decoded body (16 MiB where none is given), so that a compressed bomb cannot fill the memory.\n\nRepair: raise `max_body` on the step if the size is meant.";
    TransportEncoding = "transport::bad-encoding", "the compressed body could not be decoded",
        "The response says gzip, br, deflate or zstd, and its bytes are not, or end too early.\n\nRepair: tell the server's team. To go on meanwhile: `headers: {Accept-Encoding: identity}`.";
    TransportStale = "transport::stale-connection", "the server had closed the kept connection",
        "A connection that was kept from an earlier request had been closed by the server. A GET, HEAD or OPTIONS is repeated once by itself; a POST is not, since it may have taken effect.\n\nRepair: `retry: {times: 1, when: [transport]}` if repeating is safe, or `connection: fresh`.";
    TransportRedirect = "transport::redirect", "a redirect that cannot be followed",
        "    - GET: /old\n      follow_redirects: 1\n\nToo many redirects, a Location that is missing or is no web address, or one that leads from https to http.\n\nRepair: look at the Location in the message; allow more with `follow_redirects: 5`, or expect the 3xx itself.";
    TransportOrigin = "transport::origin", "a URL from a response that leads to a foreign origin",
        "A URL that came out of a response goes only to `allow_origins`: by default the origins of `base_url`, of the environment's URLs and of URLs literal in the plan. Link-local and metadata addresses are always refused. An example is a captured link to another host.\n\nRepair: if the host is meant, add its origin to `allow_origins` of the environment.";
    TransportOther = "transport::other", "the exchange could not be carried out",
        "None of the other transport codes fits. The message holds what was seen, word for word.\n\nRepair: try the `curl` line that is shown with it.";
    // run
    AssertionFailed = "step::assertion", "an assertion does not hold",
        "    - GET: /health\n      expect: {status: 404}\n\nThe step was carried out and the answer is not as expected. The message shows the assertion's own line, the place in the response, what was expected and what was there.\n\nRepair: decide who is right. If the plan is, the message is what the other team needs: it holds the request as a `curl` line.";
    CaptureFailed = "step::capture", "a capture found nothing",
        "    - GET: /version\n      capture: {id: $.experiment.id}\n\nThe value that the capture should take is not in the response. The message says how far the path got and which names are there.\n\nRepair: correct the path, or give a `default`.";
    RoutesDiffer = "step::routes-differ", "one request by two routes, and two answers",
        "    - GET: /health\n      routes: {direct: \"${{ env.direct_url }}\", proxy: \"${{ env.url }}\"}\n      expect: {routes: equal}\n\nEach route gave the answer that is expected of it alone, and the answers are not equal. The table names each place with what either route gave; what differs between two answers of the first route is not counted.\n\nRepair: look at what lies between the two. What may differ is named: `routes: {equal: true, ignore: [headers.server, $.request_id]}`.";
    BudgetExceeded = "step::budget", "slower than its budget",
        "    - GET: /health\n      budget: 1us\n\nThe step took longer than its budget. The message names the phase that ate the time: `wait` is the server, `connect` the line, `receive` the size.\n\nRepair: find out what that phase waited for, or raise the budget.";
    NoToken = "step::no-token", "a token endpoint gave no token",
        "    - GET: /models\n      auth:\n        oauth2: {token_url: \"${{ env.url }}/token\", client_id: planrun}\n\n`oauth2` asks the token endpoint with the credentials of the client (RFC 6749, section 4.4), once for each client and scope of a run. It refused, could not be reached, or answered without an `access_token`. What was asked and answered is shown with the step.\n\nRepair: look at what the endpoint says: `invalid_client` is a wrong id or secret, `invalid_scope` a scope that the client may not have.";
    SavedSecret = "step::saved-secret", "a file that was saved holds a secret",
        "    - GET: /keys\n      save: keys.json\n\nWhat `save` keeps is the body as it came: nothing in it is masked. This one holds a secret. The file can be read by its owner alone.\n\nRepair: delete the file when it is no longer needed, and do not publish the run's folder with it.";
    TemplateFailed = "step::template", "a template could not be evaluated",
        "    - id: health\n      GET: /api/2.0/mlflow/experiments/search?max_results=1\n      auth: none\n      expect: {status: 401, $.detail: {present: true}}\n    - GET: /${{ steps.health.json.experiments }}\n\nThe expression is well-formed, but the data of this run did not fit: a field that is not there, a text where a number is wanted.\n\nRepair: compare the expression with the response; the message says which names are there.";
    DuplicateKeyInResponse = "step::duplicate-key", "a key stands twice in the response",
        "JSON allows `{\"id\": 1, \"id\": 2}`, and readers differ in which one counts. planrun takes the last, as most do, and says so: another client may see another value.\n\nRepair: tell the server's team.";
    DeadlineExceeded = "step::deadline", "the deadline ended it",
        "    - GET: /health\n      poll: {every: 50ms, for: 10s}\n      expect: {status: 404, text: {contains: gone}}\n      deadline: 200ms\n\nAll attempts together took longer than `deadline`, or the plan's or the run's deadline came first.\n\nRepair: raise the deadline, or lower `retry` and `poll` so that they fit into it.";
    ValueRefused = "step::value-refused", "a value that cannot be sent safely",
        "    - GET: /health\n      headers: {X-Note: \"${{ steps.earlier.text }}\"}\n\nA value with a line break in a header, a cookie or at the start of a URL would inject text into the request; so it is not sent.\n\nRepair: capture less of the response (`regex`, `apply: [trim]`), or send it in the body.";
    NonePassed = "step::none-passed", "no step of `first_of` passed",
        "    - first_of:\n        - GET: /v2/models\n        - GET: /v1/models\n\nThe steps of `first_of` are tried in their order, and the first that passes is the result. None of them did; each is listed with what was wrong with it.\n\nRepair: look at the way that should have passed, or add the one that is meant.";
    ExportMissing = "step::export", "an included plan passed without making what is taken from it",
        "    - include: guest.yaml\n      export: [token]\n\nThe step of the included plan that captures the name was skipped, or a `default` of it left nothing. So there is no value for the steps behind.\n\nRepair: make it in every way in which the included plan may pass, or do not take it.";
    PollRanOut = "step::poll", "what was waited for did not come",
        "    - GET: /health\n      poll: {every: 50ms, for: 10s, times: 2}\n      expect: {text: {contains: gone}}\n\nThe expectation of a `poll` did not hold within its time or attempts, or `give_up` or a 401 or 403 ended it. The last attempt is shown.\n\nRepair: see what the last response says; wait longer with `for`, or expect something else.";
    // contracts
    ContractBadDocument = "contract::bad-document", "an OpenAPI document that cannot be used",
        "A file that `contracts` names is no OpenAPI document, cannot be read as JSON or YAML, or refers to something that is not there. planrun reads Swagger 2.0, OpenAPI 3.0 and 3.1, with references to other files of the project; addresses are never opened.\n\nRepair: correct the marked place of the document. What it takes from the web, save beside it, and refer to it by its path.";
    ContractUnbound = "contract::unbound", "a step about a contract that belongs to none",
        "    plan: Example\n    contracts: {shop: {spec: shop.openapi.yaml, base: \"http://127.0.0.1:1\"}}\n    steps:\n      - GET: http://127.0.0.1:2/elsewhere\n        expect: {contract: true}\n\nThe step says something about a contract, and its URL lies under the `base` of none, so nothing would be compared.\n\nRepair: correct the URL or the `base`, or delete the line about the contract.";
    ContractUnknownPath = "contract::unknown-path", "a path that the document does not have",
        "    - GET: /itms\n\nThe URL lies under the base of a contract, and no path of its document fits, templates included. Either the plan has a slip, or the document lacks the operation.\n\nRepair: use the suggested path, or add it to the document.";
    ContractUnknownMethod = "contract::unknown-method", "a method that the document does not have for the path",
        "    - DELETE: /items\n\nThe document knows the path, and not with this method. The help lists its methods.\n\nRepair: use one of them, or add the operation to the document.";
    ContractMissingParam = "contract::missing-param", "a required parameter is not sent",
        "    - GET: /items\n\nThe document says `required: true` of a parameter of the query, a header or a cookie, and the step sends none of that name.\n\nRepair: send it. Where it is left out on purpose, say so: `violates_contract: reason`.";
    ContractMissingBody = "contract::missing-body", "a required body is not sent",
        "    - POST: /items\n\nThe document says that the operation needs a body, and the step sends none.\n\nRepair: add the body that the help shows, or say why not: `violates_contract: reason`.";
    ContractMissingField = "contract::missing-field", "a required field of the body is not sent",
        "    - POST: /items\n      json: {price: 3}\n\nThe document lists the field as required, whichever of its alternatives holds, and the body does not have it. Fields that are only read are left aside.\n\nRepair: add the field, or say why not: `violates_contract: reason`.";
    ContractUnknownField = "contract::unknown-field", "something is sent, or came, that is not documented",
        "    - POST: /items\n      json: {name: Lamp, colour: red}\n\nThe document does not name the field, the parameter or the body. Many servers ignore what they do not know, so that a misspelling passes unnoticed. Where the document says `additionalProperties: true`, anything is documented. For a response under `expect: {contract: true}` it is a warning.\n\nRepair: use the suggested name, or add it to the document.";
    ContractBadValue = "contract::bad-value", "a value that the document does not allow",
        "    - POST: /items\n      json: {name: Lamp, price: free}\n\nThe value, or the kind of content, is not as the schema of the document says. Only what is known before the run is judged: literal values, and those of variables.\n\nRepair: correct the value, or say why it is wrong on purpose: `violates_contract: reason`.";
    ContractAuthMismatch = "contract::auth-mismatch", "a secret goes where the document wants none",
        "    plan: Example\n    contracts: {shop: {spec: shop.openapi.yaml, base: \"${{ env.url }}\"}}\n    secrets: {api_key: {}}\n    defaults: {base_url: \"${{ env.url }}\"}\n    steps:\n      - POST: /items\n        auth: {bearer: \"${{ secrets.api_key }}\"}\n        json: {name: Lamp}\n\nplanrun knows where each secret is sent. The document has no security scheme and no parameter for that place, so the server most likely ignores it.\n\nRepair: send it where the help says, or let the document declare it under `security`.";
    ContractMissingCredential = "contract::missing-credential", "the document wants a credential that is not sent there",
        "    plan: Example\n    contracts: {shop: {spec: shop.openapi.yaml, base: \"${{ env.url }}\"}}\n    secrets: {api_key: {}}\n    defaults: {base_url: \"${{ env.url }}\"}\n    steps:\n      - POST: /keys/validate\n        auth: {bearer: \"${{ secrets.api_key }}\"}\n        json: {}\n\nThe document wants a key, a token or a password in one place, by a security scheme or as a required field or parameter of such a name, and the step sends none there. A key that goes into another place is the classic broken contract: the server answers 401 or 422, and the key looks wrong.\n\nRepair: send the secret in the place that the message names.";
    ContractUndocumentedStatus = "contract::undocumented-status", "a status that the document does not have",
        "    - GET: /items?limit=3\n      expect: {status: 202}\n\nThe operation documents neither this status nor its class (`4XX`) nor a `default`.\n\nRepair: correct the status, or add the response to the document.";
    ContractNoSuchField = "contract::no-such-field", "a path into the response that leads to nothing documented",
        "    - GET: /items?limit=3\n      expect: {\"$[0].nme\": {present: true}}\n\nNo schema of the responses that the step accepts has the field, in none of their alternatives, and none of them is open. Filters, `*` and `..` are judged up to where they begin.\n\nRepair: use the suggested name, or add the field to the document.";
    ContractImpossibleAssertion = "contract::impossible-assertion", "an assertion that no documented response fulfils",
        "    - GET: /items?limit=3\n      expect: {\"$[0].price\": cheap}\n\nWhat is expected is not of the type, or not among the values, that the schema allows there: a server that keeps its contract always fails it.\n\nRepair: correct the expected value, or the document.";
    ContractNotViolating = "contract::not-violating", "a step that says it violates the contract, and does not",
        "    - GET: /items?limit=3\n      violates_contract: the limit is missing\n\nThe request is as the document wants it, so the step does not test what it says.\n\nRepair: delete `violates_contract`, or break what it speaks of.";
    ContractExpiredIgnore = "contract::expired-ignore", "an exception from a contract whose time is over",
        "    plan: Example\n    contracts:\n      shop:\n        spec: shop.openapi.yaml\n        base: ${{ env.url }}\n        ignore:\n          - operation: GET /items\n            code: missing-param\n            reason: it lags behind\n            until: 2020-01-01\n    steps:\n      - GET: ${{ env.url }}/items?limit=3\n\nAn entry of `ignore` holds up to the day that it names, so that an exception is not forgotten. After that day it leaves nothing out.\n\nRepair: mend what it left out and delete the entry, or give it a new date.";
    ContractUnusedIgnore = "contract::unused-ignore", "an exception from a contract that means no operation",
        "    plan: Example\n    contracts:\n      shop:\n        spec: shop.openapi.yaml\n        base: ${{ env.url }}\n        ignore:\n          - operation: GET /itms\n            code: missing-param\n            reason: it lags behind\n            until: 2099-01-01\n    steps:\n      - GET: ${{ env.url }}/items?limit=3\n\nThe document has no operation of this name, so the entry leaves nothing out.\n\nRepair: write it as `GET /path`, or use its `operationId`.";
    UnknownTap = "plan::unknown-tap", "a tap that the environment does not have",
        "    - GET: /models\n      expect: {hops: {auht: {count: 1}}}\n\nWhat is expected of a hop between services is seen by a tap of the environment (`taps:`), and this environment has none of that name. Without one nothing would be looked at.\n\nRepair: use the suggested name, define the tap in the environment, or choose an environment that has it (`-e NAME`).";
    TapFailed = "tap::failed", "a tap could not be set up",
        "The environment asks for a tap (`taps:`), a proxy that records what the system under test sends to a dependency. Its address is taken by something else, or what it is to forward to is no URL. An example is `listen: 127.0.0.1:9100` while another run listens there. No request was sent.\n\nRepair: end what listens on that address, give the tap another one, or leave `listen` out: then a free port is taken, and `${{ taps.NAME.url }}` tells it.";
    ServiceFailed = "service::failed", "a service of the environment failed",
        "The environment asks for a service (`services:`), and it did not start, did not become ready in time, ended during the run, or something else answers in its place. An example is a port that is taken. The last lines that it printed are shown, masked.\n\nRepair: what the message says of it. Start the command by hand, in the folder of the environment file, to see the rest.";
    UnknownRequirement = "requirement::unknown", "a plan covers what is no requirement",
        "A plan or a step names an id in `covers` that does not stand in the project's checklist (`requirements:` of the project file, `--requirements` of `check`). An example is `covers: [5f]` where the last item is 5e. Its pass would be evidence for nothing, and nobody would miss it.\n\nRepair: use the suggested id, or write the requirement into the checklist.";
    UncoveredRequirement = "requirement::uncovered", "a requirement that no plan covers",
        "An item of the checklist stands in no `covers`, so no run can be evidence for it. An example is a new item for which nobody has written a step yet. This is looked for by `planrun check`, where the whole project is checked.\n\nRepair: name it in the `covers` of the step that shows it. If no plan can show it, say so in the checklist: `(no plan: the reason)` at the end of the item, or a cell of its row that begins with `No plan`.";
    DuplicateRequirement = "requirement::duplicate", "a requirement that stands twice",
        "Two items of a checklist have one id: nobody could tell which of them a pass is evidence for. An item begins with its id; an example is `- 5a authentication time is measured`.\n\nRepair: give one of the two marked items another id.";
    EmptyChecklist = "requirement::none", "a checklist without requirements",
        "A requirement is an item of a list or a row of a table that begins with its id: letters, digits, `.`, `-` and `_`, with a digit among them. An example is `- 5a authentication time is measured`, or the row `| 5a | authentication time is measured |`. The file has none of them.\n\nRepair: name another file, or begin the items with their ids.";
    BadFilter = "command::filter", "a filter of the command line that does not parse",
        "`-E` takes predicates, joined by `and` (`&`), `or` (`|`), `not` (`!`) and `-` (but not), with brackets: `-E 'tag(smoke) and not step(/upload/)'`. There is plan(), step(), tag(), id(), covers(), path(), all() and none(). What stands in the brackets is looked for anywhere in the name of a plan or step, and is a whole word or glob for the others; `=word` is the whole word, `~part` a part of it, `#w*rd` a glob, `/regex/` a regular expression.\n\nRepair: look at the marked place. Put the whole filter in single quotes, so that the shell leaves it alone.";
    ComparedWrite = "command::compared-write", "a comparison would write several times",
        "`planrun compare plans/ -e A -e B` carries the plans out on A, on B and on A once more. A request that may write, which is every method but GET, HEAD and OPTIONS, would be sent each time. On an environment that is `protected` a comparison never writes.\n\nRepair: compare only steps that read, selected by `-E`, `-t` or `--step`; where writing is meant, on environments that may be written to, say `--allow-writes`.";
    OutputFailed = "output::failed", "an output could not be written",
        "A report, the log or the stored run could not be written. The verdict of the run still stands on the terminal; the exit code is 7. Where it is the body that a step was to `save`, the step could not be carried out: errored, exit code 5. Examples are a full disk and a folder that is not yours.\n\nRepair: free the disk, or choose another place with `--out` or `--report NAME=PATH`.";
    NotNotified = "output::not-notified", "a webhook did not take the news of a run",
        "`--notify webhook=env:NAME` told a webhook how the run ended, and it could not be reached, did not answer within 10 seconds, or answered with another status than 2xx. The verdict and the exit code of the run are what they would be without it. The message names the host alone: the URL is a secret.\n\nRepair: look whether the URL in the variable is still valid, and whether this machine may reach the host, through a proxy where it needs one (`HTTPS_PROXY`).";
}

impl Code {
    /// Reads a printed code.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name)
            .ok_or_else(|| serde::de::Error::custom(format_args!("unknown code `{name}`")))
    }
}
