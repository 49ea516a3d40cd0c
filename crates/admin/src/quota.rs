//! Quotas of buckets: `mc quota set`, `info`, `clear`. A quota is hard: no write passes it.

use object::BucketInfo;
use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};

/// madmin's `BucketQuota`. Its first clients knew `quota` alone.
#[derive(Debug, Deserialize)]
struct BucketQuota {
    #[serde(default)]
    quota: u64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    rate: u64,
    #[serde(default)]
    requests: u64,
    #[serde(default)]
    quotatype: String,
}

impl BucketQuota {
    /// The bytes that the bucket may hold; none for no limit.
    fn limit(&self) -> Result<Option<u64>, AdminError> {
        if self.rate > 0 || self.requests > 0 {
            return Err(AdminError::later("limits of the rate of a bucket's requests"));
        }
        if !matches!(self.quotatype.as_str(), "" | "hard") {
            let message = "A quota is of the type hard: nothing is deleted to make room.";
            return Err(AdminError::new(AdminErrorCode::InvalidRequest, message));
        }
        let limit = if self.size > 0 { self.size } else { self.quota };
        Ok(Some(limit).filter(|limit| *limit > 0))
    }
}

/// What a bucket may hold; all fields are 0 where that is not limited.
pub(crate) async fn quota(call: &Call<'_>) -> Result<Answer, AdminError> {
    let bucket = bucket(call).await?;
    match call.shared.objects.quota(&bucket).await? {
        None => Answer::json(&json!({ "quota": 0, "size": 0, "rate": 0, "requests": 0 })),
        Some(bytes) => Answer::json(
            &json!({ "quota": bytes, "size": bytes, "rate": 0, "requests": 0, "quotatype": "hard" }),
        ),
    }
}

/// Sets it, or takes it away where it is 0. In force when this is answered.
pub(crate) async fn set_quota(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let asked: BucketQuota = call.read(body).await?;
    let limit = asked.limit()?;
    let bucket = bucket(call).await?;
    call.shared.objects.set_quota(&bucket, limit).await?;
    Ok(Answer::Done)
}

async fn bucket(call: &Call<'_>) -> Result<BucketInfo, AdminError> {
    Ok(call.shared.objects.bucket(call.query.need("bucket")?).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<Option<u64>, AdminError> {
        serde_json::from_str::<BucketQuota>(text).unwrap().limit()
    }

    #[test]
    fn what_is_asked_is_bytes_or_nothing() {
        assert_eq!(
            limit(r#"{"quota":0,"size":5,"rate":0,"requests":0,"quotatype":"hard"}"#).unwrap(),
            Some(5)
        );
        assert_eq!(limit(r#"{"quota":7,"quotatype":"hard"}"#).unwrap(), Some(7));
        assert_eq!(limit(r#"{"quota":0,"size":0,"rate":0,"requests":0}"#).unwrap(), None);
    }

    #[test]
    fn what_is_not_there_is_refused_and_not_forgotten() {
        assert!(limit(r#"{"size":5,"rate":1}"#).is_err());
        assert!(limit(r#"{"size":5,"requests":1}"#).is_err());
        assert!(limit(r#"{"size":5,"quotatype":"fifo"}"#).is_err());
    }
}
