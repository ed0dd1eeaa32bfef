//! How long a step waits before it is tried again.

use std::time::Duration;

use super::render::LONGEST;
use crate::plan::Backoff;

/// What `retry` says of its pauses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    pub(super) delay: Duration,
    pub(super) max_delay: Duration,
    /// Whether each pause is twice the one before.
    pub(super) backoff: Backoff,
}

impl Pauses {
    /// The pause after an attempt, from 1. `jitter` shortens what the plan asks for, never what the
    /// server does with `Retry-After`; neither goes beyond `max_delay`.
    pub(super) fn after(
        self,
        attempt: u32,
        jitter: Option<f64>,
        retry_after: Option<Duration>,
    ) -> Duration {
        let Self { delay, max_delay, backoff } = self;
        let factor = match backoff {
            Backoff::Fixed => 1,
            Backoff::Exponential => 2_u32.saturating_pow(attempt.saturating_sub(1)),
        };
        let own = delay.saturating_mul(factor).min(max_delay).min(LONGEST);
        let own = jitter.map_or(own, |factor| own.mul_f64(factor));
        let asked = retry_after.unwrap_or_default().min(max_delay).min(LONGEST);
        own.max(asked)
    }
}

/// A factor from a half up to one that depends on the text alone.
pub(super) fn jitter(text: &str) -> f64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let byte = digest.as_ref().first().copied().unwrap_or(0);
    0.5 + f64::from(byte) / 512.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn pauses(backoff: Backoff, max_delay: u64) -> Pauses {
        Pauses { delay: MS(100), max_delay: MS(max_delay), backoff }
    }

    fn first_five(pauses: Pauses) -> Vec<Duration> {
        (1..=5).map(|attempt| pauses.after(attempt, None, None)).collect()
    }

    #[test]
    fn fixed_pauses_stay_and_exponential_ones_double_up_to_the_longest() {
        assert_eq!(first_five(pauses(Backoff::Fixed, 30_000)), [MS(100); 5]);
        assert_eq!(first_five(pauses(Backoff::Fixed, 40)), [MS(40); 5]);
        let doubled = [100, 200, 400, 800, 1600].map(MS);
        assert_eq!(first_five(pauses(Backoff::Exponential, 30_000)), doubled);
        assert_eq!(
            first_five(pauses(Backoff::Exponential, 500)),
            [100, 200, 400, 500, 500].map(MS)
        );
        // Nothing overflows, however long it goes on.
        assert_eq!(pauses(Backoff::Exponential, 30_000).after(u32::MAX, None, None), MS(30_000));
        let endless = Pauses {
            delay: Duration::MAX,
            max_delay: Duration::MAX,
            backoff: Backoff::Exponential,
        };
        assert_eq!(endless.after(40, Some(1.0), Some(Duration::MAX)), LONGEST);
    }

    #[test]
    fn the_server_may_ask_for_more_and_not_for_less() {
        let fixed = pauses(Backoff::Fixed, 1000);
        assert_eq!(fixed.after(1, None, Some(MS(700))), MS(700));
        assert_eq!(fixed.after(1, None, Some(MS(20))), MS(100));
        assert_eq!(fixed.after(1, None, Some(MS(60_000))), MS(1000), "up to `max_delay`");
        assert_eq!(fixed.after(1, Some(0.5), Some(MS(700))), MS(700), "no jitter on that");
    }

    #[test]
    fn jitter_shortens_a_pause_to_its_half_at_most_and_follows_the_seed() {
        let fixed = pauses(Backoff::Fixed, 1000);
        assert_eq!(fixed.after(1, Some(0.5), None), MS(50));
        let factors: Vec<f64> = (0..200).map(|n| jitter(&format!("seed {n}"))).collect();
        assert!(factors.iter().all(|factor| (0.5..1.0).contains(factor)), "{factors:?}");
        assert!(factors.iter().any(|factor| *factor < 0.6));
        assert!(factors.iter().any(|factor| *factor > 0.9));
        let again = jitter("seed 7");
        assert!(factors.get(7).is_some_and(|factor| factor.to_bits() == again.to_bits()));
    }
}
