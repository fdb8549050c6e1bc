//! The orders in which one slot is found: by ID, by its place in its queue, by its time-out. Each is a pointer to the
//! slot, so that an index costs little more than that.

use std::borrow::Borrow;
use std::cmp::{Ordering, Reverse};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::slot::Slot;
use crate::model::SubmissionId;

/// Found by its ID.
#[derive(Debug)]
pub(super) struct ById(pub(super) Arc<Slot>);

impl Borrow<SubmissionId> for ById {
    fn borrow(&self) -> &SubmissionId {
        &self.0.id
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

macro_rules! ordered {
    ($(#[$doc:meta])* $name:ident, $key:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name(pub(super) Arc<Slot>);

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                let key = $key;
                key(&self.0).cmp(&key(&other.0)).then_with(|| self.0.id.cmp(&other.0.id))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $name {}
    };
}

ordered!(
    /// Ordered as its queue serves it: the larger priority first, then the older, then by ID.
    ByPlace,
    |slot: &Slot| (Reverse(slot.priority), slot.accepted)
);
ordered!(
    /// Ordered by its queue time-out, then by ID.
    ByTimeout,
    |slot: &Slot| slot.timeout()
);
