//! Bodies of requests: bounded, in time, and the one that was signed.

use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use ring::digest::{Context, SHA256};

use crate::error::{AdminError, AdminErrorCode};

/// Silence after which a body is given up.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// The body of a request, of whatever kind the server gave.
pub(crate) struct RequestBody {
    inner: UnsyncBoxBody<Bytes, String>,
    env: Env,
}

impl RequestBody {
    pub(crate) fn new<B>(body: B, env: Env) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        Self { inner: body.map_err(|error| error.to_string()).boxed_unsync(), env }
    }

    /// Whether nothing of it is left on the connection.
    pub(crate) fn is_over(&self) -> bool {
        self.inner.is_end_stream()
    }

    /// All of it, which must have this digest if one was signed.
    pub(crate) async fn read(
        &mut self,
        bytes_max: usize,
        sha256: Option<[u8; 32]>,
    ) -> Result<Vec<u8>, AdminError> {
        let mut whole = Vec::new();
        let mut digest = Context::new(&SHA256);
        while let Some(data) = self.next().await? {
            if whole.len() + data.len() > bytes_max {
                let message =
                    format!("The body has more than the {bytes_max} bytes that this request may have.");
                return Err(AdminError::new(AdminErrorCode::EntityTooLarge, message));
            }
            digest.update(&data);
            whole.extend_from_slice(&data);
        }
        if sha256.is_some_and(|signed| signed != digest.finish().as_ref()) {
            let message =
                "The body is not the one that was signed: its SHA-256 is not that of x-amz-content-sha256.";
            return Err(AdminError::new(AdminErrorCode::BadDigest, message));
        }
        Ok(whole)
    }

    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, AdminError> {
        loop {
            let silence = self.env.clock.sleep(IDLE_MAX);
            let frame = tokio::select! {
                biased;
                frame = self.inner.frame() => frame,
                () = silence => {
                    let message = "The body did not come on in time.";
                    return Err(AdminError::new(AdminErrorCode::RequestTimeout, message));
                }
            };
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    let message = format!("The body ended before it was whole: {error}");
                    return Err(AdminError::new(AdminErrorCode::IncompleteBody, message));
                }
            }
        }
    }
}
