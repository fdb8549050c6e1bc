//! Exact shares by weight: after each placement every cluster's count is less than one away from its share.
//!
//! The rule is the quota method (Balinski and Young, 1975): among those whose next placement would not exceed their
//! share, the one whose next placement is due first. Smooth weighted round robin strays by more than one.

use std::collections::BTreeMap;

/// Placements so far, counted apart for each set of clusters that submissions were allowed on: one that may only run
/// on one cluster must not shift the shares of those that may run anywhere.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<Vec<usize>, Vec<u64>>);

impl Counts {
    /// The counts, as they were written down: each set of clusters ascending, with a count for each of them.
    pub(super) fn restored(counts: impl Iterator<Item = (Vec<usize>, Vec<u64>)>) -> Self {
        Self(counts.collect())
    }

    /// Each set of clusters with the count of each of them.
    pub(super) fn sets(&self) -> impl Iterator<Item = (&[usize], &[u64])> {
        self.0
            .iter()
            .map(|(set, counts)| (set.as_slice(), counts.as_slice()))
    }

    /// How many of those allowed on `allowed` were placed on `cluster`.
    pub(super) fn of(&self, allowed: &[usize], cluster: usize) -> u64 {
        let counts = self.0.get(allowed).zip(allowed.binary_search(&cluster).ok());
        counts
            .and_then(|(counts, place)| counts.get(place))
            .copied()
            .unwrap_or(0)
    }

    /// Picks among `passed`, a part of `allowed` (both ascending). `weight` tells each one's weight, at least 1.
    pub(super) fn pick(
        &self,
        allowed: &[usize],
        passed: &[usize],
        weight: impl Fn(usize) -> u64,
    ) -> Option<usize> {
        let counts = self.0.get(allowed);
        let count = |cluster: usize| u128::from(self.of(allowed, cluster));
        let all: u128 = allowed.iter().map(|c| u128::from(weight(*c))).sum();
        let next = counts.map_or(0, |counts| counts.iter().map(|n| u128::from(*n)).sum::<u128>()) + 1;
        let below = |cluster: &usize| count(*cluster) * all < next * u128::from(weight(*cluster));
        // (count + 1) / weight, compared crosswise: no rounding.
        let due = |a: &usize, b: &usize| {
            let left = (count(*a) + 1) * u128::from(weight(*b));
            let right = (count(*b) + 1) * u128::from(weight(*a));
            left.cmp(&right).then(a.cmp(b))
        };
        let within = passed.iter().copied().filter(below).min_by(due);
        within.or_else(|| passed.iter().copied().min_by(due))
    }

    /// Counts a placement on `cluster` of a submission that was allowed on `allowed`.
    pub(super) fn count(&mut self, allowed: &[usize], cluster: usize) {
        let counts = self
            .0
            .entry(allowed.to_vec())
            .or_insert_with(|| vec![0; allowed.len()]);
        if let Ok(place) = allowed.binary_search(&cluster)
            && let Some(count) = counts.get_mut(place)
        {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_count_is_within_one_of_its_exact_share_after_every_placement(
            weights in prop::collection::vec(1u64..1000, 1..12),
            placements in 1u64..500,
        ) {
            let clusters: Vec<usize> = (0..weights.len()).collect();
            let all: u64 = weights.iter().sum();
            let mut counts = Counts::default();
            let mut tally = vec![0u64; weights.len()];
            for n in 1..=placements {
                let picked = counts.pick(&clusters, &clusters, |c| weights[c]).unwrap();
                counts.count(&clusters, picked);
                tally[picked] += 1;
                for (count, weight) in tally.iter().zip(&weights) {
                    // |count - n·w/W| < 1, in whole numbers.
                    prop_assert!((count * all).abs_diff(n * weight) < all, "{tally:?} of {weights:?}");
                }
            }
        }
    }

    #[test]
    fn a_cluster_that_was_closed_catches_up() {
        let mut counts = Counts::default();
        let both = [0, 1];
        for _ in 0..4 {
            let picked = counts.pick(&both, &[0], |_| 1).unwrap();
            counts.count(&both, picked);
        }
        let next: Vec<usize> = (0..6)
            .map(|_| {
                let picked = counts.pick(&both, &both, |_| 1).unwrap();
                counts.count(&both, picked);
                picked
            })
            .collect();
        assert_eq!(next, [1, 1, 1, 1, 0, 1]);
    }
}
