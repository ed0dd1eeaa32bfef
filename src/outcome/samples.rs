//! Many samples of one step, counted: what they were together, and what was due of that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Assertion, Phase, Phases};
use crate::units::nanos;

/// What the samples of a step were together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SampleCounts {
    /// How many ended with everything as expected, but perhaps over a budget.
    pub passed: u32,
    /// How many were carried out and were not as expected.
    pub failed: u32,
    /// How many could not be carried out.
    pub errored: u32,
    /// How many were cut short.
    pub cancelled: u32,
}

impl SampleCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        let Self { passed, failed, errored, cancelled } = self;
        passed.saturating_add(*failed).saturating_add(*errored).saturating_add(*cancelled)
    }
}

/// How long the samples took, each in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleTimes {
    /// The shortest.
    #[serde(with = "nanos")]
    pub min: Duration,
    /// Half took no longer (nearest rank).
    #[serde(with = "nanos")]
    pub p50: Duration,
    /// 95 % took no longer (nearest rank).
    #[serde(with = "nanos")]
    pub p95: Duration,
    /// The longest.
    #[serde(with = "nanos")]
    pub max: Duration,
    /// The arithmetic mean.
    #[serde(with = "nanos")]
    pub mean: Duration,
}

impl SampleTimes {
    /// What times were together; nothing without any. Sorts them.
    #[must_use]
    pub fn of(times: &mut [u64]) -> Option<Self> {
        times.sort_unstable();
        let (first, last) = (*times.first()?, *times.last()?);
        let rank = |percent: usize| {
            // Nearest rank: the smallest value that so many are not above.
            let index = (times.len() * percent).div_ceil(100).max(1) - 1;
            Duration::from_nanos(times.get(index).copied().unwrap_or(last))
        };
        let sum: u128 = times.iter().map(|time| u128::from(*time)).sum();
        let mean = sum / u128::try_from(times.len()).unwrap_or(1);
        Some(Self {
            min: Duration::from_nanos(first),
            p50: rank(50),
            p95: rank(95),
            max: Duration::from_nanos(last),
            mean: Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)),
        })
    }
}

/// How close together the requests of `start: together` were let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many requests the widest wave had.
    pub requests: u32,
    /// From its first to its last, in nanoseconds.
    #[serde(with = "nanos")]
    pub within: Duration,
    /// How many waves there were.
    pub waves: u32,
}

/// How many different values a path gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistinctCount {
    /// The path.
    pub path: String,
    /// How many different values.
    pub values: u32,
    /// In how many samples the path exists.
    pub present: u32,
}

/// The samples of a step, together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SamplesResult {
    /// How they ended.
    pub counts: SampleCounts,
    /// How many came before them and do not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub warmup: u32,
    /// How many ended in which outcome of `one_of`; the empty name stands for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<(String, u32)>,
    /// How many got which status, by status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<(u16, u32)>,
    /// How many different values paths gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distinct: Vec<DistinctCount>,
    /// How close together they were let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// How long they took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<SampleTimes>,
    /// What was due of all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<Assertion>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Some samples as columns, in the order in which they ended.
///
/// `number` and `at` hold differences, each to the one before; the first stands whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SampleColumns {
    /// The number of the sample, from 1.
    pub number: Vec<i64>,
    /// When it began, since the run's start, in nanoseconds.
    pub at: Vec<i64>,
    /// How long it took as a whole, in nanoseconds.
    pub took: Vec<u64>,
    /// From the request sent to the first byte, in nanoseconds.
    pub wait: Vec<Option<u64>>,
    /// The time of making the connection, in nanoseconds; nothing where one was kept.
    pub connect: Vec<Option<u64>>,
    /// The status; 0 where nothing came back.
    pub status: Vec<u16>,
    /// The position of the outcome in [`outcomes`](Self::outcomes), from 0.
    pub outcome: Vec<Option<u16>>,
    /// A letter for each: `p`assed, `f`ailed, `e`rrored, `c`ancelled.
    pub verdict: String,
    /// Whether a kept connection was used: a digit for each, `0` or `1`.
    pub reused: String,
    /// The names of the outcomes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<String>,
}

/// Number and time of the sample that was added before: what the next one's differences are to.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampleBefore(i64, i64);

/// One sample of [`SampleColumns`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRow {
    /// Its number, from 1.
    pub number: u32,
    /// When it began, since the run's start.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// Its phases, as far as they are columns.
    pub phases: (Option<Duration>, Option<Duration>),
    /// The status; 0 where nothing came back.
    pub status: u16,
    /// The outcome.
    pub outcome: Option<String>,
    /// `p`, `f`, `e`, `c`.
    pub verdict: char,
    /// Whether a kept connection was used.
    pub reused: bool,
}

impl SampleColumns {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.took.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.took.is_empty()
    }

    /// Adds one more; `before` is that of these columns, and at first the default.
    pub fn push(&mut self, row: SampleRow, phases: &Phases, before: &mut SampleBefore) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (number, at) = (i64::from(row.number), signed(nanos(row.at)));
        self.number.push(number - before.0);
        self.at.push(at - before.1);
        *before = SampleBefore(number, at);
        self.took.push(nanos(row.took));
        self.wait.push(phases.get(Phase::Wait).map(nanos));
        self.connect.push(phases.get(Phase::Connect).map(nanos));
        self.status.push(row.status);
        self.verdict.push(row.verdict);
        self.reused.push(if row.reused { '1' } else { '0' });
        let position = row.outcome.map(|name| {
            let known = self.outcomes.iter().position(|known| *known == name);
            known.unwrap_or_else(|| {
                self.outcomes.push(name);
                self.outcomes.len() - 1
            })
        });
        self.outcome.push(position.and_then(|position| u16::try_from(position).ok()));
    }

    /// The samples, differences undone.
    #[must_use]
    pub fn rows(&self) -> Vec<SampleRow> {
        let (mut number, mut at) = (0_i64, 0_i64);
        let mut verdicts = self.verdict.chars();
        let mut reused = self.reused.chars();
        (0..self.len())
            .map(|index| {
                number += self.number.get(index).copied().unwrap_or(0);
                at += self.at.get(index).copied().unwrap_or(0);
                let nanos = |column: &[Option<u64>]| {
                    column.get(index).copied().flatten().map(Duration::from_nanos)
                };
                let outcome = self.outcome.get(index).copied().flatten();
                SampleRow {
                    number: u32::try_from(number).unwrap_or(0),
                    at: Duration::from_nanos(u64::try_from(at).unwrap_or(0)),
                    took: Duration::from_nanos(self.took.get(index).copied().unwrap_or(0)),
                    phases: (nanos(&self.wait), nanos(&self.connect)),
                    status: self.status.get(index).copied().unwrap_or(0),
                    outcome: outcome.and_then(|at| self.outcomes.get(usize::from(at)).cloned()),
                    verdict: verdicts.next().unwrap_or('c'),
                    reused: reused.next() == Some('1'),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut times: Vec<u64> = (1..=20).rev().collect();
        let times = SampleTimes::of(&mut times).expect("times");
        let nanos = |time: Duration| time.as_nanos();
        assert_eq!(
            [times.min, times.p50, times.p95, times.max, times.mean].map(nanos),
            [1, 10, 19, 20, 10]
        );
        assert_eq!(SampleTimes::of(&mut []), None);
        let one = SampleTimes::of(&mut [7]).expect("one");
        assert_eq!((one.p50, one.p95), (Duration::from_nanos(7), Duration::from_nanos(7)));
    }

    #[test]
    fn columns_give_back_what_was_put_into_them() {
        let mut columns = SampleColumns::default();
        let row = |number: u32, at: u64, outcome: Option<&str>| SampleRow {
            number,
            at: Duration::from_nanos(at),
            took: Duration::from_nanos(5),
            phases: (Some(Duration::from_nanos(3)), None),
            status: 201,
            outcome: outcome.map(str::to_owned),
            verdict: 'p',
            reused: number == 2,
        };
        let phases = Phases { wait: Some(Duration::from_nanos(3)), ..Phases::default() };
        let rows = [row(2, 90, Some("made")), row(1, 40, None), row(3, 95, Some("refused"))];
        let mut before = SampleBefore::default();
        for row in &rows {
            columns.push(row.clone(), &phases, &mut before);
        }
        assert_eq!(columns.number, [2, -1, 2]);
        assert_eq!(columns.at, [90, -50, 55]);
        let json = serde_json::to_string(&columns).expect("JSON");
        let read: SampleColumns = serde_json::from_str(&json).expect("columns");
        assert_eq!(read.rows(), rows);
    }
}
