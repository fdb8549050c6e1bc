//! Counting each thing once, however often it is told.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// The most names remembered: what is told twice is told within minutes.
const REMEMBERED: usize = 10_000;

/// The names told last.
#[derive(Default)]
pub(super) struct Once {
    told: Mutex<(HashSet<String>, VecDeque<String>)>,
}

impl Once {
    /// Whether `name` is told for the first time.
    pub(super) fn is_first(&self, name: &str) -> bool {
        // Nothing panics while it holds the lock; what another left is whole all the same.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *told;
        if !known.insert(name.to_owned()) {
            return false;
        }
        order.push_back(name.to_owned());
        if order.len() > REMEMBERED
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_first_once_and_memory_has_an_end() {
        let once = Once::default();
        assert!(once.is_first("a"));
        assert!(!once.is_first("a"));
        for n in 0..REMEMBERED {
            assert!(once.is_first(&n.to_string()));
        }
        assert_eq!(once.told.lock().unwrap().0.len(), REMEMBERED);
        assert!(once.is_first("a"), "it was forgotten");
    }
}
