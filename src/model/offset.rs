//! How far a wall clock is from another's, learnt from answers that bear the other's time in whole seconds.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What a time in whole seconds leaves open: it was made at that second or later, yet before the next.
const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// By so much the hosts that answer may differ, or write their time too early.
const SLACK: SignedDuration = SignedDuration::from_millis(100);
/// A clock that is further off than this is worth a word.
const FAR: SignedDuration = SignedDuration::from_secs(10);
/// Below this it is well again. Between the two nothing new is said.
const NEAR: SignedDuration = SignedDuration::from_secs(5);

/// An answer that bears its maker's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// The maker's time, in whole seconds, rounded down.
    pub date: Timestamp,
    /// When it was received, by the local wall clock.
    pub received: Timestamp,
    /// How long before that its request was sent.
    pub took: Duration,
}

/// The offsets that agree with every answer so far. An offset is what the local wall clock lacks: positive where it is
/// slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offsets(Option<(SignedDuration, SignedDuration)>);

impl Offsets {
    /// Takes an answer in. One that agrees with nothing left says that a clock was set, or has drifted: all before it is
    /// forgotten.
    pub fn learn(&mut self, answer: &Dated) {
        let took = SignedDuration::try_from(answer.took).unwrap_or(SignedDuration::MAX);
        let least = answer.date.duration_since(answer.received).saturating_sub(SLACK);
        let width = took.saturating_add(SECOND).saturating_add(SLACK + SLACK);
        let most = least.saturating_add(width);
        let narrowed = self.0.map(|(low, high)| (low.max(least), high.min(most)));
        self.0 = narrowed.filter(|(low, high)| low <= high).or(Some((least, most)));
    }

    /// The offset nearest to nought: a clock that may be right is left alone.
    pub fn nearest(&self) -> SignedDuration {
        self.0.map_or(SignedDuration::ZERO, |(least, most)| {
            SignedDuration::ZERO.clamp(least, most)
        })
    }
}

/// What there is to say of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// It is off by much, and that hasn't been said, or it was off by something else.
    Off,
    /// It was, and isn't any longer.
    WellAgain,
}

/// What has been said of a clock, so that it isn't said with each answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Said(Option<SignedDuration>);

impl Said {
    /// What is to be said now that the clock is off by `offset`.
    pub fn remark(&mut self, offset: SignedDuration) -> Option<Remark> {
        match self.0 {
            None if offset.abs() > FAR => {
                self.0 = Some(offset);
                Some(Remark::Off)
            }
            Some(_) if offset.abs() < NEAR => {
                self.0 = None;
                Some(Remark::WellAgain)
            }
            Some(said) if offset.saturating_sub(said).abs() > FAR => {
                self.0 = Some(offset);
                Some(Remark::Off)
            }
            None | Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRUE: i128 = 1_800_000_000_000_000_000;

    fn at(nanos: i128) -> Timestamp {
        Timestamp::from_nanosecond(nanos).unwrap()
    }

    fn millis(ms: i64) -> SignedDuration {
        SignedDuration::from_millis(ms)
    }

    /// What a pod whose clock lacks `offset` sees of a request that is sent at `sent` (ns after a whole second), answered
    /// `there` later and received another `back` later.
    fn seen(offset: SignedDuration, sent: i128, there: u32, back: u32) -> Dated {
        let made = TRUE + sent + i128::from(there);
        let received = made + i128::from(back);
        Dated {
            date: at(made - made.rem_euclid(1_000_000_000)),
            received: at(received) - offset,
            took: Duration::from_nanos(u64::from(there) + u64::from(back)),
        }
    }

    #[test]
    fn nothing_learnt_corrects_nothing() {
        assert_eq!(Offsets::default().nearest(), SignedDuration::ZERO);
    }

    #[test]
    fn a_clock_minutes_off_is_known_within_the_second_from_the_first_answer_and_closely_after_some() {
        for minutes in [-3, 3] {
            let offset = SignedDuration::from_mins(minutes);
            let mut offsets = Offsets::default();
            offsets.learn(&seen(offset, 400_000_000, 2_000_000, 1_000_000));
            assert!((offsets.nearest() - offset).abs() < millis(1_200), "{offsets:?}");
            for tenth in 0..10 {
                offsets.learn(&seen(offset, tenth * 1_100_000_000, 2_000_000, 1_000_000));
            }
            assert!((offsets.nearest() - offset).abs() < millis(220), "{offsets:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_is_learnt_anew_by_one_answer() {
        let mut offsets = Offsets::default();
        for n in 0..20 {
            offsets.learn(&seen(SignedDuration::ZERO, n * 130_000_000, 1_000_000, 1_000_000));
        }
        assert_eq!(offsets.nearest(), SignedDuration::ZERO);
        let set = SignedDuration::from_mins(-2);
        offsets.learn(&seen(set, 9_000_000_000, 1_000_000, 1_000_000));
        assert!((offsets.nearest() - set).abs() < millis(1_200), "{offsets:?}");
        offsets.learn(&seen(SignedDuration::ZERO, 9_500_000_000, 1_000_000, 1_000_000));
        assert_eq!(offsets.nearest(), SignedDuration::ZERO);
    }

    #[test]
    fn a_slow_answer_says_little_and_does_no_harm() {
        let mut offsets = Offsets::default();
        offsets.learn(&seen(SignedDuration::ZERO, 0, 10_000_000, 4_000_000_000));
        assert_eq!(offsets.nearest(), SignedDuration::ZERO);
        offsets.learn(&seen(
            SignedDuration::ZERO,
            999_000_000,
            4_000_000_000,
            10_000_000,
        ));
        assert_eq!(offsets.nearest(), SignedDuration::ZERO);
    }

    #[test]
    fn an_offset_is_told_once_again_when_it_changes_much_and_when_it_is_gone() {
        let mut said = Said::default();
        let told = [
            9_000, 11_000, 10_500, 9_500, 11_500, 200_000, 205_000, 3_000, 2_000, -10_001,
        ];
        let remarks = told.map(|offset| said.remark(millis(offset)));
        let off = Some(Remark::Off);
        let well = Some(Remark::WellAgain);
        assert_eq!(remarks, [None, off, None, None, None, off, None, well, None, off]);
    }

    proptest! {
        #[test]
        fn a_right_clock_is_never_touched(answers in prop::collection::vec((0..60_000_000_000_i128, 0..3_000_000_000_u32, 0..3_000_000_000_u32), 1..50)) {
            let mut offsets = Offsets::default();
            for (sent, there, back) in answers {
                offsets.learn(&seen(SignedDuration::ZERO, sent, there, back));
                prop_assert_eq!(offsets.nearest(), SignedDuration::ZERO);
            }
        }

        #[test]
        fn a_wrong_clock_is_never_made_worse_and_comes_within_the_second(
            off in -86_400_000..86_400_000_i64,
            answers in prop::collection::vec((0..60_000_000_000_i128, 0..200_000_000_u32, 0..200_000_000_u32), 1..50),
        ) {
            let (off, mut offsets) = (millis(off), Offsets::default());
            for (sent, there, back) in answers {
                offsets.learn(&seen(off, sent, there, back));
                let left = (off - offsets.nearest()).abs();
                prop_assert!(left <= off.abs() && left < millis(1_600), "{left:?}");
            }
        }
    }
}
