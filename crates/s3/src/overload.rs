//! Requests at once: as many as the server was built for, and a quick answer to those beyond.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{S3Error, slow_down};

/// Counts requests from their head to the last byte of their answer.
#[derive(Clone, Debug)]
pub(crate) struct Overload {
    places: Arc<Semaphore>,
}

/// The place of a request. Free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Overload {
    pub(crate) fn new(requests_max: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(requests_max.min(Semaphore::MAX_PERMITS))) }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// `SlowDown` where all are taken.
    pub(crate) fn enter(&self) -> Result<Place, S3Error> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Ok(Place { _permit: permit }),
            Err(_) => Err(slow_down("Too many requests are being served. Please reduce your request rate.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_place_is_free_again_when_its_request_is_over() {
        let overload = Overload::new(1);
        let place = overload.enter().unwrap();
        assert_eq!(overload.enter().unwrap_err().code, ErrorCode::SlowDown);
        drop(place);
        assert!(overload.enter().is_ok());
    }
}
