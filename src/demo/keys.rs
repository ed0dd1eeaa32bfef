//! Everything random about one demo: its keys and its ids, drawn from one seed at the start.

use crate::units::hex;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

/// Characters of a key after its prefix.
const KEY_LENGTH: usize = 32;

/// The two keys of a demo, and a source of fresh ids.
pub(super) struct Keys {
    seed: [u8; 32],
    drawn: AtomicU64,
    live: String,
    expired: String,
}

impl Keys {
    /// Draws a seed from the operating system.
    pub(super) fn generate() -> io::Result<Self> {
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_| io::Error::other("the operating system gives no random bytes"))?;
        let mut keys =
            Self { seed, drawn: AtomicU64::new(0), live: String::new(), expired: String::new() };
        keys.live = keys.key();
        keys.expired = keys.key();
        Ok(keys)
    }

    pub(super) fn live(&self) -> &str {
        &self.live
    }

    pub(super) fn expired(&self) -> &str {
        &self.expired
    }

    /// 32 hexadecimal digits that no earlier call gave.
    pub(super) fn fresh_id(&self) -> String {
        let mut id = hex(&self.draw());
        id.truncate(32);
        id
    }

    /// A whole number below `limit`, for generated names.
    pub(super) fn fresh_number(&self, limit: u64) -> u64 {
        let [a, b, c, d, ..] = self.draw();
        u64::from(u32::from_be_bytes([a, b, c, d])) % limit.max(1)
    }

    fn key(&self) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let letters = self.draw().into_iter().map(|byte| {
            let place = usize::from(byte) % ALPHABET.len();
            char::from(ALPHABET.get(place).copied().unwrap_or(b'A'))
        });
        let letters: String = letters.take(KEY_LENGTH).collect();
        format!("hk_live_{letters}")
    }

    fn draw(&self) -> [u8; 32] {
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.seed);
        context.update(&count.to_be_bytes());
        let mut drawn = [0; 32];
        for (to, from) in drawn.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        drawn
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_shape_that_plans_ask_for_and_differ() {
        let keys = Keys::generate().expect("random bytes");
        for key in [keys.live(), keys.expired()] {
            let rest = key.strip_prefix("hk_live_").expect("the prefix of a live key");
            assert!(rest.len() >= 16 && rest.bytes().all(|b| b.is_ascii_alphanumeric()), "{rest}");
        }
        assert_ne!(keys.live(), keys.expired());
        assert_ne!(keys.live(), Keys::generate().expect("random bytes").live());
    }

    #[test]
    fn ids_are_fresh_and_keys_are_not_in_debug_output() {
        let keys = Keys::generate().expect("random bytes");
        assert_ne!(keys.fresh_id(), keys.fresh_id());
        assert!(!format!("{keys:?}").contains("hk_"));
    }
}
