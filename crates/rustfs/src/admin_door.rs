//! Between the front and the admin API, which do not know one another: who signed a request is found by S3's code and handed on.

use admin::{Admin, AdminBody, AdminError, Caller, Incoming, LogBoard, ServerFacts};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use s3::{Frontend, Peer, S3Error, SignedCaller};

use crate::health;
use crate::orders::Orders;

/// What the admin API is told of the process.
#[derive(Debug)]
pub struct AdminSetup {
    /// What this server is.
    pub facts: ServerFacts,
    /// Where orders to the process go.
    pub orders: Orders,
    /// Where lines of the log are told.
    pub logs: LogBoard,
}

/// The admin API behind the front's door.
#[derive(Debug)]
pub struct AdminDoor {
    admin: Admin,
    frontend: Frontend,
    domains: Vec<String>,
}

impl AdminDoor {
    /// The API behind the front that knows callers. `domains` are those whose subdomains are buckets.
    #[must_use]
    pub fn new(admin: Admin, frontend: Frontend, domains: Vec<String>) -> Self {
        Self { admin, frontend, domains }
    }

    /// Whether the request is for the admin API: by its path, unless its host names a bucket.
    #[must_use]
    pub fn is_meant<B>(&self, request: &Request<B>) -> bool {
        admin::is_admin_path(request.uri().path())
            && !health::names_bucket(request.uri(), request.headers(), &self.domains)
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Response<AdminBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let caller = self.frontend.caller(&parts, peer);
        let caller = caller.map(|caller| caller.map(known)).map_err(|error| refused(&error));
        self.admin.answer(Incoming { parts, body, caller, ids: self.frontend.next_ids() }).await
    }

    /// Lets go what would keep a stop from its end.
    pub fn finish(&self) {
        self.admin.finish();
    }
}

fn known(caller: SignedCaller) -> Caller {
    let SignedCaller { who, secret, body_sha256, source, is_tls } = caller;
    Caller { who, secret, body_sha256, source, is_tls }
}

fn refused(error: &S3Error) -> AdminError {
    AdminError::refused(error.status().as_u16(), error.code.as_str(), error.message.clone().into_owned())
}
