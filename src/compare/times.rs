//! Whether a step takes longer than before, or whether that may be chance.
//!
//! Samples are compared by ranks: a one-sided exact Mann–Whitney test of their logarithms, the earlier
//! ones moved up by the tolerance, at 5 %. A mean or a percentile over a limit would give a false
//! alarm in every fifth run. The Hodges–Lehmann estimate says by how much, with its interval.

use std::cmp::Ordering;
use std::time::Duration;

use super::align::Pair;
use crate::outcome::Verdict;
use crate::record::StepRecord;

/// How long one step took in two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeChange {
    /// The plan's title.
    pub plan: String,
    /// The step's title.
    pub step: String,
    /// How many samples the earlier run has, and their median.
    pub before: (usize, Duration),
    /// How many samples the later run has, and their median.
    pub after: (usize, Duration),
    /// How many times as long it takes now.
    pub ratio: f64,
    /// Where that ratio lies with 90 % confidence, where there are samples enough.
    pub interval: Option<(f64, f64)>,
    /// What the samples allow to say.
    pub verdict: TimeVerdict,
}

/// What samples allow to say of a change in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeVerdict {
    /// Slower than tolerance and chance allow.
    Slower,
    /// Faster than tolerance and chance allow.
    Faster,
    /// Neither is shown.
    Alike,
    /// So few samples can never show it.
    TooFew,
}

/// The probability with which a change may be seen where there is none.
const ALPHA: f64 = 0.05;
/// Beyond so many samples the normal approximation is exact enough.
const EXACT: usize = 50;

impl TimeChange {
    /// What is worth reading first: what can be judged, then the largest changes.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let size = |change: &Self| change.ratio.ln().abs();
        self.verdict.cmp(&other.verdict).then(size(other).total_cmp(&size(self)))
    }
}

/// Compares the times of a step that passed in both runs; others did not do the same.
pub(super) fn of(pair: &Pair<'_>, tolerance: f64) -> Option<TimeChange> {
    let ((_, then), (plan, now)) = (pair.before?, pair.after?);
    let mut old = samples(then)?;
    let mut new = samples(now)?;
    let (before, after) = (median(&mut old)?, median(&mut new)?);
    let logs = |times: &[f64]| times.iter().map(|time| time.ln()).collect::<Vec<f64>>();
    let (old, new) = (logs(&old), logs(&new));
    let limit = (1.0 + tolerance).ln();
    let moved = |by: f64| old.iter().map(|log| log + by).collect::<Vec<f64>>();
    let verdict = if least(old.len(), new.len()) > ALPHA {
        TimeVerdict::TooFew
    } else if larger(&new, &moved(limit)) <= ALPHA {
        TimeVerdict::Slower
    } else if larger(&moved(-limit), &new) <= ALPHA {
        TimeVerdict::Faster
    } else {
        TimeVerdict::Alike
    };
    let mut shifts: Vec<f64> =
        new.iter().flat_map(|new| old.iter().map(move |old| new - old)).collect();
    let interval =
        interval(&mut shifts, old.len(), new.len()).filter(|_| verdict != TimeVerdict::TooFew);
    Some(TimeChange {
        plan: plan.started.title().into_owned(),
        step: now.step.title().into_owned(),
        before: (old.len(), nanos(before)),
        after: (new.len(), nanos(after)),
        ratio: median(&mut shifts)?.exp(),
        interval,
        verdict,
    })
}

/// The times of a step that passed and sent something, in nanoseconds.
fn samples(step: &StepRecord) -> Option<Vec<f64>> {
    let result = step.result.as_ref().filter(|result| result.verdict == Verdict::Passed)?;
    if !step.samples.is_empty() {
        let rows = step.samples.iter().flat_map(crate::outcome::SampleColumns::rows);
        let good = rows.filter(|row| row.verdict == 'p').map(|row| row.took.as_secs_f64() * 1e9);
        return Some(good.filter(|time| *time > 0.0).collect());
    }
    let exchange = result.attempts.last()?.exchange.as_ref()?;
    let total = exchange.phases.total?.as_secs_f64() * 1e9;
    (total > 0.0).then(|| vec![total])
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time is positive, and less than six hundred years"
)]
fn nanos(time: f64) -> Duration {
    Duration::from_nanos(time as u64)
}

/// The middle of some numbers; sorts them.
fn median(numbers: &mut [f64]) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    let upper = *numbers.get(half)?;
    let lower =
        if numbers.len().is_multiple_of(2) { *numbers.get(half.checked_sub(1)?)? } else { upper };
    Some(f64::midpoint(lower, upper))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of samples are small")]
fn float(count: usize) -> f64 {
    count as f64
}

/// The smallest probability that so many samples can come to: 1 of all orders.
fn least(n: usize, m: usize) -> f64 {
    (1..=n).map(|i| float(i) / float(m + i)).product()
}

/// How likely `x` would be so far above `y` if they were alike: the one-sided Mann–Whitney test,
/// exact with midranks where there are few samples.
fn larger(x: &[f64], y: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        x.iter().map(|value| (*value, true)).chain(y.iter().map(|value| (*value, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the ranks: a midrank is a whole number then.
    let mut ranks = Vec::with_capacity(all.len());
    let mut observed = 0_usize;
    let mut from = 0;
    while let Some((value, _)) = all.get(from) {
        let tied =
            all.iter().skip(from).take_while(|(other, _)| other.total_cmp(value).is_eq()).count();
        let rank = 2 * from + tied + 1;
        for (_, of_x) in all.iter().skip(from).take(tied) {
            ranks.push(rank);
            observed += if *of_x { rank } else { 0 };
        }
        from += tied;
    }
    if x.len() <= EXACT && y.len() <= EXACT {
        exact(&ranks, x.len(), observed)
    } else {
        normal(&ranks, x.len(), observed)
    }
}

/// The share of all choices of `n` ranks whose sum is at least this one.
fn exact(ranks: &[usize], n: usize, observed: usize) -> f64 {
    let most: usize = ranks.iter().sum();
    let width = most + 1;
    // How many choices of k ranks have which sum; each k is a row.
    let mut ways = vec![0.0_f64; (n + 1) * width];
    if let Some(none) = ways.first_mut() {
        *none = 1.0;
    }
    for rank in ranks {
        for k in (1..=n).rev() {
            for sum in (*rank..width).rev() {
                let fewer = ways.get((k - 1) * width + sum - rank).copied().unwrap_or(0.0);
                if let Some(here) = ways.get_mut(k * width + sum) {
                    *here += fewer;
                }
            }
        }
    }
    let row = ways.get(n * width..).unwrap_or_default();
    let all: f64 = row.iter().sum();
    row.iter().skip(observed).sum::<f64>() / all.max(1.0)
}

/// The same by the normal approximation, ties and continuity corrected.
fn normal(ranks: &[usize], n: usize, observed: usize) -> f64 {
    let size = float(ranks.len());
    let n = float(n);
    let mean = ranks.iter().map(|rank| float(*rank)).sum::<f64>() / size;
    let spread = ranks.iter().map(|rank| (float(*rank) - mean).powi(2)).sum::<f64>() / (size - 1.0);
    let variance = n * (size - n) / size * spread;
    let z = (float(observed) - n * mean - 1.0) / variance.sqrt().max(f64::MIN_POSITIVE);
    upper_tail(z)
}

/// The probability of a standard normal above `z` (Abramowitz and Stegun 26.2.17).
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let tail = sum * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if z >= 0.0 { tail } else { 1.0 - tail }
}

/// Where the shift lies with 90 % confidence, as a ratio; sorts the shifts.
fn interval(shifts: &mut [f64], n: usize, m: usize) -> Option<(f64, f64)> {
    shifts.sort_by(f64::total_cmp);
    let half = float(n * m) / 2.0;
    let aside = half - 1.645 * (float(n * m * (n + m + 1)) / 12.0).sqrt();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is at least 0 and less than the number of shifts"
    )]
    let cut = aside.floor().max(0.0) as usize;
    let low = shifts.get(cut)?;
    let high = shifts.get(shifts.len().checked_sub(cut + 1)?)?;
    Some((low.exp(), high.exp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_test_gives_the_textbook_probabilities() {
        // All of three above all of three: 1 of 20 orders.
        assert!((larger(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0]) - 0.05).abs() < 1e-12);
        assert!((larger(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]) - 1.0).abs() < 1e-12);
        // U = 23 of 25 with n = m = 5: 4 of 252 orders (Mann and Whitney 1947, table I).
        let p = larger(&[4.0, 7.0, 8.0, 9.0, 10.0], &[1.0, 2.0, 3.0, 5.0, 6.0]);
        assert!((p - 4.0 / 252.0).abs() < 1e-12, "{p}");
        // All tied: nothing is shown.
        assert!((larger(&[1.0; 4], &[1.0; 4]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_approximation_agrees_with_the_exact_test_where_both_apply() {
        let x: Vec<f64> = (0..40).map(|n| f64::from(n) + 6.3).collect();
        let y: Vec<f64> = (0..40).map(f64::from).collect();
        let mut all: Vec<f64> = x.iter().chain(&y).copied().collect();
        all.sort_by(f64::total_cmp);
        let rank = |value: &f64| 2 * all.iter().filter(|other| *other < value).count() + 2;
        let ranks: Vec<usize> = all.iter().map(rank).collect();
        let observed = x.iter().map(rank).sum();
        let (exact, normal) = (exact(&ranks, 40, observed), normal(&ranks, 40, observed));
        assert!((exact - normal).abs() < 0.003, "{exact} {normal}");
        assert!((upper_tail(1.644_853_6) - 0.05).abs() < 1e-6);
    }

    #[test]
    fn three_samples_of_each_are_the_fewest_that_can_show_anything() {
        assert!(least(3, 3) <= ALPHA && least(2, 3) > ALPHA && least(1, 18) > ALPHA);
    }
}
