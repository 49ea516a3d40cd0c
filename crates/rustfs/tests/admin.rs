//! The admin API behind its door, over a store of simulated drives: a walk over all of its routes, with every kind of caller.
//! What `mc` sees over the network is tested in `tests/admin`.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use admin::{
    Admin, AdminOptions, Control, Gate, KMS_ROUTES, LogBoard, Needed, ROUTES, Route, ServerFacts, TraceBoard,
};
use blob::{BlobOptions, Blobs, SetDrives};
use bytes::Bytes;
use cluster::map::ClusterMap;
use env::Env;
use env::simulated::Simulation;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use iam::{Iam, IamOptions, NewServiceAccount, RootCredentials, SealingCosts};
use meta::engine::Engine;
use meta::engine::memory::MemoryEngineStore;
use meta::{Meta, MetaDrive, MetaOptions};
use model::identity::{AccountId, KeyHolder};
use model::ids::{DriveId, StoreId};
use object::{Objects, ObjectsOptions};
use rustfs::admin_door::AdminDoor;
use s3::auth::date::AmzDate;
use s3::auth::sign::{Signer, Target};
use s3::{Frontend, FrontendOptions, Peer};
use serde_json::Value;

const HOST: &str = "localhost:9000";
const USER_SECRET: &str = "users-secret";

/// Counts what the process was told.
#[derive(Debug, Default)]
struct Told {
    stops: AtomicUsize,
    restarts: AtomicUsize,
}

impl Control for Told {
    fn stop(&self) {
        self.stops.fetch_add(1, Ordering::Relaxed);
    }

    fn restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }
}

struct Client {
    door: AdminDoor,
    env: Env,
    told: Arc<Told>,
    gate: Arc<Gate>,
    iam: Arc<Iam>,
}

/// With whose secret a request is signed.
#[derive(Clone, Copy)]
enum Signed {
    Nobody,
    Root,
    Wrongly,
    /// A user without any policy.
    User,
}

impl Client {
    async fn send(
        &self,
        signed: Signed,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Value) {
        let mut map = HeaderMap::new();
        map.insert("host", HOST.parse().unwrap());
        let keys = match signed {
            Signed::Nobody => None,
            Signed::Root => Some(("rustfsadmin", "rustfssecret")),
            Signed::Wrongly => Some(("rustfsadmin", "another secret")),
            Signed::User => Some(("nobody-special", USER_SECRET)),
        };
        if let Some((access_key, secret)) = keys {
            let now = i64::try_from(self.env.clock.now().millis()).unwrap();
            let date = AmzDate::from_unix_milliseconds(now).unwrap();
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let (region, service) = ("us-east-1", "s3");
            let signer = Signer { access_key, secret, session_token: None, region, service };
            let of_body = hex::encode(ring::digest::digest(&ring::digest::SHA256, body));
            let said = headers.iter().find(|(name, _)| *name == "payload").map(|(_, value)| *value);
            let target = Target { method, path, query, host: HOST };
            signer.sign(&target, &mut map, &date, said.unwrap_or(&of_body));
        }
        for (name, value) in headers.iter().filter(|(name, _)| *name != "payload") {
            map.insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let mut request = Request::builder().method(method).uri(uri);
        request.headers_mut().unwrap().extend(map);
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        assert!(self.door.is_meant(&request), "{uri}");
        let peer = Peer { address: "127.0.0.1".parse().unwrap(), is_tls: false };
        let (parts, body) = self.door.answer(request, peer).await.into_parts();
        assert_eq!(parts.headers["x-amz-request-id"].len(), 16, "{uri}");
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn code(&self, signed: Signed, method: &str, uri: &str) -> (u16, String) {
        let (status, document) = self.send(signed, method, uri, &[], b"").await;
        (status, document["Code"].as_str().unwrap_or_default().to_owned())
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn store(env: &Env) -> Objects {
    let id = DriveId::from_bytes([1; 16]);
    let map = ClusterMap {
        store: StoreId::from_bytes([7; 16]),
        epoch: 1,
        sets: vec![vec![id]],
        parity: 0,
        parity_reduced: 0,
        partitions: 3,
        replicas: 1,
    };
    let memory = MemoryEngineStore::default();
    let engines = Arc::new(move |_: &Env, _: DriveId, _: &Path| {
        let engine: Arc<dyn Engine> = Arc::new(memory.open());
        Ok(engine)
    });
    let drives = vec![MetaDrive::new(id, "/d1/meta")];
    let log = Arc::new(meta::log::LogOptions::new);
    let options = MetaOptions { map, drives, new_store: true, engines, log, watch: None };
    let (meta, _) = Meta::open(env, options).await.unwrap();
    let set = SetDrives { set: 0, map_epoch: 1, drives: vec![Some("/d1".into())] };
    let blobs = Blobs::open(env.clone(), vec![set], BlobOptions::default()).await.unwrap();
    Objects::new(env.clone(), Arc::new(meta), blobs, ObjectsOptions::for_replicas(1))
}

/// Identities whose keys are derived quickly.
async fn identities(env: &Env, objects: &Objects) -> Iam {
    let options = IamOptions { costs: SealingCosts::LEAST, ..IamOptions::default() };
    Iam::open(env, objects.meta(), RootCredentials::documented(), &options).await.unwrap()
}

/// Runs a test against the door.
fn on_door(test: impl AsyncFnOnce(Client)) {
    let simulation = Simulation::with_drives(1, 1, 4 << 30);
    let ending = simulation.run(async |env| {
        let objects = store(&env).await;
        let iam = Arc::new(identities(&env, &objects).await);
        let front = Frontend::new(objects.clone(), Arc::clone(&iam), env.clone(), FrontendOptions::default());
        let (told, gate) = (Arc::new(Told::default()), Arc::new(Gate::default()));
        let admin = Admin::new(AdminOptions {
            objects: objects.clone(),
            iam: Arc::clone(&iam),
            env: env.clone(),
            scrubs: worker::ScrubBoard::default(),
            facts: ServerFacts {
                endpoint: HOST.to_owned(),
                scheme: "http",
                version: "0",
                region: "us-east-1".to_owned(),
                domains: Vec::new(),
                started: Duration::ZERO,
                settings: Vec::new(),
                identity_providers: vec![admin::ProviderFacts {
                    kind: "openid",
                    name: String::new(),
                    role_arn: "arn:minio:iam:::role/a".to_owned(),
                    settings: vec![("client_id", "store".to_owned())],
                }],
            },
            control: Arc::clone(&told) as Arc<dyn Control>,
            gate: Arc::clone(&gate),
            traces: TraceBoard::default(),
            logs: LogBoard::default(),
        });
        let door = AdminDoor::new(admin, front, vec!["s3.example.com".to_owned()]);
        test(Client { door, env, told, gate, iam }).await;
        objects.meta().close().await;
        objects.blobs().close().await;
    });
    ending.finished();
}

/// Every route under every prefix, with a word in place of each name of its path.
fn all() -> Vec<(&'static Route, String)> {
    let under = |prefix: &'static str, routes: &'static [Route]| {
        routes.iter().map(move |route| {
            let path = route.path.replace("{path*}", "bucket/key").replace("{what*}", "join");
            let query = match route.needed {
                Needed::ByValue { parameter, actions } => format!("?{parameter}={}", actions[0].0),
                _ => String::new(),
            };
            (route, format!("{prefix}{}{query}", path.replace(['{', '}'], "")))
        })
    };
    let admin = under("/minio/admin/v3", ROUTES).chain(under("/rustfs/admin/v3", ROUTES));
    admin.chain(under("/minio/kms/v1", KMS_ROUTES)).collect()
}

#[test]
fn no_route_is_served_to_who_does_not_sign_or_signs_wrongly() {
    on_door(async |client| {
        for (route, uri) in all() {
            let anonymous = client.code(Signed::Nobody, route.method, &uri).await;
            assert_eq!(anonymous, refused(403, "AccessDenied"), "{} {uri}", route.method);
            let wrong = client.code(Signed::Wrongly, route.method, &uri).await;
            assert_eq!(wrong, refused(403, "SignatureDoesNotMatch"), "{} {uri}", route.method);
        }
        let told = (client.told.stops.load(Ordering::Relaxed), client.told.restarts.load(Ordering::Relaxed));
        assert_eq!(told, (0, 0), "whoever was refused has changed nothing");
    });
}

#[test]
fn no_route_serves_a_user_without_its_right() {
    on_door(async |client| {
        client.iam.put_user(AccountId::ROOT, "nobody-special", Some(USER_SECRET), None).await.unwrap();
        for (route, uri) in all().into_iter().filter(|(route, _)| route.needed != Needed::Known) {
            let found = client.code(Signed::User, route.method, &uri).await;
            assert_eq!(found, refused(403, "AccessDenied"), "{} {uri}", route.method);
        }
        let told = (client.told.stops.load(Ordering::Relaxed), client.told.restarts.load(Ordering::Relaxed));
        assert_eq!(told, (0, 0));
    });
}

/// Routes without a right of their own are about the caller: of root nothing is told or changed.
#[test]
fn what_needs_no_right_is_about_the_caller_alone() {
    on_door(async |client| {
        client.iam.put_user(AccountId::ROOT, "nobody-special", Some(USER_SECRET), None).await.unwrap();
        let key = client
            .iam
            .create_service_account(AccountId::ROOT, &KeyHolder::Owner, NewServiceAccount::default())
            .await
            .unwrap()
            .access_key;
        let of_root = [
            ("GET", "user-info?accessKey=rustfsadmin".to_owned()),
            ("GET", "list-service-accounts?user=rustfsadmin".to_owned()),
            ("GET", format!("info-service-account?accessKey={key}")),
            ("GET", format!("info-access-key?accessKey={key}")),
            ("DELETE", format!("delete-service-account?accessKey={key}")),
            ("POST", format!("update-service-account?accessKey={key}")),
            ("GET", "list-access-keys-bulk?listType=all&users=rustfsadmin".to_owned()),
            ("GET", "list-access-keys-bulk?listType=all&all=true".to_owned()),
            ("POST", "revoke-tokens/builtin?user=rustfsadmin".to_owned()),
        ];
        for (method, what) in of_root {
            let found = client.code(Signed::User, method, &format!("/rustfs/admin/v3/{what}")).await;
            assert_eq!(found, refused(403, "AccessDenied"), "{what}");
        }
        let body = br#"{"targetUser":"rustfsadmin"}"#;
        let uri = "/rustfs/admin/v3/add-service-account";
        let (status, _) = client.send(Signed::User, "PUT", uri, &[], body).await;
        assert_eq!(status, 403);
        let unsigned = [("payload", "UNSIGNED-PAYLOAD")];
        let (status, found) = client.send(Signed::User, "PUT", uri, &unsigned, b"{}").await;
        assert_eq!(
            (status, found["Code"].as_str()),
            (400, Some("InvalidRequest")),
            "anybody could change it"
        );
        let (status, own) = client.send(Signed::User, "PUT", uri, &[], b"{}").await;
        assert_eq!((status, own["credentials"]["accessKey"].is_string()), (200, true), "{own}");
        let (_, account) = client.send(Signed::User, "GET", "/rustfs/admin/v3/accountinfo", &[], b"").await;
        assert_eq!(
            (&account["AccountName"], &account["Buckets"]),
            (&"nobody-special".into(), &serde_json::json!([]))
        );
    });
}

#[test]
fn what_is_not_built_says_so_to_who_may_ask() {
    on_door(async |client| {
        for (route, uri) in all().into_iter().filter(|(route, _)| !route.is_built()) {
            let found = client.code(Signed::Root, route.method, &uri).await;
            assert_eq!(found, refused(501, "NotImplemented"), "{} {uri}", route.method);
        }
        let unknown = client.code(Signed::Root, "GET", "/minio/admin/v3/no-such-route").await;
        assert_eq!(unknown, refused(501, "NotImplemented"));
        let unknown = client.code(Signed::Nobody, "GET", "/minio/admin/v3/no-such-route").await;
        assert_eq!(unknown, refused(403, "AccessDenied"), "nobody is told what there is");
    });
}

#[test]
fn a_body_that_was_not_signed_is_refused() {
    on_door(async |client| {
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let empty = [("payload", digest)];
        let (status, _) = client.send(Signed::Root, "GET", "/rustfs/admin/v3/info", &empty, b"").await;
        assert_eq!(status, 200);
        let chunked =
            [("payload", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), ("x-amz-decoded-content-length", "0")];
        let (status, found) = client.send(Signed::Root, "GET", "/rustfs/admin/v3/info", &chunked, b"").await;
        assert!(status >= 400, "{found}");
    });
}

#[test]
fn the_service_is_told_what_is_asked_unless_it_is_tried_only() {
    on_door(async |client| {
        let tell = async |query: &str| {
            client.send(Signed::Root, "POST", &format!("/minio/admin/v3/service?{query}"), &[], b"").await
        };
        let (status, answer) = tell("action=stop&dry-run=true&type=2").await;
        assert_eq!((status, &answer["results"][0]["host"]), (200, &HOST.into()));
        assert_eq!(client.told.stops.load(Ordering::Relaxed), 0);
        tell("action=restart&type=2").await;
        tell("action=freeze").await;
        assert!(client.gate.is_closed());
        tell("action=unfreeze").await;
        assert!(!client.gate.is_closed());
        assert_eq!(client.told.restarts.load(Ordering::Relaxed), 1);
        assert_eq!(tell("action=explode").await.0, 400);
        assert_eq!(tell("").await.0, 400);
    });
}

#[test]
fn a_bucket_in_the_host_has_keys_of_any_name() {
    on_door(async |client| {
        let request = |host: &str| {
            Request::builder().uri("/minio/admin/v3/info").header("host", host).body(()).unwrap()
        };
        assert!(client.door.is_meant(&request("s3.example.com")));
        assert!(!client.door.is_meant(&request("photos.s3.example.com")));
    });
}

#[test]
fn identity_providers_are_shown_without_secrets_and_set_elsewhere() {
    on_door(async |client| {
        let uri = |rest: &str| format!("/rustfs/admin/v3/idp-config/{rest}");
        let (status, list) = client.send(Signed::Root, "GET", &uri("openid"), &[], b"").await;
        assert_eq!(
            (status, &list[0]["name"], &list[0]["enabled"]),
            (200, &"_".into(), &true.into()),
            "{list}"
        );
        assert_eq!(list[0]["roleARN"], "arn:minio:iam:::role/a");
        let (status, list) = client.send(Signed::Root, "GET", &uri("ldap"), &[], b"").await;
        assert_eq!((status, list), (200, serde_json::json!([])));
        let (_, shown) = client.send(Signed::Root, "GET", &uri("openid/_"), &[], b"").await;
        assert_eq!(
            (&shown["info"][0]["key"], &shown["info"][0]["value"]),
            (&"client_id".into(), &"store".into())
        );
        for (method, rest, expected) in [
            ("GET", "openid/other", refused(404, "XMinioAdminNoSuchConfigTarget")),
            ("GET", "saml", refused(400, "InvalidArgument")),
            ("PUT", "openid/_", refused(501, "NotImplemented")),
            ("DELETE", "openid/_", refused(501, "NotImplemented")),
        ] {
            assert_eq!(client.code(Signed::Root, method, &uri(rest)).await, expected, "{method} {rest}");
        }
    });
}

#[test]
fn sessions_of_a_provider_are_ended_by_who_may() {
    on_door(async |client| {
        client.iam.put_user(AccountId::ROOT, "nobody-special", Some(USER_SECRET), None).await.unwrap();
        let session = async |provider: &str| {
            let who = iam::Federated {
                account: AccountId::ROOT,
                provider: provider.to_owned(),
                subject: "alice".to_owned(),
                policies: vec!["readonly".to_owned()],
                claims: Vec::new(),
                expires: None,
            };
            client.iam.assume_federated(who, iam::SessionWish::default()).await.unwrap().access_key
        };
        let (ours, others) = (session("openid").await, session("openid:STAFF").await);
        let uri = "/rustfs/admin/v3/revoke-tokens/openid?user=alice";
        assert_eq!(client.code(Signed::User, "POST", uri).await, refused(403, "AccessDenied"));
        let nobody = "/rustfs/admin/v3/revoke-tokens/openid";
        assert_eq!(client.code(Signed::Root, "POST", nobody).await, refused(400, "InvalidArgument"));
        assert!(client.iam.find(&ours).is_some());
        let (status, _) = client.send(Signed::Root, "POST", uri, &[], b"").await;
        assert_eq!(status, 204);
        assert!(client.iam.find(&ours).is_none() && client.iam.find(&others).is_some());
    });
}
