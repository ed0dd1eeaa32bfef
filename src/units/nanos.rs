//! Durations on the wire: whole nanoseconds, as a number. For serde's `with`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Writes whole nanoseconds; more than 584 years are clamped.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(whole(*duration))
}

/// Reads whole nanoseconds.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_nanos(u64::deserialize(deserializer)?))
}

fn whole(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A duration that may be absent.
pub mod option {
    use super::{Deserialize, Deserializer, Duration, Serializer, whole};

    /// Writes whole nanoseconds, or nothing.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_u64(whole(*duration)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads whole nanoseconds, or nothing.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_nanos))
    }
}

/// Something with the duration that it took, or nothing.
pub mod share {
    use serde::Serialize;

    use super::{Deserialize, Deserializer, Duration, Serializer, whole};

    /// Writes a pair, or nothing.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(
        share: &Option<(T, Duration)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        share.as_ref().map(|(what, duration)| (what, whole(*duration))).serialize(serializer)
    }

    /// Reads a pair, or nothing.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<(T, Duration)>, D::Error> {
        let share = Option::<(T, u64)>::deserialize(deserializer)?;
        Ok(share.map(|(what, nanos)| (what, Duration::from_nanos(nanos))))
    }
}
