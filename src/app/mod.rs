//! The program put together: ports fulfilled by adapters, the broker over them, the surfaces over the broker.

mod run;

pub use run::{Parts, Running};
