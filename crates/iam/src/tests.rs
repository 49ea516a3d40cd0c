//! Identities over a simulated drive.

use std::net::IpAddr;
use std::time::Duration;

use cluster::map::ClusterMap;
use env::simulated::{Crash, SimulatedRandom, Simulation};
use meta::engine::Engine;
use meta::engine::memory::MemoryEngineStore;
use meta::{MetaDrive, MetaOptions};
use model::ids::{DriveId, StoreId};
use model::time::Timestamp;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const READ_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#;
const READ_A: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::a/*"}}"#;

/// A store of one simulated drive: what outlives a crash.
struct TestStore {
    simulation: Simulation,
    engine: MemoryEngineStore,
}

impl TestStore {
    fn new(seed: u64) -> Self {
        let simulation = Simulation::with_drives(seed, 1, 1 << 30);
        TestStore { simulation, engine: MemoryEngineStore::default() }
    }

    async fn meta(&self, env: &Env, new_store: bool) -> Arc<Meta> {
        let drive = DriveId::from_bytes([1; 16]);
        let map = ClusterMap {
            store: StoreId::from_bytes([7; 16]),
            epoch: 1,
            sets: vec![vec![drive]],
            parity: 0,
            parity_reduced: 0,
            partitions: 1,
            replicas: 1,
        };
        let engine = self.engine.clone();
        let engines = Arc::new(move |_: &Env, _: DriveId, _: &std::path::Path| {
            let engine: Arc<dyn Engine> = Arc::new(engine.open());
            Ok(engine)
        });
        let drives = vec![MetaDrive::new(drive, "/d1/meta")];
        let log = Arc::new(meta::log::LogOptions::new);
        let options = MetaOptions { map, drives, new_store, engines, log, watch: None };
        Arc::new(Meta::open(env, options).await.unwrap().0)
    }

    /// Runs with the identities open, then cuts the power.
    fn run<T>(&self, new_store: bool, work: impl AsyncFnOnce(Arc<Iam>, Env) -> T) -> T {
        let run = async |env: Env| {
            let meta = self.meta(&env, new_store).await;
            let iam = Iam::open(&env, &meta, root("root-secret"), &options()).await;
            work(Arc::new(iam.unwrap()), env).await
        };
        let result = self.simulation.run(run).finished();
        self.simulation.disks().crash_now(Crash::PowerCut);
        self.engine.crash(self.simulation.random());
        result
    }
}

fn options() -> IamOptions {
    IamOptions { costs: SealingCosts::LEAST, ..IamOptions::default() }
}

fn root(secret_key: &str) -> RootCredentials {
    RootCredentials {
        access_key: "root".to_owned(),
        secret_key: secret_key.to_owned(),
        from_environment: true,
    }
}

fn may(iam: &Iam, who: &Identity, action: Action, bucket: &str) -> bool {
    let mut context = Context::new();
    who.describe(&mut context);
    let question = Question {
        action,
        resource: Resource::Object { bucket, key: "k" },
        resource_account: Some(ROOT_ACCOUNT_NUMBER),
        resource_policy: None,
        context: &context,
    };
    iam.authorize(who, &question, "request-1").is_ok()
}

fn who(iam: &Iam, access_key: &str) -> Arc<Identity> {
    iam.find(access_key).unwrap().1
}

fn user(name: &str) -> KeyHolder {
    KeyHolder::User(name.to_owned())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const ROOT: AccountId = AccountId::ROOT;

#[test]
fn users_groups_and_keys_are_there_after_a_power_cut() {
    let store = TestStore::new(1);
    let service = store.run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        iam.put_policy(ROOT, "reader", READ_ALL).await.unwrap();
        iam.add_group_members(ROOT, "staff", &names(&["alice"])).await.unwrap();
        let group = PolicyHolder::Group("staff".into());
        iam.attach_policies(ROOT, group, &names(&["reader"])).await.unwrap();
        let new = NewServiceAccount { policy: Some(READ_A.to_owned()), ..NewServiceAccount::default() };
        iam.create_service_account(ROOT, &user("alice"), new).await.unwrap()
    });
    store.run(false, async |iam, _| {
        let (secret, alice) = iam.find("alice").unwrap();
        assert_eq!(secret.as_ref(), "wonderland");
        assert!(may(&iam, &alice, Action::GetObject, "b"));
        assert!(!may(&iam, &alice, Action::PutObject, "b"));
        let (secret, key) = iam.find(&service.access_key).unwrap();
        assert_eq!(secret, service.secret_key);
        assert!(may(&iam, &key, Action::GetObject, "a") && !may(&iam, &key, Action::GetObject, "b"));
        assert_eq!(iam.group(ROOT, "staff").unwrap().members, ["alice"]);
    });
}

#[test]
fn no_secret_is_in_a_row_or_in_a_debug_text() {
    let store = TestStore::new(2);
    let shown = store.run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        let session = iam.assume(&who(&iam, "alice"), HOUR, None).await.unwrap();
        let secrets = [session.secret_key.as_ref().to_owned(), session.session_token.as_ref().to_owned()];
        (format!("{iam:?} {:?} {session:?}", iam.find("alice")), secrets)
    });
    let (shown, secrets) = shown;
    let rows = store.engine.open();
    let mut on_drive = Vec::new();
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    rows.scan(model::ids::PartitionId(1), all, &mut |_, value| {
        on_drive.extend_from_slice(value);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let on_drive = String::from_utf8_lossy(&on_drive);
    assert!(!shown.contains("root-secret"));
    for secret in secrets.iter().map(String::as_str).chain(["wonderland", "root-secret"]) {
        assert!(!shown.contains(secret) && !on_drive.contains(secret), "{secret}");
    }
}

#[test]
fn what_is_taken_away_counts_at_once() {
    TestStore::new(3).run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        let holder = || PolicyHolder::User("alice".into());
        iam.attach_policies(ROOT, holder(), &names(&["readwrite"])).await.unwrap();
        let session = iam.assume(&who(&iam, "alice"), HOUR, None).await.unwrap();
        assert!(may(&iam, &who(&iam, &session.access_key), Action::PutObject, "b"));
        let gone = iam.detach_policies(ROOT, holder(), &names(&["readwrite", "other"])).await.unwrap();
        assert_eq!(gone, ["readwrite"]);
        assert!(!may(&iam, &who(&iam, &session.access_key), Action::PutObject, "b"));
        iam.set_user_enabled(ROOT, "alice", false).await.unwrap();
        assert!(iam.find("alice").is_none() && iam.find(&session.access_key).is_none());
        iam.set_user_enabled(ROOT, "alice", true).await.unwrap();
        assert!(iam.find(&session.access_key).is_some());
        iam.remove_user(ROOT, "alice").await.unwrap();
        assert!(iam.find("alice").is_none() && iam.find(&session.access_key).is_none());
    });
}

/// A row of a key that outlived its holder (written by two at once) is nobody's, also where the name is used again.
#[test]
fn a_key_belongs_to_the_user_it_was_made_for_and_to_no_later_one() {
    let mut directory = directory::Directory::new();
    let random = SimulatedRandom::new(1);
    let keyring = keyring::Keyring::generate(&random);
    let mut learn = |row| {
        directory.apply(meta::table::Stored { row, version: 1, time: Timestamp::ZERO }, &keyring);
    };
    let alice = model::identity::UserRecord {
        id: "AIDA-second".into(),
        created: Timestamp::ZERO,
        is_enabled: true,
        groups: Vec::new(),
        policies: Vec::new(),
    };
    learn(directory::RowChange::User((ROOT, "alice".into()), Some(alice)));
    for (key, id) in [("first", "AIDA-first"), ("second", "AIDA-second")] {
        let row = users::new_key(ROOT, user("alice"), AccessKeyKind::Service, Timestamp::ZERO);
        let sealed_secret = keyring.seal(key, "12345678", &random).unwrap();
        let row = model::identity::AccessKeyRecord { holder_id: id.into(), sealed_secret, ..row };
        learn(directory::RowChange::AccessKey(key.into(), Some(row)));
    }
    assert!(directory.find("first").is_none());
    assert!(directory.find("second").is_some());
}

#[test]
fn a_session_is_limited_by_its_policy_and_its_time_and_makes_no_other() {
    TestStore::new(4).run(true, async |iam, env| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        let holder = PolicyHolder::User("alice".into());
        iam.attach_policies(ROOT, holder, &names(&["readwrite"])).await.unwrap();
        let alice = who(&iam, "alice");
        let session = iam.assume(&alice, HOUR, Some(READ_A.to_owned())).await.unwrap();
        let identity = who(&iam, &session.access_key);
        assert!(may(&iam, &identity, Action::GetObject, "a"));
        assert!(
            !may(&iam, &identity, Action::GetObject, "b") && !may(&iam, &identity, Action::PutObject, "a")
        );
        let token = Some(session.session_token.as_ref());
        let now = env.clock.now();
        assert_eq!(identity.check_token(token, now), Ok(()));
        for wrong in [None, Some(""), Some("x"), Some("wonderland")] {
            assert_eq!(identity.check_token(wrong, now), Err(TokenFault::Invalid), "{wrong:?}");
        }
        assert_eq!(alice.check_token(token, now), Err(TokenFault::Invalid), "a token that nobody asked for");
        assert!(matches!(iam.assume(&identity, HOUR, None).await, Err(IamError::NotOwnKey)));
        for time in [Duration::from_secs(899), SESSION_TIME_MAX + Duration::from_secs(1)] {
            assert!(matches!(iam.assume(&alice, time, None).await, Err(IamError::Expiry { .. })));
        }
        let before = Timestamp::from_millis(session.expires.millis() - 1);
        assert_eq!(identity.check_token(token, before), Ok(()));
        assert_eq!(identity.check_token(token, session.expires), Err(TokenFault::Expired));
        assert_eq!(iam.remove_expired_sessions(before).await.unwrap(), 0);
        assert_eq!(iam.remove_expired_sessions(session.expires).await.unwrap(), 1);
        assert!(iam.find(&session.access_key).is_none());
    });
}

#[test]
fn a_hundred_sessions_at_once_are_made_and_revoked() {
    TestStore::new(5).run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        let alice = who(&iam, "alice");
        let sessions = (0..100).map(|_| iam.assume(&alice, HOUR, None));
        let made = futures_util::future::join_all(sessions).await;
        let keys: std::collections::BTreeSet<String> =
            made.into_iter().map(|session| session.unwrap().access_key).collect();
        assert_eq!(keys.len(), 100);
        assert_eq!(iam.access_keys(ROOT, &user("alice")).len(), 101);
        assert_eq!(iam.revoke_sessions(ROOT, &user("alice")).await.unwrap(), 100);
        assert!(keys.iter().all(|key| iam.find(key).is_none()) && iam.find("alice").is_some());
    });
}

#[test]
fn names_are_there_once_and_what_is_in_use_stays() {
    TestStore::new(6).run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        let new = || NewServiceAccount { access_key: Some("svc".into()), ..NewServiceAccount::default() };
        iam.create_service_account(ROOT, &user("alice"), new()).await.unwrap();
        let again = iam.create_service_account(ROOT, &user("alice"), new()).await;
        assert!(matches!(again, Err(IamError::Exists { kind: IdentityKind::AccessKey, .. })));
        let as_user = iam.put_user(ROOT, "svc", Some("12345678"), None).await;
        assert!(matches!(as_user, Err(IamError::Exists { .. })), "a user can't take over a key");
        let root = iam.put_user(ROOT, "root", Some("12345678"), None).await;
        assert!(matches!(root, Err(IamError::IsRoot { .. })));
        let of_root = NewServiceAccount { access_key: Some("root".into()), ..NewServiceAccount::default() };
        let of_root = iam.create_service_account(ROOT, &user("alice"), of_root).await;
        assert!(matches!(of_root, Err(IamError::IsRoot { .. })));
        let nobody = iam.create_service_account(ROOT, &user("bob"), NewServiceAccount::default()).await;
        assert!(matches!(nobody, Err(IamError::NotFound { kind: IdentityKind::User, .. })));

        iam.put_policy(ROOT, "reader", READ_ALL).await.unwrap();
        iam.set_policies(ROOT, PolicyHolder::User("alice".into()), &names(&["reader"])).await.unwrap();
        let error = iam.remove_policy(ROOT, "reader").await.unwrap_err().to_string();
        assert_eq!(error, "the policy `reader` is attached to the user `alice`: detach it first");
        let missing = iam.attach_policies(ROOT, PolicyHolder::User("alice".into()), &names(&["none"])).await;
        assert!(matches!(missing, Err(IamError::NotFound { kind: IdentityKind::Policy, .. })));
        iam.add_group_members(ROOT, "staff", &names(&["alice"])).await.unwrap();
        let full = iam.remove_group_members(ROOT, "staff", &[]).await;
        assert!(matches!(full, Err(IamError::GroupNotEmpty { members: 1, .. })));
        iam.remove_group_members(ROOT, "staff", &names(&["alice"])).await.unwrap();
        iam.remove_group_members(ROOT, "staff", &[]).await.unwrap();
        assert!(iam.groups(ROOT).is_empty());
    });
}

#[test]
fn a_policy_from_the_start_is_replaced_and_comes_back() {
    TestStore::new(7).run(true, async |iam, _| {
        let canned = iam.policy(ROOT, "readonly").unwrap();
        assert_eq!(canned.created, None);
        iam.put_policy(ROOT, "readonly", READ_A).await.unwrap();
        assert_eq!(iam.policy(ROOT, "readonly").unwrap().text, READ_A);
        assert_eq!(iam.policies(ROOT).len(), CANNED_POLICIES.len());
        iam.remove_policy(ROOT, "readonly").await.unwrap();
        assert_eq!(iam.policy(ROOT, "readonly").unwrap(), canned);
        assert!(iam.put_policy(ROOT, "broken", "{}").await.is_err());
    });
}

#[test]
fn another_secret_key_of_root_needs_the_former_one() {
    let store = TestStore::new(8);
    store.run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
    });
    let open = |secret: &'static str, former: IamOptions| {
        let run = async |env: Env| {
            let meta = store.meta(&env, false).await;
            let iam = Iam::open(&env, &meta, root(secret), &former).await?;
            Ok::<_, IamOpenError>(iam.find("alice").map(|(secret, _)| secret.as_ref().to_owned()))
        };
        store.simulation.run(run).finished()
    };
    let none = options;
    let error = open("changed-secret", none()).unwrap_err().to_string();
    assert!(error.contains("RUSTFS_SECRET_KEY_OLD"), "{error}");
    let former = IamOptions { former_root_secret: Some(SecretKey::new("root-secret")), ..options() };
    assert_eq!(open("changed-secret", former).unwrap().as_deref(), Some("wonderland"));
    assert_eq!(open("changed-secret", none()).unwrap().as_deref(), Some("wonderland"));
    assert!(matches!(open("root-secret", none()), Err(IamOpenError::OtherRootSecret)));
    let lost = IamOptions { is_root_secret_lost: true, ..options() };
    assert_eq!(open("third-secret", lost).unwrap(), None, "nobody can open alice's secret any more");
    let set_anew = async |env: Env| {
        let meta = store.meta(&env, false).await;
        let iam = Iam::open(&env, &meta, root("third-secret"), &options()).await.unwrap();
        iam.put_user(ROOT, "alice", Some("looking-glass"), None).await.unwrap();
        assert_eq!(iam.find("alice").unwrap().0.as_ref(), "looking-glass");
        iam.remove_user(ROOT, "alice").await.unwrap();
        assert!(iam.access_key("alice").is_err());
    };
    store.simulation.run(set_anew).finished();
}

/// Who tries the server out first, and sets a secret key then, is not asked for one that was never set.
#[test]
fn the_documented_secret_key_and_one_that_seals_nothing_may_be_changed_freely() {
    let store = TestStore::new(13);
    let open = |secret: &'static str, new_store: bool, with_user: bool| {
        let run = async |env: Env| {
            let meta = store.meta(&env, new_store).await;
            let iam = Iam::open(&env, &meta, root(secret), &options()).await.unwrap();
            if with_user {
                iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
            }
            iam.find("alice").map(|(secret, _)| secret.as_ref().to_owned())
        };
        store.simulation.run(run).finished()
    };
    assert_eq!(open("first-secret", true, false), None);
    assert_eq!(open(DOCUMENTED_SECRET_KEY, false, true).as_deref(), Some("wonderland"));
    assert_eq!(open("second-secret", false, false).as_deref(), Some("wonderland"));
}

#[test]
fn a_refusal_can_be_looked_up_by_its_request() {
    TestStore::new(9).run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        iam.attach_policies(ROOT, PolicyHolder::User("alice".into()), &names(&["readonly"])).await.unwrap();
        let alice = who(&iam, "alice");
        assert!(may(&iam, &alice, Action::GetObject, "b"));
        assert_eq!(iam.denial("request-1"), None);
        assert!(!may(&iam, &alice, Action::PutObject, "b"));
        let denial = iam.denial("request-1").unwrap();
        assert_eq!((denial.access_key.as_str(), denial.action), ("alice", Action::PutObject));
        assert_eq!(
            (denial.resource.as_str(), denial.reason.as_str()),
            ("arn:aws:s3:::b/k", "no statement allows it")
        );
    });
}

#[test]
fn root_may_all_and_anonymous_nothing() {
    TestStore::new(10).run(true, async |iam, _| {
        let (root, anonymous) = (who(&iam, "root"), iam.anonymous());
        for action in Action::ALL {
            assert!(may(&iam, &root, *action, "b"), "{action}");
            assert!(!may(&iam, &anonymous, *action, "b"), "{action}");
        }
        assert!(iam.find("Root").is_none() && iam.find("").is_none());
    });
}

/// Escalation through service accounts: one of root with a policy is held to it.
#[test]
fn a_service_account_of_root_is_held_to_its_policy() {
    TestStore::new(11).run(true, async |iam, _| {
        let limited = NewServiceAccount { policy: Some(READ_A.to_owned()), ..NewServiceAccount::default() };
        let limited = iam.create_service_account(ROOT, &KeyHolder::Owner, limited).await.unwrap();
        let full =
            iam.create_service_account(ROOT, &KeyHolder::Owner, NewServiceAccount::default()).await.unwrap();
        let (limited, full) = (who(&iam, &limited.access_key), who(&iam, &full.access_key));
        assert!(may(&iam, &limited, Action::GetObject, "a") && !may(&iam, &limited, Action::GetObject, "b"));
        assert!(!may(&iam, &limited, Action::AdminCreateUser, "a"));
        assert!(may(&iam, &full, Action::AdminCreateUser, "b"));
    });
}

fn admits(credentials: RootCredentials, address: &str, is_forwarded: bool) -> Result<(), AccessDenied> {
    let store = TestStore::new(12);
    let run = async |env: Env| {
        let meta = store.meta(&env, true).await;
        let iam = Iam::open(&env, &meta, credentials, &options()).await.unwrap();
        iam.admit(&Origin { address: address.parse::<IpAddr>().unwrap(), is_forwarded })
    };
    store.simulation.run(run).finished()
}

#[test]
fn the_documented_pair_works_from_this_machine_alone() {
    let documented = RootCredentials::documented;
    for here in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(admits(documented(), here, false), Ok(()), "{here}");
        assert!(admits(documented(), here, true).is_err(), "{here}");
    }
    for elsewhere in ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "0.0.0.0"] {
        let error = admits(documented(), elsewhere, false).unwrap_err().to_string();
        assert!(error.contains("RUSTFS_ACCESS_KEY") && error.contains("RUSTFS_SECRET_KEY"), "{error}");
    }
}

#[test]
fn credentials_that_were_set_work_from_everywhere() {
    let set = RootCredentials { from_environment: true, ..RootCredentials::documented() };
    let other = RootCredentials { secret_key: "long-secret".into(), ..RootCredentials::documented() };
    for credentials in [set, other] {
        assert_eq!(admits(credentials, "192.0.2.1", true), Ok(()));
    }
}

const OWN_HOME: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::${jwt:sub}/*"}}"#;

fn federated(subject: &str, policies: &[&str]) -> Federated {
    Federated {
        account: ROOT,
        provider: "openid".to_owned(),
        subject: subject.to_owned(),
        policies: names(policies),
        claims: vec![("jwt:sub".to_owned(), names(&[subject]))],
        expires: None,
    }
}

#[test]
fn who_is_vouched_for_may_what_the_named_policies_say_of_them() {
    let store = TestStore::new(14);
    let session = store.run(true, async |iam, _| {
        iam.put_policy(ROOT, "home", OWN_HOME).await.unwrap();
        let who = federated("a", &["home", "none"]);
        iam.assume_federated(who, SessionWish::default()).await.unwrap()
    });
    store.run(false, async |iam, _| {
        let identity = who(&iam, &session.access_key);
        assert!(
            may(&iam, &identity, Action::GetObject, "a") && !may(&iam, &identity, Action::GetObject, "b")
        );
        assert_eq!(identity.policy_names().collect::<Vec<_>>(), ["home"]);
        iam.put_policy(ROOT, "home", READ_ALL).await.unwrap();
        assert!(may(&iam, &who(&iam, &session.access_key), Action::GetObject, "b"), "what is changed counts");
        iam.remove_policy(ROOT, "home").await.unwrap();
        assert!(!may(&iam, &who(&iam, &session.access_key), Action::GetObject, "a"));
        let holder = KeyHolder::Federated { provider: "openid".into(), subject: "a".into() };
        assert_eq!(iam.revoke_sessions(ROOT, &holder).await.unwrap(), 1);
        assert!(iam.find(&session.access_key).is_none());
    });
}

/// A provider's users choose their names themselves, as a rule.
#[test]
fn who_is_vouched_for_is_nobody_of_the_store() {
    TestStore::new(15).run(true, async |iam, _| {
        iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
        for subject in ["alice", "root"] {
            let made = iam.assume_federated(federated(subject, &["readonly"]), SessionWish::default()).await;
            let identity = who(&iam, &made.unwrap().access_key);
            assert!(!identity.is_owner() && !identity.is_unlimited());
            let arn = format!("arn:aws:sts::000000000000:assumed-role/openid/{subject}");
            assert_eq!(identity.requester().arn(), arn);
            let mut context = Context::new();
            identity.describe(&mut context);
            assert_eq!(context.single(&ConditionKey::Known(ContextKey::UserName)), None);
            assert!(matches!(iam.assume(&identity, HOUR, None).await, Err(IamError::NotOwnKey)));
        }
    });
}

#[test]
fn a_federated_session_without_a_policy_or_with_a_proof_that_is_over_is_refused() {
    TestStore::new(16).run(true, async |iam, env| {
        let none = iam.assume_federated(federated("a", &["none"]), SessionWish::default()).await;
        assert!(matches!(none, Err(IamError::NoPolicy)));
        let end = Some(Timestamp::from_millis(env.clock.now().millis() + 60_000));
        let short = Federated { expires: end, ..federated("a", &["readonly"]) };
        let made = iam.assume_federated(short, SessionWish::default()).await.unwrap();
        assert!(Some(made.expires) <= end);
        let over = Federated { expires: Some(env.clock.now()), ..federated("a", &["readonly"]) };
        let over = iam.assume_federated(over, SessionWish::default()).await;
        assert!(matches!(over, Err(IamError::ProofExpired)));
        let limited = SessionWish { policy: Some(READ_A.to_owned()), time: None };
        let made = iam.assume_federated(federated("a", &["readwrite"]), limited).await.unwrap();
        let identity = who(&iam, &made.access_key);
        assert!(
            may(&iam, &identity, Action::GetObject, "a") && !may(&iam, &identity, Action::GetObject, "b")
        );
    });
}

/// An account's worth of identities, one of each kind.
async fn some_identities(iam: &Iam) -> KeyPair {
    iam.put_user(ROOT, "alice", Some("wonderland"), None).await.unwrap();
    iam.put_user(ROOT, "bob", Some("builders"), Some(false)).await.unwrap();
    iam.put_policy(ROOT, "reader", READ_ALL).await.unwrap();
    iam.add_group_members(ROOT, "staff", &names(&["alice", "bob"])).await.unwrap();
    iam.add_group_members(ROOT, "idle", &names(&["alice"])).await.unwrap();
    iam.set_group_enabled(ROOT, "idle", false).await.unwrap();
    let group = PolicyHolder::Group("staff".into());
    iam.attach_policies(ROOT, group, &names(&["reader"])).await.unwrap();
    iam.attach_policies(ROOT, PolicyHolder::User("bob".into()), &names(&["readwrite"])).await.unwrap();
    iam.create_service_account(ROOT, &KeyHolder::Owner, NewServiceAccount::default()).await.unwrap();
    let new = NewServiceAccount { policy: Some(READ_A.to_owned()), ..NewServiceAccount::default() };
    iam.create_service_account(ROOT, &user("alice"), new).await.unwrap()
}

fn outcomes(told: &[Imported], outcome: &ImportOutcome) -> usize {
    told.iter().filter(|told| told.outcome == *outcome).count()
}

#[test]
fn what_one_store_exports_another_imports_and_a_second_time_the_same() {
    let (carried, key) = TestStore::new(21).run(true, async |iam, _| {
        let key = some_identities(&iam).await;
        (iam.identities(ROOT, false), key)
    });
    assert_eq!(carried.service_accounts.keys().collect::<Vec<_>>(), [&key.access_key], "not root's");
    TestStore::new(22).run(true, async |iam, _| {
        for _ in 0..2 {
            let told = iam.import(ROOT, carried.clone(), false).await.unwrap();
            assert_eq!((told.len(), outcomes(&told, &ImportOutcome::Added)), (8, 8), "{told:?}");
        }
        let (secret, alice) = iam.find("alice").unwrap();
        assert_eq!(secret.as_ref(), "wonderland");
        assert!(may(&iam, &alice, Action::GetObject, "b") && !may(&iam, &alice, Action::PutObject, "b"));
        assert!(iam.find("bob").is_none(), "who is disabled stays so");
        assert_eq!(iam.user(ROOT, "bob").unwrap().policies, ["readwrite"]);
        assert!(!iam.group(ROOT, "idle").unwrap().is_enabled);
        assert_eq!(iam.group(ROOT, "staff").unwrap().members, ["alice", "bob"]);
        let (secret, service) = iam.find(&key.access_key).unwrap();
        assert_eq!(secret, key.secret_key);
        assert!(may(&iam, &service, Action::GetObject, "a") && !may(&iam, &service, Action::GetObject, "b"));
    });
}

#[test]
fn an_import_with_one_thing_that_can_not_be_changes_nothing() {
    let good = || CarriedUser { secret_key: Some(SecretKey::new("wonderland")), is_enabled: true };
    let with = |change: &dyn Fn(&mut Identities)| {
        let mut identities = Identities::default();
        identities.users.insert("alice".into(), good());
        change(&mut identities);
        identities
    };
    let wrong = [
        with(&|all| drop(all.policies.insert("p".into(), Some("{}".into())))),
        with(&|all| drop(all.policies.insert("a,b".into(), None))),
        with(&|all| drop(all.users.insert("a/b".into(), good()))),
        with(&|all| {
            drop(
                all.users
                    .insert("bob".into(), CarriedUser { secret_key: Some(SecretKey::new("x")), ..good() }),
            )
        }),
        with(&|all| drop(all.groups.insert(" x".into(), CarriedGroup { members: vec![], is_enabled: true }))),
        with(&|all| drop(all.service_accounts.insert("key".into(), carried_key("alice", Some("{"))))),
    ];
    TestStore::new(23).run(true, async |iam, _| {
        for identities in wrong {
            let shown = format!("{identities:?}");
            assert!(!shown.contains("wonderland"));
            let error = iam.import(ROOT, identities, true).await.unwrap_err();
            assert!(matches!(error, IamError::Unimportable { .. }), "{shown}: {error}");
            assert!(iam.find("alice").is_none());
        }
    });
}

fn carried_key(parent: &str, policy: Option<&str>) -> CarriedKey {
    CarriedKey {
        parent: parent.to_owned(),
        secret_key: Some(SecretKey::new("a secret of a key")),
        policy: policy.map(str::to_owned),
        is_enabled: true,
        name: String::new(),
        description: String::new(),
        expires: None,
    }
}

#[test]
fn keys_of_the_owner_are_imported_by_the_owner_alone() {
    TestStore::new(24).run(true, async |iam, _| {
        let old =
            iam.create_service_account(ROOT, &KeyHolder::Owner, NewServiceAccount::default()).await.unwrap();
        let mut identities = Identities::default();
        identities.users.insert("root".into(), CarriedUser { secret_key: None, is_enabled: true });
        identities.users.insert(
            "alice".into(),
            CarriedUser { secret_key: Some(SecretKey::new("wonderland")), is_enabled: true },
        );
        identities.service_accounts.insert("ofroot".into(), carried_key("root", None));
        identities.service_accounts.insert(old.access_key.clone(), carried_key("alice", None));
        identities.service_accounts.insert("alice".into(), carried_key("alice", None));
        let told = iam.import(ROOT, identities.clone(), false).await.unwrap();
        assert_eq!(outcomes(&told, &ImportOutcome::Added), 1, "alice alone: {told:?}");
        assert!(iam.find("ofroot").is_none());
        assert_eq!(iam.find(&old.access_key).unwrap().0, old.secret_key);
        let told = iam.import(ROOT, identities, true).await.unwrap();
        assert_eq!(outcomes(&told, &ImportOutcome::Added), 3, "{told:?}");
        assert!(iam.find("ofroot").unwrap().1.is_unlimited());
        assert!(!iam.find(&old.access_key).unwrap().1.is_owner());
    });
}

#[test]
fn what_an_import_can_not_do_is_told_entry_by_entry() {
    TestStore::new(25).run(true, async |iam, _| {
        some_identities(&iam).await;
        let mut identities = Identities::default();
        identities.policies.insert("reader".into(), None);
        identities.policies.insert("nobody-has-it".into(), None);
        identities.policies.insert("readwrite".into(), Some(iam.policy(ROOT, "readwrite").unwrap().text));
        identities.groups.insert(
            "staff".into(),
            CarriedGroup { members: names(&["alice", "mallory"]), is_enabled: false },
        );
        identities.user_policies.insert("alice".into(), names(&["missing"]));
        identities.user_policies.insert("mallory".into(), names(&["reader"]));
        let ended = CarriedKey { expires: Some(Timestamp::from_millis(1)), ..carried_key("alice", None) };
        identities.service_accounts.insert("ended".into(), ended);
        identities.service_accounts.insert("orphan".into(), carried_key("mallory", None));
        let told = iam.import(ROOT, identities, true).await.unwrap();
        let failed: Vec<&str> = told
            .iter()
            .filter(|told| matches!(told.outcome, ImportOutcome::Failed(_)))
            .map(|told| told.name.as_str())
            .collect();
        assert_eq!(failed, ["reader", "staff", "alice", "mallory", "orphan"], "{told:?}");
        assert_eq!(outcomes(&told, &ImportOutcome::Removed), 1);
        assert_eq!(outcomes(&told, &ImportOutcome::Skipped("it has ended".into())), 1);
        assert!(iam.group(ROOT, "staff").unwrap().is_enabled);
        assert_eq!(
            iam.policy(ROOT, "readwrite").unwrap().created,
            None,
            "it is the one that every store has"
        );
    });
}

#[test]
fn many_identities_are_many_transactions() {
    TestStore::new(26).run(true, async |iam, _| {
        let mut identities = Identities::default();
        for number in 0..1_000 {
            let secret_key = Some(SecretKey::new("wonderland"));
            identities.users.insert(format!("user-{number}"), CarriedUser { secret_key, is_enabled: true });
        }
        let members = identities.users.keys().cloned().collect();
        identities.groups.insert("all".into(), CarriedGroup { members, is_enabled: true });
        let told = iam.import(ROOT, identities, false).await.unwrap();
        assert_eq!(outcomes(&told, &ImportOutcome::Added), 1_001);
        assert_eq!(iam.group(ROOT, "all").unwrap().members.len(), 1_000);
    });
}
