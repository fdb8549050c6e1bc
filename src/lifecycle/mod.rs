//! The rules by which a record moves. [`Rules::step`] is the only place that knows them: a pure function, total over
//! states and events, without IO and without a clock.

mod doubt;
mod ending;
mod event;
mod observed;
mod sentence;
mod step;

pub use event::{Event, Happening, Step};
pub use observed::{is_spent, misses_its_driver, stops_its_driver};
pub use step::Rules;

#[cfg(test)]
mod tests;
