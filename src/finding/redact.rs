//! What of a finding goes through the gate: its words, never its places.

use super::{Finding, Label};
use crate::secret::{Gate, Redact};

impl Redact for Finding {
    fn redact(&mut self, gate: &Gate) {
        let Self { code: _, severity: _, message, labels, help } = self;
        message.redact(gate);
        labels.redact(gate);
        help.redact(gate);
    }
}

impl Redact for Label {
    fn redact(&mut self, gate: &Gate) {
        let Self { place: _, text } = self;
        text.redact(gate);
    }
}
