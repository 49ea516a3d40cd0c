//! What is asked of a server, operation by operation, and when an answer is right. Objects are numbered; a number
//! gives key, payload and stamp, so that the state of a server is the list of numbers that it acknowledged.

use crate::body::{self, BodyKind, Pool, mixed};
use crate::driver::{Done, Driver};
use crate::options::Credentials;
use crate::request::{Expect, Request};
use crate::response::Response;
use crate::sign::{EMPTY_SHA256, Head, Signer};
use std::fmt::Write;
use std::rc::Rc;
use std::time::SystemTime;

/// Objects of at most this size are compared whole on every GET, others on one of [`WHOLE_EACH`].
const WHOLE_BYTES_MAX: usize = 64 * 1024;
pub(crate) const WHOLE_EACH: u64 = 16;

/// A bucket of a server, and who asks.
pub(crate) struct Access {
    pub(crate) host: String,
    pub(crate) bucket: String,
    signer: Signer,
}

impl Access {
    pub(crate) fn new(host: &str, bucket: &str, credentials: &Credentials) -> Self {
        Self {
            host: host.to_owned(),
            bucket: bucket.to_owned(),
            signer: Signer::new(credentials, unix_seconds()),
        }
    }

    fn signer(&mut self) -> &mut Signer {
        self.signer.set_time(unix_seconds());
        &mut self.signer
    }

    /// A request for the bucket itself or, with a query, for what is in it.
    pub(crate) fn bucket_request(&mut self, request: &mut Request, method: &str, query: &str) {
        let (host, path) = (self.host.clone(), format!("/{}", self.bucket));
        let head = Head {
            method,
            host: &host,
            path: &path,
            query,
            content: EMPTY_SHA256,
            signed: &[],
            unsigned: &[("content-length", "0")],
        };
        self.signer().write_head(request.text(), &head);
    }

    /// A request without a body for an object.
    pub(crate) fn object_request(&mut self, request: &mut Request, method: &str, key: &str, query: &str) {
        self.text_request(request, (method, key, query), "");
    }

    /// A text for an object, as completing an upload needs it.
    pub(crate) fn post_text(&mut self, request: &mut Request, key: &str, query: &str, text: &str) {
        self.text_request(request, ("POST", key, query), text);
    }

    fn text_request(&mut self, request: &mut Request, what: (&str, &str, &str), text: &str) {
        let (method, key, query) = what;
        let (host, path) = (self.host.clone(), format!("/{}/{key}", self.bucket));
        let (hash, length) = (body::sha256_hex(text.as_bytes()), text.len().to_string());
        let unsigned = [("content-length", length.as_str())];
        let head = Head {
            method,
            host: &host,
            path: &path,
            query,
            content: &hash,
            signed: &[],
            unsigned: &unsigned,
        };
        self.signer().write_head(request.text(), &head);
        request.push(text.as_bytes());
    }

    /// PUT of an object, or of a part of one.
    pub(crate) fn put(
        &mut self,
        request: &mut Request,
        key: &str,
        query: &str,
        kind: BodyKind,
        upload: (&Rc<body::Payload>, u64),
    ) {
        let (host, path) = (self.host.clone(), format!("/{}/{key}", self.bucket));
        body::put(request, self.signer(), (&host, &path, query), kind, upload);
    }

    /// DeleteObjects of `keys`, quietly, with the checksum that SDKs send.
    pub(crate) fn delete_request<'a>(&mut self, request: &mut Request, keys: impl Iterator<Item = &'a str>) {
        let mut xml =
            String::from("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
        for key in keys {
            // Writing to a string cannot fail. Keys made here need no escapes.
            let _ = write!(xml, "<Object><Key>{key}</Key></Object>");
        }
        xml.push_str("</Delete>");
        let (host, path) = (self.host.clone(), format!("/{}", self.bucket));
        let (hash, crc, length) =
            (body::sha256_hex(xml.as_bytes()), body::crc32_base64(xml.as_bytes()), xml.len().to_string());
        let signed = [("x-amz-checksum-crc32", crc.as_str()), ("x-amz-sdk-checksum-algorithm", "CRC32")];
        let unsigned = [("content-length", length.as_str()), ("content-type", "application/xml")];
        let head = Head {
            method: "POST",
            host: &host,
            path: &path,
            query: "delete=",
            content: &hash,
            signed: &signed,
            unsigned: &unsigned,
        };
        self.signer().write_head(request.text(), &head);
        request.push(xml.as_bytes());
    }
}

/// Objects of one size in one bucket of one server.
pub(crate) struct Objects {
    run: String,
    size: usize,
    pool: Rc<Pool>,
    next: u64,
    /// Numbers that the server has acknowledged and not deleted.
    pub(crate) present: Vec<u64>,
}

impl Objects {
    /// `run` keeps the keys of several runs apart.
    pub(crate) fn new(run: &str, size: usize, pool: Rc<Pool>) -> Self {
        Self { run: run.to_owned(), size, pool, next: 0, present: Vec::new() }
    }

    /// The number that the next new object gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    pub(crate) fn key(&self, number: u64) -> String {
        format!("{:02x}/{}-{}-{number:08}", mixed(number) & 255, self.run, self.size)
    }

    fn path(&self, bucket: &str, number: u64) -> String {
        format!("/{bucket}/{}", self.key(number))
    }
}

/// PUT of new objects, without end or up to a number of them; with a number, those that failed are put again.
pub(crate) struct Put<'a> {
    pub(crate) access: &'a mut Access,
    pub(crate) objects: &'a mut Objects,
    pub(crate) kind: BodyKind,
    pub(crate) limit: Option<u64>,
    again: Vec<u64>,
    failures: u64,
}

impl<'a> Put<'a> {
    const FAILURES_MAX: u64 = 1000;

    pub(crate) fn new(
        access: &'a mut Access,
        objects: &'a mut Objects,
        kind: BodyKind,
        limit: Option<u64>,
    ) -> Self {
        Self { access, objects, kind, limit, again: Vec::new(), failures: 0 }
    }

    fn failed(&mut self, number: u64) {
        self.failures += 1;
        if self.limit.is_some() && self.failures < Self::FAILURES_MAX {
            self.again.push(number);
        }
    }
}

impl Driver for Put<'_> {
    fn next(&mut self, _slot: usize, request: &mut Request) -> bool {
        let number = match (self.again.pop(), self.limit) {
            (Some(number), _) => number,
            (None, Some(limit)) if self.objects.next >= limit => return false,
            (None, _) => {
                self.objects.next += 1;
                self.objects.next - 1
            }
        };
        let path = self.objects.path(&self.access.bucket, number);
        let payload = self.objects.pool.of(number);
        self.access.signer.set_time(unix_seconds());
        let place = (self.access.host.as_str(), path.as_str(), "");
        body::put(request, &mut self.access.signer, place, self.kind, (payload, number));
        request.numbers.push(number);
        true
    }

    fn finish(&mut self, _slot: usize, request: &Request, response: &Response) -> Result<Done, String> {
        if response.status == 200 {
            self.objects.present.extend_from_slice(&request.numbers);
            return Ok(Done { operations: 1, bytes: self.objects.size as u64 });
        }
        self.failed(request.numbers[0]);
        Err(response.error_label())
    }

    fn lost(&mut self, _slot: usize, request: &Request) {
        self.failed(request.numbers[0]);
    }
}

/// GET of objects at random.
pub(crate) struct Get<'a> {
    access: &'a mut Access,
    objects: &'a Objects,
    count: u64,
}

impl<'a> Get<'a> {
    pub(crate) fn new(access: &'a mut Access, objects: &'a Objects) -> Self {
        Self { access, objects, count: 0 }
    }
}

impl Driver for Get<'_> {
    fn next(&mut self, _slot: usize, request: &mut Request) -> bool {
        if self.objects.present.is_empty() {
            return false;
        }
        self.count += 1;
        let number = self.objects.present[(mixed(self.count) % self.objects.present.len() as u64) as usize];
        let path = self.objects.path(&self.access.bucket, number);
        self.access.signer.set_time(unix_seconds());
        let head = Head {
            method: "GET",
            host: &self.access.host,
            path: &path,
            query: "",
            content: EMPTY_SHA256,
            signed: &[],
            unsigned: &[],
        };
        self.access.signer.write_head(request.text(), &head);
        let payload = Rc::clone(self.objects.pool.of(number));
        let whole = self.objects.size <= WHOLE_BYTES_MAX || self.count.is_multiple_of(WHOLE_EACH);
        request.expect = Expect::Object { stamp: payload.stamp(number), payload, whole };
        true
    }

    fn finish(&mut self, _slot: usize, _request: &Request, response: &Response) -> Result<Done, String> {
        match response.status {
            200 if response.length != self.objects.size as u64 => {
                Err(format!("{} bytes instead of {}", response.length, self.objects.size))
            }
            200 if !response.intact => Err("WRONG BYTES".to_owned()),
            200 => Ok(Done { operations: 1, bytes: response.length }),
            _ => Err(response.error_label()),
        }
    }

    fn lost(&mut self, _slot: usize, _request: &Request) {}
}

/// DeleteObjects until nothing is left. An operation is an object, a latency is that of a request.
pub(crate) struct Delete<'a> {
    access: &'a mut Access,
    objects: &'a mut Objects,
    batch: usize,
}

impl<'a> Delete<'a> {
    pub(crate) const BATCH: usize = 100;

    pub(crate) fn new(access: &'a mut Access, objects: &'a mut Objects) -> Self {
        Self { access, objects, batch: Self::BATCH }
    }
}

impl Driver for Delete<'_> {
    fn next(&mut self, _slot: usize, request: &mut Request) -> bool {
        let keep = self.objects.present.len().saturating_sub(self.batch);
        request.numbers.extend(self.objects.present.drain(keep..));
        let keys: Vec<String> = request.numbers.iter().map(|&number| self.objects.key(number)).collect();
        if !keys.is_empty() {
            self.access.delete_request(request, keys.iter().map(String::as_str));
        }
        !keys.is_empty()
    }

    fn finish(&mut self, _slot: usize, request: &Request, response: &Response) -> Result<Done, String> {
        if response.status != 200 || memmem(&response.body, b"<Error>") {
            return Err(response.error_label());
        }
        Ok(Done { operations: request.numbers.len() as u64, bytes: 0 })
    }

    fn lost(&mut self, _slot: usize, _request: &Request) {}
}

fn memmem(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access::new("h:1", "b", &Credentials { access_key: "a".into(), secret_key: "s".into() })
    }

    #[test]
    fn puts_that_failed_are_put_again_when_a_number_is_wanted() {
        let mut access = access();
        let mut objects = Objects::new("r", 100, Rc::new(Pool::new(100)));
        let mut put = Put::new(&mut access, &mut objects, BodyKind::Unsigned, Some(2));
        let mut numbers = Vec::new();
        let mut request = Request::default();
        while put.next(0, &mut request) {
            numbers.push(request.numbers[0]);
            if numbers.len() == 1 {
                put.lost(0, &request);
            }
            request.clear();
        }
        assert_eq!(numbers, [0, 0, 1]);
    }

    #[test]
    fn a_delete_takes_a_hundred_keys_and_then_the_others() {
        let mut access = access();
        let mut objects = Objects::new("r", 100, Rc::new(Pool::new(100)));
        objects.present.extend(0..130);
        let mut delete = Delete::new(&mut access, &mut objects);
        for expected in [100, 30] {
            let mut request = Request::default();
            assert!(delete.next(0, &mut request));
            let text = String::from_utf8(request.to_bytes()).unwrap();
            assert_eq!(text.matches("<Key>").count(), expected);
        }
        assert!(!delete.next(0, &mut Request::default()));
    }
}
