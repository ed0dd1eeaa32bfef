//! Bytes that follow from a number: the same number gives the same bytes, on every machine.

use std::io::{self, Read};

/// Reads the words of `SplitMix64` (Steele, Lea and Flood, 2014), each as eight bytes, the lowest
/// first.
#[derive(Debug)]
pub(super) struct Generated {
    seed: u64,
    at: u64,
    size: u64,
}

/// The odd number nearest to 2⁶⁴ divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Generated {
    pub(super) fn new(seed: u64, size: u64) -> Self {
        Self { seed, at: 0, size }
    }

    fn word(&self, number: u64) -> [u8; 8] {
        word(self.seed, number).to_le_bytes()
    }
}

/// The word of this number, from 0, that follows from a seed. Under one seed no two are the same.
pub(super) fn word(seed: u64, number: u64) -> u64 {
    let state = seed.wrapping_add(GAMMA.wrapping_mul(number.wrapping_add(1)));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Read for Generated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let length = left.min(into.len());
        let (into, _) = into.split_at_mut(length);
        // A read may begin within a word.
        let within = usize::try_from(self.at % 8).unwrap_or_default();
        let head = if within == 0 { 0 } else { (8 - within).min(length) };
        let (head, rest) = into.split_at_mut(head);
        let number = self.at / 8;
        for (to, from) in head.iter_mut().zip(self.word(number).into_iter().skip(within)) {
            *to = from;
        }
        let first = number + u64::from(within > 0);
        // Whole words at once: also without optimisation a gigabyte takes seconds.
        let mut words = rest.chunks_exact_mut(8);
        let mut number = first;
        for to in words.by_ref() {
            to.copy_from_slice(&self.word(number));
            number = number.wrapping_add(1);
        }
        for (to, from) in words.into_remainder().iter_mut().zip(self.word(number)) {
            *to = from;
        }
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut from: Generated, at_once: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut piece = vec![0; at_once];
        loop {
            match from.read(&mut piece).expect("it cannot fail") {
                0 => return bytes,
                length => bytes.extend_from_slice(&piece[..length]),
            }
        }
    }

    #[test]
    fn the_words_are_those_of_the_paper() {
        // The first two outputs for the seed 1234567, as other implementations give them.
        let bytes = all(Generated::new(1_234_567, 16), 16);
        let words: Vec<u64> = bytes
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
            .collect();
        assert_eq!(words, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn how_much_is_read_at_once_does_not_matter() {
        let whole = all(Generated::new(7, 1001), 4096);
        assert_eq!(whole.len(), 1001);
        for at_once in [1, 3, 8, 13, 1000] {
            assert_eq!(all(Generated::new(7, 1001), at_once), whole, "{at_once}");
        }
        assert_ne!(all(Generated::new(8, 1001), 4096), whole);
    }
}
