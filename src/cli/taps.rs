//! The taps of an environment: bound before its services start, so that those can be told where they
//! are, and told where to forward to once that is known.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::prepare::Prepared;
use super::world::Start;
use crate::check::{CheckedEnvironment, CheckedTap, TAP_FIELDS};
use crate::contract::{Document, Sent};
use crate::environment::Mode;
use crate::finding::{Code, Finding, nearest};
use crate::http::{Hub, Refuse, Tap, TapListener, TapWork};
use crate::project::{FileRoot, Suite};
use crate::run::{self, EnvironmentValues, PlanValues};
use crate::schedule::Job;
use crate::secret::Gate;
use crate::services::Purpose;

/// Taps that listen, and what is told of them.
pub(super) struct Bound {
    taps: Vec<(TapListener, Option<String>, Option<Refuse>)>,
    values: Value,
}

impl Bound {
    /// Binds the taps of an environment; where nothing is sent, only stand-ins are told.
    ///
    /// # Errors
    /// An address that cannot be listened on, a contract that nobody has: a located finding.
    pub(super) async fn bind(
        prepared: &Prepared,
        (index, jobs): (Option<usize>, &[Job]),
        how: Start<'_>,
    ) -> Result<Self, Box<Finding>> {
        let checked = index.and_then(|index| prepared.environments.get(index));
        let Some(checked) = checked.filter(|_| how.purpose == Purpose::Run) else {
            return Ok(Self { taps: Vec::new(), values: stand_ins(checked) });
        };
        let mut bound = Self { taps: Vec::new(), values: Value::Null };
        let mut values = Map::new();
        for tap in &checked.taps {
            let refuse = refuse(prepared, tap, (index, jobs), &how.context.gate)?;
            let address = tap.listen.as_ref().map(|listen| listen.value);
            let listener = TapListener::bind(&tap.name.value, address).await;
            let listener = listener.map_err(|error| Box::new(unbound(tap, &error)))?;
            let address = listener.address();
            let told = json!({ "url": format!("http://{address}"), "port": address.port() });
            values.insert(tap.name.value.clone(), told);
            let contract = tap.contract.as_ref().map(|contract| contract.value.clone());
            bound.taps.push((listener, contract, refuse));
        }
        bound.values = Value::Object(values);
        Ok(bound)
    }

    /// What templates see as `taps`.
    pub(super) fn values(&self) -> Value {
        self.values.clone()
    }

    /// Serves them.
    pub(super) fn serve(self, how: Start<'_>) -> Vec<Tap> {
        let hub: &Hub = &how.context.hub;
        if !self.taps.is_empty() {
            hub.expect_taps();
        }
        let serve =
            |(listener, contract, refuse): (TapListener, Option<String>, Option<Refuse>)| {
                let (hub, client) = (hub.clone(), how.context.client.clone());
                listener.serve(TapWork { hub, client, contract, refuse })
            };
        self.taps.into_iter().map(serve).collect()
    }
}

/// Tells taps where they forward to, over connections as the environment's `defaults` say; what keeps
/// them from that.
pub(super) fn forward(
    prepared: &Prepared,
    index: Option<usize>,
    (taps, environment): (&[Tap], &Arc<EnvironmentValues>),
    how: Start<'_>,
) -> Option<Finding> {
    let index = index.filter(|_| !taps.is_empty())?;
    let checked = prepared.environments.get(index)?;
    let loaded = prepared.suite.environments.get(index)?;
    let values = PlanValues {
        environment: Arc::clone(environment),
        given: BTreeMap::new(),
        path: String::new(),
        folder: loaded.root.clone(),
        folders: Arc::new(prepared.suite.folders()),
        files: Arc::new(FileRoot::new(&loaded.root, prepared.places().file_roots)),
        source: None,
        included: Arc::default(),
    };
    let dial = match run::tap_dial(&checked.dial, &values, how.context) {
        Ok(dial) => dial,
        Err(finding) => return Some(*finding),
    };
    for (name, url) in &environment.forwards {
        taps.iter().filter(|tap| tap.name() == name).for_each(|tap| {
            tap.forward_to(url.clone(), &dial);
        });
    }
    None
}

/// What stands for the values of taps that do not listen.
pub(super) fn stand_ins(environment: Option<&CheckedEnvironment>) -> Value {
    let mut values = Map::new();
    for tap in environment.iter().flat_map(|environment| &environment.taps) {
        let name = &tap.name.value;
        let field = |field: &str| {
            let place = format!("{{taps.{name}.{field}}}");
            let value = if field == "url" { format!("http://{place}") } else { place };
            (field.to_owned(), Value::from(value))
        };
        values.insert(name.clone(), TAP_FIELDS.map(field).into_iter().collect());
    }
    Value::Object(values)
}

/// Taps whose contract none of the plans that run there has, nor their project: one that enforces it
/// cannot, and a name that nearly is one of theirs is a slip. Any other may be there for other plans.
pub(super) fn unknown_contracts(
    suite: &Suite,
    environments: &[CheckedEnvironment],
) -> Vec<Finding> {
    let included = suite.included.iter().flat_map(|loaded| &loaded.plan.contracts);
    let included: Vec<&str> = included.map(|one| one.name.value.as_str()).collect();
    let mut findings = Vec::new();
    for (index, checked) in environments.iter().enumerate() {
        let mut plans =
            suite.plans.iter().filter(|plan| plan.environment == Some(index)).peekable();
        if plans.peek().is_none() {
            continue;
        }
        let known: Vec<&str> = plans
            .flat_map(|loaded| {
                let project = loaded.project.and_then(|index| suite.projects.get(index));
                let of_project = project.iter().flat_map(|project| &project.contracts);
                loaded.plan.contracts.iter().chain(of_project.collect::<Vec<_>>())
            })
            .map(|one| one.name.value.as_str())
            .chain(included.iter().copied())
            .collect();
        for tap in &checked.taps {
            let named = tap.contract.as_ref();
            let Some(contract) = named.filter(|one| !known.contains(&one.value.as_str())) else {
                continue;
            };
            let near = nearest(&contract.value, known.iter().copied());
            let message = format!("no plan of this run has the contract `{}`", contract.value);
            let finding = match (tap.mode, near) {
                (Mode::Enforce, _) => Finding::error(Code::ContractUnbound, message)
                    .at(contract.place, "cannot be enforced"),
                (Mode::Observe, Some(_)) => Finding::warning(Code::ContractUnbound, message)
                    .at(contract.place, "nothing is held against it"),
                (Mode::Observe, None) => continue,
            };
            findings.push(finding.help(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "name its document under `contracts:` of a plan or of the project".to_owned()
                }
            }));
        }
    }
    findings
}

/// Why a tap does not listen.
fn unbound(tap: &CheckedTap, error: &io::Error) -> Finding {
    let name = &tap.name.value;
    let Some(listen) = &tap.listen else {
        return Finding::error(Code::TapFailed, format!("the tap `{name}` cannot listen: {error}"))
            .at(tap.name.place, "this tap");
    };
    let address = listen.value;
    if error.kind() == io::ErrorKind::AddrInUse {
        return Finding::error(
            Code::TapFailed,
            format!("the tap `{name}` cannot listen on {address}: something else does already"),
        )
        .at(listen.place, "this address is taken")
        .help(format!("see what it is: `ss -ltnp 'sport = :{}'`", address.port()))
        .help(format!(
            "or leave `listen` out: a free port is taken, and `${{{{ taps.{name}.url }}}}` tells it"
        ));
    }
    Finding::error(Code::TapFailed, format!("the tap `{name}` cannot listen on {address}: {error}"))
        .at(listen.place, "this address")
}

/// Why a tap that enforces its contract refuses a request.
fn refuse(
    prepared: &Prepared,
    tap: &CheckedTap,
    (index, jobs): (Option<usize>, &[Job]),
    gate: &Gate,
) -> Result<Option<Refuse>, Box<Finding>> {
    let (Mode::Enforce, Some(contract)) = (tap.mode, &tap.contract) else { return Ok(None) };
    let mut document: Option<Arc<Document>> = None;
    for job in jobs {
        let loaded = prepared.suite.plans.get(job.position);
        if loaded.is_none_or(|loaded| loaded.environment != index) {
            continue;
        }
        job.plan.each_plan(&mut |plan| {
            let mut contracts = plan.contracts().iter();
            let named = contracts.find(|known| known.name == contract.value);
            if document.is_none() {
                document = named.map(|known| Arc::clone(&known.document));
            }
        });
    }
    let Some(document) = document else {
        let message = format!("no plan of this run has the contract `{}`", contract.value);
        return Err(Box::new(
            Finding::error(Code::TapFailed, message)
                .at(contract.place, "cannot be enforced")
                .help("name its document under `contracts:` of a plan or of the project"),
        ));
    };
    let gate = gate.clone();
    Ok(Some(Arc::new(move |method, path, headers, body| {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let sent = Sent { method, paths: &[path], query, headers, body };
        let (_, breaches) = document.judge_sent(&sent, &|text| gate.names_in(text));
        let grave = breaches.into_iter().find(|breach| breach.code != Code::ContractUnknownField);
        grave.map(|breach| breach.message)
    })))
}
