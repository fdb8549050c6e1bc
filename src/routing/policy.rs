//! How a queue picks among the clusters that passed every filter.

use std::cmp::Reverse;

use super::Policy;
use super::fraction::Fraction;
use super::view::View;
use super::weights::Counts;
use crate::model::Resources;

/// What a policy chooses from: `passed` is a part of `allowed`, both ascending places in `views` and never empty.
pub(super) struct Choice<'a> {
    pub(super) views: &'a [View],
    pub(super) allowed: &'a [usize],
    pub(super) passed: &'a [usize],
    pub(super) counts: &'a Counts,
    /// The demand of the submission.
    pub(super) need: &'a Resources,
}

impl Choice<'_> {
    /// The chosen cluster; absent only where none passed. Equals go in the configuration's order.
    pub(super) fn by(&self, policy: Policy) -> Option<usize> {
        match policy {
            Policy::Weighted => self
                .counts
                .pick(self.allowed, self.passed, |cluster| self.weight(cluster)),
            Policy::Balanced => self.balanced(),
            Policy::LeastUtilized => self.first_by(|cluster| self.utilization(cluster)),
            Policy::Binpack => self.first_by(|cluster| Reverse(self.utilization(cluster))),
            Policy::Ordered => self.passed.first().copied(),
        }
    }

    fn weight(&self, cluster: usize) -> u64 {
        let settings = self.views.get(cluster).and_then(|view| view.settings.as_ref());
        settings.map_or(1, |settings| u64::from(settings.weight.max(1)))
    }

    /// The largest gap between a cluster's share of the weights and its share of what is live on those that passed.
    fn balanced(&self) -> Option<usize> {
        let live = |cluster: usize| self.views.get(cluster).map_or(0, |view| view.live);
        let weights: u64 = self.passed.iter().map(|c| self.weight(*c)).sum();
        let lives: u64 = self.passed.iter().map(|c| live(*c)).sum();
        let (weights, lives) = (i128::from(weights), i128::from(lives.max(1)));
        // weight/weights - live/lives over the common denominator.
        let gap = |c: &usize| i128::from(self.weight(*c)) * lives - i128::from(live(*c)) * weights;
        self.passed
            .iter()
            .copied()
            .max_by(|a, b| gap(a).cmp(&gap(b)).then(b.cmp(a)))
    }

    fn first_by<M: Ord>(&self, measure: impl Fn(usize) -> M) -> Option<usize> {
        let passed = self.passed.iter().copied();
        passed.min_by_key(|cluster| (measure(*cluster), *cluster))
    }

    /// The used fraction of the resource that is used most among those the submission needs; of `maxLive` where room
    /// isn't measured.
    fn utilization(&self, cluster: usize) -> Fraction {
        let Some(view) = self.views.get(cluster) else {
            return Fraction::ZERO;
        };
        if !view.measures_room() {
            let most = view
                .settings
                .as_ref()
                .and_then(|settings| settings.limits.max_live);
            return most.map_or(Fraction::ZERO, |most| Fraction::new(view.live, most));
        }
        let free = view.free();
        self.need
            .named()
            .map(|(name, need)| (need, free.get(name), view.capacity.get(name)))
            .filter(|(need, _, capacity)| *need > 0 && *capacity > 0)
            .map(|(_, free, capacity)| Fraction::new(capacity.saturating_sub(free), capacity))
            .max()
            .unwrap_or(Fraction::ZERO)
    }
}
