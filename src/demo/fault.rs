//! The ways in which the demo can be sick, by the names that a user writes.

use std::fmt;
use std::str::FromStr;

/// What is wrong with the demo. Each but `Race` answers with one and the same 401 of the proxy;
/// the direct call to the auth service tells them apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The proxy sends the key as a header, where the auth service wants it in the body.
    BrokenContract,
    /// The same, and the proxy's 401 quotes what the auth service said.
    BrokenContractVerbose,
    /// The proxy asks for `ml-platform`; the key belongs to `platform`.
    WrongService,
    /// `/api…` of the auth host is answered by the registry's own API.
    Misrouted,
    /// The duplicate check of a registration is not atomic.
    Race,
}

impl Fault {
    /// Every fault, for help texts and suggestions.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::BrokenContract,
        Self::BrokenContractVerbose,
        Self::WrongService,
        Self::Misrouted,
        Self::Race,
    ];

    /// The name that a user writes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BrokenContract => "broken-contract",
            Self::BrokenContractVerbose => "broken-contract-verbose",
            Self::WrongService => "wrong-service",
            Self::Misrouted => "misrouted",
            Self::Race => "race",
        }
    }

    /// The service for which the proxy asks.
    pub(super) const fn service_id(self) -> &'static str {
        match self {
            Self::WrongService => "ml-platform",
            Self::None
            | Self::BrokenContract
            | Self::BrokenContractVerbose
            | Self::Misrouted
            | Self::Race => "platform",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL
            .into_iter()
            .find(|fault| fault.name() == name)
            .ok_or_else(|| UnknownFault { name: name.to_owned() })
    }
}

/// A name that no fault has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFault {
    /// What was written.
    pub name: String,
}

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Fault::ALL.map(Fault::name).join(", ");
        write!(f, "unknown fault `{}`: one of {names}", self.name)
    }
}

impl std::error::Error for UnknownFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_back_from_its_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    #[test]
    fn an_unknown_fault_is_named_with_those_that_exist() {
        let told = "broken".parse::<Fault>().expect_err("no such fault").to_string();
        assert!(told.contains("`broken`") && told.contains("wrong-service"), "{told}");
    }
}
