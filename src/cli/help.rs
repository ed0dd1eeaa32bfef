//! What the command line says of itself: the first screen, examples, exit codes.

/// All that is needed every day, on one screen of 24 lines.
pub(super) const HELP: &str = "\
Runs API test plans written in YAML and points at the line that failed
Usage:  planrun [OPTIONS] PATH…     plan files, or folders with plans under them

  check PATH…   checks, sends nothing       list PATH…  lists plans and steps
  vars PLAN     values and their sources    curl PLAN   a request as a curl line
  doctor PATH…  is all well there?          report      the last run once more
  compare       runs, or environments       coverage    evidence by requirement
  bug-report    of the first failure        explain CODE  what a code means
  completions SHELL   man   schema KIND   demo                     help COMMAND

  -e, --env ENV            environment: environments/ENV.yaml near the plan
      --var NAME=VALUE     sets a variable, env.NAME=VALUE an environment's
      --secret NAME=@FILE  gives a secret; or NAME=env:VARIABLE
  -t, --tag TAG            only plans with this tag; '!TAG': without it
  -E, --filter FILTER      only such steps: 'tag(smoke) and not step(/upload/)'
      --step ID            only this step, with setup, cleanup and what it needs
      --last-failed        only what did not pass in the last run
  -j, --jobs N             plans at once (16)
      --report html=PATH   writes a report; also junit, markdown, github, json …
      --dry-run            shows what would be sent, sends nothing
  -v, -q                   shows every request and response, or only failures

Exit: 0 passed, 1 failed, 2 command line, 3 invalid, 4 nothing ran, 5 errored,
      6 over budget, 7 output, 124 deadline, 130 Ctrl-C";

/// The commands, for whoever misspells one.
pub(super) const COMMANDS: [&str; 16] = [
    "run",
    "check",
    "list",
    "vars",
    "doctor",
    "explain",
    "curl",
    "report",
    "compare",
    "bug-report",
    "coverage",
    "completions",
    "man",
    "schema",
    "demo",
    "help",
];

/// Commands of the language that this version does not have, with what there is instead.
pub(super) const NOT_BUILT: [(&str, &str); 1] =
    [("import", "the README shows how a plan is written, `planrun check` what is wrong with one")];

/// What a bare `planrun` says.
pub(super) const USAGE: &str = "\
planrun runs API test plans written in YAML and points at the line that failed

  planrun plans/                   runs every plan under a folder
  planrun plans/health.yaml -v     runs one and shows its requests and responses
  planrun check plans/             checks them, sends nothing
  planrun -h                       tells more

error: name a plan or a folder";

/// What `run` says beyond its options.
pub(super) const RUN_HELP: &str = "\
Examples:
  planrun plans/registration.yaml                 on the default environment
  planrun plans/ -e staging                       every plan under a folder
  planrun plans/registration.yaml --step create   one step, with what it needs
  planrun plans/ -t smoke --report json=run.json  plans and steps tagged smoke
  planrun plans/x.yaml --secret api_key=@key.txt --var env.url=http://localhost

Secrets come from --secret, PLANRUN_SECRET_name, the environment file, or a
variable of the process named like the secret in upper case (api_key → API_KEY);
`.env` at the project root is read.

Exit codes: 0 passed · 1 an assertion failed · 2 command line ·
3 invalid plan, nothing was sent · 4 nothing ran · 5 could not be carried out ·
6 only budgets · 7 an output could not be written · 124 run deadline ·
130 SIGINT · 143 SIGTERM";

/// How plans are checked.
pub(super) const CHECK_HELP: &str = "\
Examples:
  planrun check plans/                      on the default environment
  planrun check plans/ -e all               on each environment there is
  planrun check plans/ --strict             warnings are errors
  planrun check plans/ --format sarif > check.sarif

Exit codes: 0 nothing is wrong · 2 command line · 3 something is · 4 no plans";

/// What can be listed.
pub(super) const LIST_HELP: &str = "\
Examples:
  planrun list plans/                       plans, steps, ids, requirements
  planrun list plans/ -t smoke              what a selection comes to
  planrun list plans/ -E 'step(/upload/)' --format json";

/// What is told of values.
pub(super) const VARS_HELP: &str = "\
Examples:
  planrun vars plans/registration.yaml -e staging
  planrun vars plans/ --format json

Secrets are masked; what only the run can know is named, and nothing is sent.";

/// How a code is explained.
pub(super) const EXPLAIN_HELP: &str = "\
Examples:
  planrun explain plan::unknown-key    what it means, and how it is repaired
  planrun explain                      all codes";

/// How a request becomes a line.
pub(super) const CURL_HELP: &str = "\
Examples:
  planrun curl plans/registration.yaml --step create -e staging
  API_KEY=… bash -c \"$(planrun curl plans/registration.yaml --step create)\"

Nothing is sent. A secret is a variable of the shell: put it there first.";

/// What can be told again.
pub(super) const REPORT_HELP: &str = "\
Examples:
  planrun report                                  the last run, as it was told
  planrun report --report html=run.html           the same as a page
  planrun report 20260711-09 -v                   by its id, or how that begins
  planrun report previous --report junit=- -q     one run before

Exit codes: as those of the run · 2 there is no such run";

/// What `compare` takes.
pub(super) const COMPARE_HELP: &str = "\
Examples:
  planrun compare                        the last run with the one before it
  planrun compare 20260711-09 last       by id, or how it begins
  planrun compare old/ new/ --format markdown
  planrun compare plans/ -e staging -e production -E 'not step(/^create/)'

Exit codes: 0 nothing is worse, both environments answer alike ·
1 something is worse, or differs · 2 there is no such run ·
3 to 143 as those of a run that could not be compared";

/// What `bug-report` takes.
pub(super) const BUG_REPORT_HELP: &str = "\
Examples:
  planrun bug-report                      the first failure of the last run
  planrun bug-report -o bug.md
  planrun bug-report '#create'            a step by its id, its name or its number
  planrun bug-report 20260711-09#create   of another run: its folder, its id, or
                                          how that begins

Exit codes: 0 written · 2 there is no such run or step · 4 nothing failed there ·
7 the output could not be written";

/// How completions are installed.
pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  planrun completions bash > ~/.local/share/bash-completion/completions/planrun
  planrun completions zsh > ~/.zfunc/_planrun          with ~/.zfunc in $fpath
  planrun completions fish > ~/.config/fish/completions/planrun.fish
  planrun completions elvish >> ~/.config/elvish/rc.elv
  planrun completions powershell >> $PROFILE";

/// How the manual is read and kept.
pub(super) const MAN_HELP: &str = "\
Examples:
  planrun man | man -l -               planrun as a whole
  planrun man run | man -l -           one command
  planrun man > ~/.local/share/man/man1/planrun.1";

/// What the doctor does, and how it ends.
pub(super) const DOCTOR_HELP: &str = "\
Examples:
  planrun doctor                          the plans of plans/
  planrun doctor plans/ -e staging
  planrun doctor plans/registration.yaml --step create --format json

Of each place that the plans ask: the name, the connection, TLS (issuer, names,
days), HTTP (who answers), the clock. Of each plan the first step that shows a
key and only reads is carried out. Nothing but GET, HEAD and OPTIONS is sent,
unless a step is named.

Exit codes: 0 all is well · 1 a key is refused · 2 command line ·
3 a plan is invalid, a secret is missing or malformed · 4 no plan ·
5 a layer fails";

/// How a schema is used.
pub(super) const SCHEMA_HELP: &str = "\
Examples:
  planrun schema plan > schemas/plan.schema.json
  planrun schema environment > schemas/environment.schema.json

The first line of a plan tells an editor with the YAML language server where the
schema is:
  # yaml-language-server: $schema=../schemas/plan.schema.json";

/// How the registry is served.
#[cfg(feature = "demo")]
pub(super) const DEMO_HELP: &str = "\
Examples:
  planrun demo                          its addresses and keys, until Ctrl-C
  planrun demo --fault wrong-service    every key is refused
  planrun demo --format json            for a script that starts it";

/// What `coverage` means.
pub(super) const COVERAGE_HELP: &str = "\
Examples:
  planrun coverage --requirements checklist.md          the last run
  planrun coverage --requirements checklist.md a/ b/    several runs together
  planrun coverage --requirements checklist.md -o evidence.md
  planrun coverage --contracts --ratchet contracts.ratchet.json

Only passed is evidence. What a plan `covers` is evidenced by a pass of the whole
plan, what a step covers by its own. Of several runs the last one of a step
counts, unless it was skipped there.

Of each operation of a contract: called, validated (`contract: true`), asserted
(more is said of its response). Only what was carried out counts. The ratchet
file takes what is covered now, and what it holds may not be lost again.

Exit codes: 0 nothing that covers a requirement failed, nothing was lost ·
1 something did, or less is covered than the ratchet holds ·
2 no such run or file · 3 the checklist is invalid · 7 output";
