//! The secret in every text of what a tap saw.

use std::time::Duration;

use super::{exchange, place, s};
use crate::finding::Code;
use crate::outcome::{TapBreach, TapContract, Tapped, Tie};

pub(super) fn tapped() -> Tapped {
    Tapped {
        tap: s(),
        tie: Tie::Trace,
        at: Duration::from_nanos(3),
        path: s(),
        exchange: Box::new(exchange()),
        contract: Some(TapContract {
            name: s(),
            operation: Some(s()),
            breaches: vec![TapBreach {
                code: Code::ContractMissingField,
                message: s(),
                at: s(),
                said: Some(place()),
                label: s(),
            }],
        }),
        refused: Some(s()),
        late: Some(s()),
    }
}
