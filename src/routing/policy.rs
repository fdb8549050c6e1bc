//! How a queue picks among the clusters that passed every filter.

use super::Policy;
use super::usage::number;
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
            Policy::LeastUtilized => self.least(|cluster| self.utilization(cluster)),
            Policy::Binpack => self.least(|cluster| -self.utilization(cluster)),
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

    fn least(&self, measure: impl Fn(usize) -> f64) -> Option<usize> {
        self.passed
            .iter()
            .copied()
            .min_by(|a, b| measure(*a).total_cmp(&measure(*b)).then(a.cmp(b)))
    }

    /// The used fraction of the resource that is used most among those the submission needs; of `maxLive` where room
    /// isn't measured.
    fn utilization(&self, cluster: usize) -> f64 {
        let Some(view) = self.views.get(cluster) else {
            return 0.0;
        };
        if !view.measures_room() {
            let most = view
                .settings
                .as_ref()
                .and_then(|settings| settings.limits.max_live);
            return most.map_or(0.0, |most| number(view.live) / number(most.max(1)));
        }
        let free = view.rooms.free();
        self.need
            .named()
            .filter(|(name, need)| *need > 0 && view.capacity.get(name) > 0)
            .map(|(name, _)| 1.0 - number(free.get(name)) / number(view.capacity.get(name)))
            .fold(0.0, f64::max)
    }
}
