//! A provider that is asked over a web of this process: what counts, how often it is asked, and what a change of keys does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use env::simulated::Simulation;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::jwt::tests::TestKey;

const CONFIG: &str = "https://idp.test/config";
const KEYS: &str = "https://idp.test/keys";
const USER: &str = "https://idp.test/user";

/// What a provider would answer.
struct FakeWeb {
    clock: Arc<dyn Clock>,
    keys: Mutex<Vec<Value>>,
    is_down: AtomicBool,
    /// How often its keys were asked for.
    asked: AtomicUsize,
    user: Value,
}

impl FakeWeb {
    fn new(clock: &Arc<dyn Clock>, keys: Vec<Value>) -> Arc<Self> {
        let clock = Arc::clone(clock);
        let user = json!({"sub": "alice", "groups": ["staff"]});
        let (is_down, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Self { clock, keys: Mutex::new(keys), is_down, asked, user })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Web for FakeWeb {
    fn post<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> BoxFuture<'a, Result<(u16, Bytes), WebFault>> {
        Box::pin(async { Err(WebFault("nothing is posted".to_owned())) })
    }

    fn get<'a>(&'a self, url: &'a str, bearer: Option<&'a str>) -> BoxFuture<'a, Result<Bytes, WebFault>> {
        Box::pin(async move {
            self.clock.sleep(Duration::from_millis(50)).await;
            if self.is_down.load(Ordering::Relaxed) {
                return Err(WebFault("it is down".to_owned()));
            }
            let document = match (url, bearer) {
                (CONFIG, None) => {
                    json!({"issuer": "https://idp.test", "jwks_uri": KEYS, "userinfo_endpoint": USER})
                }
                (KEYS, None) => {
                    self.asked.fetch_add(1, Ordering::Relaxed);
                    json!({"keys": *self.keys.lock()})
                }
                (USER, Some("opens")) => self.user.clone(),
                _ => return Err(WebFault("the answer is 401".to_owned())),
            };
            Ok(Bytes::from(document.to_string()))
        })
    }
}

fn options() -> OpenIdOptions {
    OpenIdOptions {
        name: String::new(),
        config_url: CONFIG.to_owned(),
        client_id: "store".to_owned(),
        claim_name: "policy".to_owned(),
        role_policies: None,
        asks_user_info: false,
    }
}

fn token(key: &TestKey, id: &str, clock: &Arc<dyn Clock>) -> String {
    let end = clock.now().millis() / 1000 + 100_000_000;
    let claims =
        json!({"iss": "https://idp.test", "aud": "store", "sub": "alice", "exp": end, "policy": "a,b"});
    key.token("EdDSA", id, &claims)
}

/// Runs with a provider of one key, `1`.
fn with_provider(
    options: OpenIdOptions,
    work: impl AsyncFnOnce(OpenIdProvider, Arc<FakeWeb>, Arc<dyn Clock>, TestKey),
) {
    let run = async |env: env::Env| {
        let key = TestKey::ed25519();
        let web = FakeWeb::new(&env.clock, vec![key.named("1")]);
        let asked: Arc<dyn Web> = Arc::<FakeWeb>::clone(&web);
        let provider = OpenIdProvider::new(options, asked, Arc::clone(&env.clock));
        work(provider, web, Arc::clone(&env.clock), key).await;
    };
    let mut simulation = Simulation::new(1);
    simulation.set_life_max(Duration::from_secs(7 * 24 * 3600));
    simulation.run(run).finished();
}

async fn vouch(provider: &OpenIdProvider, token: &str) -> Result<Federated, ProviderFault> {
    provider.vouch(Proof::WebIdentity { token, access_token: None }).await
}

#[test]
fn whom_a_token_names_is_vouched_for_and_the_provider_is_asked_once() {
    with_provider(options(), async |provider, web, clock, key| {
        let token = token(&key, "1", &clock);
        let all = join_all((0..50).map(|_| vouch(&provider, &token))).await;
        for who in all {
            let who = who.unwrap();
            assert_eq!((who.provider.as_str(), who.subject.as_str()), ("openid", "alice"));
            assert_eq!((who.policies.join("|").as_str(), who.claim("jwt:aud")), ("a|b", Some("store")));
            assert!(who.expires.is_some());
        }
        assert_eq!(web.asked(), 1);
    });
}

#[test]
fn a_new_key_of_the_provider_counts_and_a_former_one_ends() {
    with_provider(options(), async |provider, web, clock, former| {
        vouch(&provider, &token(&former, "1", &clock)).await.unwrap();
        let new = TestKey::ed25519();
        *web.keys.lock() = vec![new.named("2")];
        clock.sleep(freshness::ASK_AGAIN_AFTER).await;
        vouch(&provider, &token(&new, "2", &clock)).await.unwrap();
        let refused = vouch(&provider, &token(&former, "1", &clock)).await;
        assert!(matches!(refused, Err(ProviderFault::Invalid { .. })), "{refused:?}");
        assert_eq!(web.asked(), 2);
    });
}

/// A key that the provider took back without putting another in its place.
#[test]
fn keys_are_looked_at_anew_after_a_while() {
    with_provider(options(), async |provider, web, clock, key| {
        let token = token(&key, "1", &clock);
        vouch(&provider, &token).await.unwrap();
        *web.keys.lock() = vec![TestKey::ed25519().named("2")];
        clock.sleep(Duration::from_secs(9 * 60)).await;
        vouch(&provider, &token).await.unwrap();
        clock.sleep(Duration::from_secs(2 * 60)).await;
        assert!(vouch(&provider, &token).await.is_err());
    });
}

#[test]
fn tokens_of_unknown_keys_do_not_make_this_server_hammer_the_provider() {
    with_provider(options(), async |provider, web, clock, key| {
        let forged: Vec<String> =
            (0..200).map(|number| token(&TestKey::ed25519(), &format!("x{number}"), &clock)).collect();
        for batch in forged.chunks(50) {
            let all = join_all(batch.iter().map(|token| vouch(&provider, token))).await;
            assert!(all.iter().all(|who| matches!(who, Err(ProviderFault::Invalid { .. }))));
            clock.sleep(Duration::from_secs(4)).await;
        }
        assert!(web.asked() <= 2, "{}", web.asked());
        vouch(&provider, &token(&key, "1", &clock)).await.unwrap();
    });
}

#[test]
fn a_provider_that_is_down_vouches_by_what_it_published_within_the_last_day() {
    with_provider(options(), async |provider, web, clock, key| {
        let token = token(&key, "1", &clock);
        web.is_down.store(true, Ordering::Relaxed);
        assert_eq!(vouch(&provider, &token).await, Err(ProviderFault::Unreachable));
        web.is_down.store(false, Ordering::Relaxed);
        assert_eq!(vouch(&provider, &token).await, Err(ProviderFault::Unreachable), "it was asked just now");
        clock.sleep(freshness::ASK_AGAIN_AFTER).await;
        vouch(&provider, &token).await.unwrap();
        web.is_down.store(true, Ordering::Relaxed);
        clock.sleep(Duration::from_secs(3600)).await;
        vouch(&provider, &token).await.unwrap();
        clock.sleep(Duration::from_secs(24 * 3600)).await;
        assert_eq!(vouch(&provider, &token).await, Err(ProviderFault::Unreachable));
        web.is_down.store(false, Ordering::Relaxed);
        clock.sleep(freshness::ASK_AGAIN_AFTER).await;
        vouch(&provider, &token).await.unwrap();
    });
}

#[test]
fn a_role_gives_its_policies_whatever_the_token_names() {
    let options = OpenIdOptions { role_policies: Some(vec!["readonly".into()]), ..options() };
    with_provider(options, async |provider, _, clock, key| {
        assert_eq!(provider.role(), Some(role_arn("store").as_str()));
        let who = vouch(&provider, &token(&key, "1", &clock)).await.unwrap();
        assert_eq!(who.policies, ["readonly"]);
    });
}

#[test]
fn more_is_asked_of_the_provider_where_that_is_set() {
    with_provider(OpenIdOptions { asks_user_info: true, ..options() }, async |provider, _, clock, key| {
        let token = token(&key, "1", &clock);
        let with =
            async |access_token| provider.vouch(Proof::WebIdentity { token: &token, access_token }).await;
        assert_eq!(with(Some("opens")).await.unwrap().claim("jwt:groups"), Some("staff"));
        assert!(matches!(with(None).await, Err(ProviderFault::Invalid { .. })));
        assert_eq!(with(Some("forged")).await, Err(ProviderFault::Unreachable));
    });
}
