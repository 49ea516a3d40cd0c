use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::names::ByName;
use super::reload::{Finding, Looks};
use super::testing::{Authority, Made, put};
use super::*;

fn env() -> Env {
    env::real::env(&tokio::runtime::Handle::current())
}

fn options(folder: &Path) -> TlsOptions {
    TlsOptions {
        folder: folder.to_owned(),
        clients: ClientCertificates::Off,
        client_authorities: None,
        looked_at_every: None,
    }
}

async fn open(folder: &Path) -> Result<Tls, TlsError> {
    Tls::open(&env(), options(folder)).await
}

async fn refusal(folder: &Path) -> String {
    open(folder).await.unwrap_err().to_string()
}

/// The certificate that a client gets for a name.
fn served(tls: &Tls, name: Option<&str>) -> Vec<u8> {
    let found = ByName::new(&tls.serving().pairs).find(name).unwrap();
    found.cert[0].as_ref().to_vec()
}

#[tokio::test]
async fn both_families_of_file_names_are_taken() {
    let made = Authority::new().leaf(&["a.example"]);
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "public.crt", &made.certificate);
    put(folder.path(), "private.key", &made.key);
    assert_eq!(served(&open(folder.path()).await.unwrap(), None), made.der);
    let first = Authority::new().leaf(&["b.example"]);
    first.put(folder.path());
    assert_eq!(served(&open(folder.path()).await.unwrap(), None), first.der, "RustFS's names come first");
}

#[tokio::test]
async fn the_names_in_a_certificate_decide_who_gets_it() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let top = authority.leaf(&["top.example"]);
    let wild = authority.leaf(&["*.s3.example", "S3.example"]);
    let other = authority.leaf(&["other.example"]);
    top.put(folder.path());
    wild.put(&folder.path().join("wild"));
    other.put(&folder.path().join("other.example"));
    let tls = open(folder.path()).await.unwrap();
    for (name, wanted) in [
        (None, &top),
        (Some("top.example"), &top),
        (Some("nobody.example"), &top),
        (Some("s3.example"), &wild),
        (Some("bucket.s3.example"), &wild),
        (Some("BUCKET.s3.EXAMPLE"), &wild),
        (Some("a.bucket.s3.example"), &top),
        (Some("other.example"), &other),
        (Some("example"), &top),
    ] {
        assert!(served(&tls, name) == wanted.der, "{name:?}");
    }
    let warnings = tls.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("is not for wild, as its folder says, but for *.s3.example, s3.example"));
}

#[tokio::test]
async fn what_can_not_be_used_is_refused_with_the_file_and_what_to_do() {
    let authority = Authority::new();
    let (one, two) = (authority.leaf(&["a.example"]), authority.leaf(&["a.example"]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let said = refusal(&path.join("gone")).await;
    assert!(said.contains("gone holds no certificate: put rustfs_cert.pem and rustfs_key.pem"), "{said}");
    put(path, "rustfs_cert.pem", &one.certificate);
    let said = refusal(path).await;
    assert!(
        said.contains("rustfs_cert.pem is there, but") && said.contains("rustfs_key.pem is not"),
        "{said}"
    );
    put(path, "rustfs_key.pem", &two.key);
    let said = refusal(path).await;
    assert!(said.contains("rustfs_key.pem does not belong to the certificate"), "{said}");
    for key in [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nMIG",
    ] {
        put(path, "rustfs_key.pem", key);
        let said = refusal(path).await;
        assert!(said.contains("rustfs_key.pem can't be used as a private key"), "{said}");
        assert!(!said.contains("MIG"), "{said}");
    }
    put(
        path,
        "rustfs_key.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    assert!(refusal(path).await.contains("is protected by a password"));
    put(path, "rustfs_key.pem", &one.key);
    for certificate in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        put(path, "rustfs_cert.pem", certificate);
        let said = refusal(path).await;
        assert!(said.contains("rustfs_cert.pem can't be used as a certificate"), "{said}");
    }
    put(path, "rustfs_cert.pem", &one.certificate);
    put(&path.join("b.example"), "rustfs_key.pem", &two.key);
    assert!(refusal(path).await.contains("b.example/rustfs_key.pem is there, but"));
}

#[tokio::test]
async fn a_key_that_everybody_may_read_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().leaf(&["a.example"]).put(folder.path());
    assert!(open(folder.path()).await.unwrap().warnings().is_empty());
    let key = folder.path().join("rustfs_key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = open(folder.path()).await.unwrap().warnings();
    assert!(warnings[0].contains("rustfs_key.pem can be read by every user"), "{warnings:?}");
}

#[tokio::test]
async fn clients_are_asked_for_a_certificate_only_where_an_authority_is_known() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    authority.leaf(&["a.example"]).put(folder.path());
    let required = TlsOptions { clients: ClientCertificates::Required, ..options(folder.path()) };
    let said = Tls::open(&env(), required.clone()).await.unwrap_err().to_string();
    assert!(said.contains("no authority is named"), "{said}");
    let named = folder.path().join("named.pem");
    let elsewhere = TlsOptions { client_authorities: Some(named.clone()), ..required.clone() };
    let said = Tls::open(&env(), elsewhere.clone()).await.unwrap_err().to_string();
    assert!(said.contains("named.pem can't be read"), "{said}");
    put(folder.path(), "named.pem", &authority.certificate());
    assert!(Tls::open(&env(), elsewhere).await.is_ok());
    put(&folder.path().join("CAs"), "one.crt", &authority.certificate());
    let tls = Tls::open(&env(), required).await.unwrap();
    assert_eq!(tls.config().send_tls13_tickets, 0, "no session is resumed");
}

fn pair_of(folder: &Path, made: &Made) -> PathBuf {
    made.put(folder);
    folder.join("rustfs_cert.pem")
}

#[tokio::test]
async fn a_new_pair_serves_and_a_broken_one_does_not() {
    let authority = Authority::new();
    let (old, new) = (authority.leaf(&["a.example"]), authority.leaf(&["a.example"]));
    let folder = tempfile::tempdir().unwrap();
    pair_of(folder.path(), &old);
    let (env, mut looks) = (env(), Looks::default());
    let tls = open(folder.path()).await.unwrap();
    assert_eq!(looks.look(&env, &tls, false).await, Finding::Unchanged);
    put(folder.path(), "rustfs_cert.pem", &new.certificate);
    assert_eq!(looks.look(&env, &tls, false).await, Finding::StillWrong, "perhaps the key follows");
    assert_eq!(served(&tls, None), old.der);
    let Finding::Wrong(said) = looks.look(&env, &tls, false).await else { panic!("not said") };
    assert!(said.contains("does not belong to"), "{said}");
    assert_eq!(looks.look(&env, &tls, false).await, Finding::StillWrong, "said once");
    put(folder.path(), "rustfs_key.pem", &new.key);
    assert_eq!(looks.look(&env, &tls, false).await, Finding::Changed);
    assert_eq!(served(&tls, None), new.der);
    std::fs::DirBuilder::new().create(folder.path().join("b.example")).unwrap();
    assert_eq!(looks.look(&env, &tls, false).await, Finding::Unchanged, "an empty folder is nothing");
}

#[test]
fn what_is_wrong_is_said_once_and_at_once_to_who_asks() {
    let mut looks = Looks::default();
    let wrong = |text: &str| Err(text.to_owned());
    assert_eq!(looks.judge(wrong("a"), true), Finding::Wrong("a".into()));
    assert_eq!(looks.judge(wrong("a"), true), Finding::StillWrong);
    assert_eq!(looks.judge(wrong("b"), false), Finding::StillWrong);
    assert_eq!(looks.judge(wrong("b"), false), Finding::Wrong("b".into()));
    assert_eq!(looks.judge(Ok(false), false), Finding::Unchanged);
    assert_eq!(looks.judge(wrong("b"), false), Finding::StillWrong, "it was well in between");
}

#[tokio::test]
async fn an_end_is_told_as_it_comes_nearer() {
    use ::time::Duration as Days;
    let ends = ::time::macros::datetime!(2030-06-30 0:00 UTC);
    let folder = tempfile::tempdir().unwrap();
    Authority::new().leaf_until(&["a.example"], ends).put(folder.path());
    let tls = open(folder.path()).await.unwrap();
    let serving = tls.serving();
    let mut looks = Looks::default();
    let mut told = |days: i64| looks.end_to_tell(&serving.pairs[0], ends - Days::days(days));
    assert_eq!(told(60), None);
    assert!(told(29).unwrap().contains("ends on 2030-06-30, in 29 days"));
    assert_eq!(told(20), None);
    assert!(told(6).is_some() && told(5).is_none() && told(1).is_some());
    assert!(told(-1).unwrap().contains("ended on 2030-06-30"));
    assert_eq!(told(-2), None);
}
