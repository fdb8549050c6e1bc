//! What was found out about submissions of one shape, kept until something changes it.
//!
//! Jobs come from few templates. What found no room finds none until room grows, so a cycle over a long backlog asks each
//! cluster once for each shape, not once for each submission.

use std::sync::{Arc, Weak};

use foldhash::HashMap;

use super::judge::{Period, Wait};
use super::outcome::Why;
use super::view::View;
use super::{Cause, Shortage, filter};
use crate::backlog::Shape;
use crate::model::{QueueName, Resources};

/// More shapes than that at once aren't remembered.
const MOST: usize = 20_000;

/// Everything remembered. Forgotten whole when the settings change.
#[derive(Debug, Default)]
pub(super) struct Memo {
    rooms: HashMap<usize, Fits>,
    permits: HashMap<(usize, usize), Permit>,
}

/// What is known of one shape in one queue.
pub(super) struct Known<'a> {
    pub(super) permit: &'a mut Permit,
    pub(super) fits: &'a mut Fits,
}

/// Where one of a shape in a queue may go at all.
#[derive(Debug)]
pub(super) struct Permit {
    /// Cluster by cluster why it may never go there.
    pub(super) forbidden: Vec<Option<Cause>>,
    /// The clusters where it may.
    pub(super) allowed: Vec<usize>,
    /// Why one of this shape waited, in which period, and whether the queue borrowed: nothing is better for the next one then.
    pub(super) waits: Option<((Period, bool), Wait, Arc<Why>)>,
}

/// Which clusters have room for a shape, whatever its queue.
#[derive(Debug)]
pub(super) struct Fits {
    /// Keeps the address, which is the key, from being used again; not the shape.
    _address: Weak<Shape>,
    /// The demand altogether.
    pub(super) total: Resources,
    /// Why one of this shape waited in any queue, where queues make no difference but whether they borrow: not, and so.
    waits: [Option<(Period, Wait, Arc<Why>)>; 2],
    clusters: Vec<Fit>,
}

#[derive(Debug, Clone, Default)]
struct Fit {
    /// Why there was no room, and in which state of the cluster.
    shortage: Option<(u64, Arc<Shortage>)>,
    /// Why there is none on the empty cluster, or that there is.
    empty: Option<(u64, Option<Arc<Shortage>>)>,
    /// Whether there may be some once nothing of ours runs there.
    cleared: Option<(u64, bool)>,
}

impl Memo {
    /// What is known of `shape` in the queue at place `line`.
    pub(super) fn of(
        &mut self,
        shape: &Arc<Shape>,
        line: usize,
        queue: &QueueName,
        views: &[View],
    ) -> Known<'_> {
        if self.permits.len() >= MOST {
            self.clear();
        }
        let address = Arc::as_ptr(shape).addr();
        Known {
            permit: self
                .permits
                .entry((address, line))
                .or_insert_with(|| Permit::new(shape, queue, views)),
            fits: self
                .rooms
                .entry(address)
                .or_insert_with(|| Fits::new(shape, views)),
        }
    }

    /// What is known of the rooms for `shape`.
    pub(super) fn fits(&mut self, shape: &Arc<Shape>, views: &[View]) -> &mut Fits {
        self.rooms
            .entry(Arc::as_ptr(shape).addr())
            .or_insert_with(|| Fits::new(shape, views))
    }

    /// How many shapes were asked for, each once for each queue.
    #[cfg(test)]
    pub(super) fn asked(&self) -> usize {
        self.permits.len()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.permits.clear();
        self.rooms.clear();
    }
}

impl Permit {
    pub(super) fn new(shape: &Shape, queue: &QueueName, views: &[View]) -> Self {
        let forbidden: Vec<Option<Cause>> = views
            .iter()
            .map(|view| filter::allowed(view.settings.as_deref(), queue, shape))
            .collect();
        let allowed = (0..)
            .zip(&forbidden)
            .filter(|(_, f)| f.is_none())
            .map(|(i, _)| i)
            .collect();
        Self {
            forbidden,
            allowed,
            waits: None,
        }
    }
}

impl Fits {
    pub(super) fn new(shape: &Arc<Shape>, views: &[View]) -> Self {
        Self {
            _address: Arc::downgrade(shape),
            total: shape.demand.total(),
            waits: [None, None],
            clusters: vec![Fit::default(); views.len()],
        }
    }

    /// Why one of this shape waited in any queue that borrows, or in any that doesn't.
    pub(super) fn waits(&mut self, borrows: bool) -> &mut Option<(Period, Wait, Arc<Why>)> {
        let [not, so] = &mut self.waits;
        if borrows { so } else { not }
    }

    /// Why the cluster couldn't hold it even when empty. Nothing where its nodes were never seen.
    pub(super) fn too_small(&mut self, place: usize, view: &View, shape: &Shape) -> Option<Arc<Shortage>> {
        if !view.measures_room() {
            return None;
        }
        let fit = self.clusters.get_mut(place)?;
        if let Some((state, known)) = &fit.empty
            && *state == view.reshaped
        {
            return known.clone();
        }
        let found = view.too_small(&shape.demand, &self.total).map(Arc::new);
        fit.empty = Some((view.reshaped, found.clone()));
        found
    }

    /// Whether there may be room once all of ours have ended.
    pub(super) fn may_have_room(&mut self, place: usize, view: &View, shape: &Shape) -> bool {
        let Some(fit) = self.clusters.get_mut(place) else {
            return false;
        };
        if let Some((state, known)) = fit.cleared
            && state == view.cleared_anew
        {
            return known;
        }
        let found = view.may_have_room(&shape.demand, &self.total);
        fit.cleared = Some((view.cleared_anew, found));
        found
    }

    /// Why the cluster has no room for it now, or the room for its driver.
    pub(super) fn now(
        &mut self,
        place: usize,
        view: &View,
        shape: &Shape,
    ) -> Result<Option<u32>, Arc<Shortage>> {
        if !view.measures_room() {
            return Ok(None);
        }
        let Some(fit) = self.clusters.get_mut(place) else {
            return Ok(None);
        };
        if let Some((state, known)) = &fit.shortage
            && *state == view.grown
        {
            return Err(known.clone());
        }
        match view.fit(&shape.demand, &self.total) {
            Ok(driver) => Ok(driver),
            Err(shortage) => {
                let shortage = Arc::new(shortage);
                fit.shortage = Some((view.grown, shortage.clone()));
                Err(shortage)
            }
        }
    }
}
