//! One submission against every cluster: where it may go now, or why it waits. Placing and explaining both ask this.

use std::sync::Arc;
use std::time::Duration;

use super::claim::Claims;
use super::hold::Holds;
use super::memo::Known;
use super::outcome::Why;
use super::refusal::{Amount, Kind};
use super::usage::Usage;
use super::view::View;
use super::{Cause, QueueSettings, Refusal, filter};
use crate::backlog::{Place, Shape};
use crate::model::Resources;
use crate::submission::Reason;

/// A cycle, or the part of one between the ends of two holds: within it nothing gets easier.
pub(super) type Period = (u64, u64);

/// What is looked at.
pub(super) struct Sight<'a> {
    pub(super) views: &'a [View],
    pub(super) holds: &'a Holds,
    pub(super) claims: &'a Claims,
    pub(super) view_limit: Duration,
    pub(super) now: Duration,
    pub(super) period: Period,
}

/// The submission.
pub(super) struct Candidate<'a> {
    pub(super) queue: &'a QueueSettings,
    pub(super) usage: &'a Usage,
    /// Its queue uses more than its share, and others want some back.
    pub(super) borrows: bool,
    pub(super) place: &'a Place,
    pub(super) shape: &'a Arc<Shape>,
}

/// What came of it.
pub(super) enum Verdict {
    /// It may go to any of these.
    Passes(Passes),
    /// It waits.
    Waits(Wait, Arc<Why>),
}

/// For what a submission waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// For one of its queue to end, whatever its size.
    QueueFull,
    /// For a limit of its queue.
    QueueLimit,
    /// For another configuration.
    NoCluster,
    /// For larger clusters.
    NeverFits,
    /// For a cluster to be back.
    Unavailable,
    /// For a moment.
    Paced,
    /// For room.
    Full,
}

impl Wait {
    /// Whether it goes once others have ended or a moment has passed: it is passed over till then.
    pub(super) fn is_for_now(self) -> bool {
        match self {
            Self::Paced | Self::Full => true,
            Self::QueueFull | Self::QueueLimit | Self::NoCluster | Self::NeverFits | Self::Unavailable => {
                false
            }
        }
    }

    /// The word in records.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::QueueFull | Self::QueueLimit => Reason::QueueLimit,
            Self::NoCluster => Reason::NoCluster,
            Self::NeverFits => Reason::NeverFits,
            Self::Unavailable => Reason::ClusterUnhealthy,
            Self::Paced => Reason::Pacing,
            Self::Full => Reason::NoCapacity,
        }
    }
}

/// Clusters that take it, with the room for its driver where rooms are measured; and the others' reasons.
pub(super) struct Passes {
    /// Those where it may ever go, ascending.
    pub(super) allowed: Vec<usize>,
    pub(super) open: Vec<(usize, Option<u32>)>,
    pub(super) refusals: Vec<Refusal>,
}

impl Passes {
    /// The room for the driver on a cluster that measures rooms.
    pub(super) fn driver(&self, cluster: usize) -> Option<u32> {
        let (_, driver) = self.open.iter().find(|(place, _)| *place == cluster)?;
        *driver
    }
}

impl Sight<'_> {
    /// Where the candidate may go now.
    pub(super) fn judge(&self, known: &mut Known<'_>, candidate: &Candidate<'_>) -> Verdict {
        // What goes nowhere whatever its queue uses must say so: under a limit it would stand in others' way.
        if let Some((wait, general)) = queue_limit(candidate.queue, candidate.usage, &known.fits.total)
            && !(wait == Wait::QueueLimit && self.goes_nowhere(known, candidate.shape))
        {
            let refusals = Vec::new();
            return Verdict::Waits(wait, Arc::new(Why { general, refusals }));
        }
        // Where neither configuration nor holds tell queues apart, one answer is that of all who borrow, or of all others.
        let for_all = self.holds.is_empty() && known.permit.allowed.len() == self.views.len();
        if for_all
            && let Some((then, wait, why)) = known.fits.waits(candidate.borrows)
            && *then == self.period
        {
            return Verdict::Waits(*wait, why.clone());
        }
        let mut open = Vec::new();
        let mut refusals = Vec::with_capacity(self.views.len());
        for (place, view) in self.views.iter().enumerate() {
            match self.ask(known, candidate, place, view) {
                Some(Ok(driver)) => open.push((place, driver)),
                Some(Err(cause)) => refusals.push(Refusal {
                    cluster: view.name.clone(),
                    cause,
                }),
                None => {}
            }
        }
        if open.is_empty() {
            let wait = waits_for(&refusals);
            let general = String::new();
            let why = Arc::new(Why { general, refusals });
            if for_all {
                *known.fits.waits(candidate.borrows) = Some((self.period, wait, why.clone()));
            }
            return Verdict::Waits(wait, why);
        }
        Verdict::Passes(Passes {
            allowed: known.permit.allowed.clone(),
            open,
            refusals,
        })
    }

    /// Whether it might go once all of ours have ended: on some cluster that isn't away, with nothing of its queue, of which
    /// nothing is live, against it.
    pub(super) fn wants_something(
        &self,
        known: &mut Known<'_>,
        queue: &QueueSettings,
        shape: &Shape,
    ) -> bool {
        if queue_limit(queue, &Usage::default(), &known.fits.total).is_some() {
            return false;
        }
        let mut views = self.views.iter().enumerate();
        views.any(|(place, view)| {
            let allowed = known.permit.forbidden.get(place).is_some_and(Option::is_none);
            allowed
                && filter::away(view, self.view_limit, self.now).is_none()
                && known.fits.may_have_room(place, view, shape)
        })
    }

    /// Whether every cluster is closed to it, too small or away.
    fn goes_nowhere(&self, known: &mut Known<'_>, shape: &Shape) -> bool {
        let mut views = self.views.iter().enumerate();
        views.all(|(place, view)| {
            let forbidden = known.permit.forbidden.get(place).is_none_or(Option::is_some);
            forbidden
                || known.fits.too_small(place, view, shape).is_some()
                || filter::away(view, self.view_limit, self.now).is_some()
        })
    }

    /// One cluster's answer; none from one that isn't configured any more.
    fn ask(
        &self,
        known: &mut Known<'_>,
        candidate: &Candidate<'_>,
        place: usize,
        view: &View,
    ) -> Option<Result<Option<u32>, Cause>> {
        let settings = view.settings.as_deref()?;
        if let Some(cause) = known.permit.forbidden.get(place)? {
            return Some(Err(cause.clone()));
        }
        let shape = candidate.shape;
        let closed = known
            .fits
            .too_small(place, view, shape)
            .map(Cause::TooSmall)
            .or_else(|| filter::open(view, settings, self.view_limit, self.now))
            .or_else(|| self.held(candidate, view))
            .or_else(|| self.claimed(candidate, view));
        Some(match closed {
            Some(cause) => Err(cause),
            None => known.fits.now(place, view, shape).map_err(Cause::NoRoom),
        })
    }

    fn held(&self, candidate: &Candidate<'_>, view: &View) -> Option<Cause> {
        if self.holds.is_empty() {
            return None;
        }
        let holder = self
            .holds
            .against(&view.name, &candidate.queue.name, candidate.place)?;
        Some(Cause::Held {
            holder: holder.clone(),
        })
    }

    fn claimed(&self, candidate: &Candidate<'_>, view: &View) -> Option<Cause> {
        if !candidate.borrows {
            return None;
        }
        let by = self
            .claims
            .on(&view.name)
            .filter(|by| **by != candidate.queue.name)?;
        Some(Cause::Claimed { by: by.clone() })
    }
}

/// What the limits of the queue say, whatever the cluster.
pub(super) fn queue_limit(queue: &QueueSettings, usage: &Usage, need: &Resources) -> Option<(Wait, String)> {
    if let Some(limit) = queue.limits.max_live
        && usage.live >= limit
    {
        let text = format!("job queue {}: {} live of at most {limit}", queue.name, usage.live);
        return Some((Wait::QueueFull, text));
    }
    let limits = queue.limits.resources.as_ref()?;
    // What it can never have says more than what others use now.
    let (name, need, limit) = need
        .named()
        .filter(|(name, need)| *need > 0 && limits.get(name) > 0)
        .map(|(name, need)| (name, need, limits.get(name)))
        .filter(|(name, need, limit)| usage.resources.get(name).saturating_add(*need) > *limit)
        .min_by_key(|(_, need, limit)| need <= limit)?;
    let (used, need, most) = (
        Amount(name, usage.resources.get(name)),
        Amount(name, need),
        Amount(name, limit),
    );
    let text = format!(
        "job queue {}: needs {need} of {name}, {used} used of at most {most}",
        queue.name
    );
    let wait = if need.1 > limit {
        Wait::NeverFits
    } else {
        Wait::QueueLimit
    };
    Some((wait, text))
}

/// What it waits for, by the answers of all clusters: the one nearest to taking the submission says.
fn waits_for(refusals: &[Refusal]) -> Wait {
    match refusals.iter().map(|refusal| refusal.cause.kind()).max() {
        None | Some(Kind::NotAllowed) => Wait::NoCluster,
        Some(Kind::TooSmall) => Wait::NeverFits,
        Some(Kind::Unavailable) => Wait::Unavailable,
        Some(Kind::Paced) => Wait::Paced,
        Some(Kind::Full) => Wait::Full,
    }
}
