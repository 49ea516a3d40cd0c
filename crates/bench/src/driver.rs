//! What the connections ask of whoever decides the load: requests, and a verdict on each answer.

use crate::request::Request;
use crate::response::Response;

/// Makes requests and judges answers.
pub(crate) trait Driver {
    /// Writes the next request of connection `slot`; `false` when there is none left.
    fn next(&mut self, slot: usize, request: &mut Request) -> bool;

    /// Judges an answer: what it did, or the label of its error.
    fn finish(&mut self, slot: usize, request: &Request, response: &Response) -> Result<Done, String>;

    /// No answer came: whether the request took effect is unknown.
    fn lost(&mut self, slot: usize, request: &Request);
}

/// What one answered request did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) operations: u64,
    /// Payload bytes of objects, sent or received.
    pub(crate) bytes: u64,
}
