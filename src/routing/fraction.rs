//! Fractions that compare exactly.

use std::cmp::Ordering;

/// `part / whole`; a whole of 0 counts as 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction {
    part: u128,
    whole: u128,
}

impl Fraction {
    pub(super) const ZERO: Self = Self { part: 0, whole: 1 };

    pub(super) fn new(part: impl Into<u128>, whole: impl Into<u128>) -> Self {
        Self {
            part: part.into(),
            whole: whole.into().max(1),
        }
    }

    /// About this much.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn about(self) -> f64 {
        self.part as f64 / self.whole as f64
    }

    /// This fraction of `n` equal parts; `n` of 0 counts as 1.
    pub(super) fn over(self, n: impl Into<u128>) -> Self {
        Self {
            part: self.part,
            whole: self.whole.saturating_mul(n.into().max(1)),
        }
    }
}

impl Ord for Fraction {
    /// By crosswise products; where those overflow, by whole numbers first, then by what remains.
    fn cmp(&self, other: &Self) -> Ordering {
        let products = self
            .part
            .checked_mul(other.whole)
            .zip(other.part.checked_mul(self.whole));
        if let Some((left, right)) = products {
            return left.cmp(&right);
        }
        let (mut a, mut b) = (*self, *other);
        let mut turned = false;
        loop {
            let order = (a.part / a.whole).cmp(&(b.part / b.whole));
            let rests = (a.part % a.whole, b.part % b.whole);
            let order = match (order, rests) {
                (Ordering::Equal, (0, 0)) => return Ordering::Equal,
                (Ordering::Equal, (0, _)) => Ordering::Less,
                (Ordering::Equal, (_, 0)) => Ordering::Greater,
                (Ordering::Equal, (left, right)) => {
                    // Of two remainders, the larger has the smaller inverse.
                    (a, b) = (Self::new(a.whole, left), Self::new(b.whole, right));
                    turned = !turned;
                    continue;
                }
                (unequal @ (Ordering::Less | Ordering::Greater), _) => unequal,
            };
            return if turned { order.reverse() } else { order };
        }
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Fraction {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fractions_compare_as_their_crosswise_products_do(
            a in 0u64..1000, b in 1u64..1000, c in 0u64..1000, d in 1u64..1000,
        ) {
            let expected = (a * d).cmp(&(c * b));
            prop_assert_eq!(Fraction::new(a, b).cmp(&Fraction::new(c, d)), expected);
            // The same ones, whose products overflow.
            let large = |n: u64| u128::from(n) << 110;
            let (one, other) = (Fraction::new(large(a), large(b)), Fraction::new(large(c), large(d)));
            prop_assert_eq!(one.cmp(&other), expected);
        }
    }

    #[test]
    fn large_ones_do_not_overflow() {
        let almost = Fraction::new(u128::MAX - 1, u128::MAX);
        assert!(almost < Fraction::new(1u64, 1u64));
        assert!(almost > Fraction::new(u128::MAX - 2, u128::MAX));
    }
}
