//! Buckets: CreateBucket, HeadBucket, DeleteBucket, ListBuckets, GetBucketLocation, GetBucketVersioning.

use http::{HeaderMap, StatusCode};
use iam::{Action, Resource};
use object::{BucketInfo, ListFrom, ObjectError};

use crate::error::{ErrorCode, S3Error};
use crate::generated::{
    BucketNamespace, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
    GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput, Input,
    ListBucketsInput, ListBucketsOutput, ListedBucket, ObjectOwnership, Operation,
};
use crate::request::{Call, IncomingBody};
use crate::response::{Response, ResponseBody, answer, build};
use crate::token;
use crate::unsupported::refuse_write;
use crate::wire::start_xml;

/// Buckets of one page, and the page if none is asked for.
const PAGE_MAX: u32 = 10_000;
/// The longest name of a region, in bytes.
const REGION_BYTES_MAX: usize = 64;
/// The region that AWS writes as no region.
const REGION_UNNAMED: &str = "us-east-1";

/// Paths that begin so are this server's own: what would lie under them in a bucket could not be reached.
const RESERVED: [&str; 2] = ["minio", "rustfs"];

fn refuse_reserved(bucket: &str) -> Result<(), S3Error> {
    if RESERVED.contains(&bucket) {
        let message = "This name is reserved: the server's own API has it. Choose another one.";
        return Err(S3Error::with_message(ErrorCode::InvalidBucketName, message).with("BucketName", bucket));
    }
    Ok(())
}

pub(crate) async fn create_bucket(call: &Call<'_>, body: &mut IncomingBody) -> Result<Response, S3Error> {
    let limit = call.shared.options.limits.xml_body_bytes_max;
    let document = call.document(body, call.input.headers, limit).await?;
    let input = CreateBucketInput::parse(&call.input, Some(&document))?;
    refuse_write(call.operation, call.input.headers)?;
    refuse_unbuilt(&input)?;
    refuse_reserved(&input.bucket)?;
    let configuration = input.create_bucket_configuration.unwrap_or_default();
    let region = configuration.location_constraint.unwrap_or_default();
    if region.len() > REGION_BYTES_MAX {
        return Err(S3Error::new(ErrorCode::InvalidLocationConstraint));
    }
    let made = call.shared.objects.create_bucket(&input.bucket, &region, call.canonical_id()).await;
    match made {
        Err(ObjectError::BucketExists { bucket, owner }) if owner == call.canonical_id() => {
            return Err(S3Error::new(ErrorCode::BucketAlreadyOwnedByYou).with("BucketName", bucket));
        }
        other => other?,
    };
    let location =
        if call.is_virtual_host { format!("{}/", call.endpoint()) } else { format!("/{}", input.bucket) };
    let output = CreateBucketOutput { location: Some(location), ..CreateBucketOutput::default() };
    Ok(answer(call.operation, &output))
}

fn refuse_unbuilt(input: &CreateBucketInput) -> Result<(), S3Error> {
    let what = match input {
        CreateBucketInput { object_ownership: Some(ownership), .. }
            if *ownership != ObjectOwnership::BucketOwnerEnforced =>
        {
            "Object ownership other than BucketOwnerEnforced"
        }
        CreateBucketInput { bucket_namespace: Some(BucketNamespace::AccountRegional), .. } => {
            "A namespace of buckets of one account"
        }
        CreateBucketInput { create_bucket_configuration: Some(configuration), .. } => {
            if configuration.location.is_some() || configuration.bucket.is_some() {
                "A directory bucket"
            } else if configuration.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
                "Tagging of buckets"
            } else {
                return Ok(());
            }
        }
        _ => return Ok(()),
    };
    Err(S3Error::with_message(
        ErrorCode::NotImplemented,
        format!("{what} is not implemented by this server."),
    ))
}

pub(crate) async fn head_bucket(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: HeadBucketInput = call.parse()?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let output =
        HeadBucketOutput { bucket_region: Some(region_of(call, &bucket)), ..HeadBucketOutput::default() };
    Ok(answer(call.operation, &output))
}

/// The region to sign for: that of the bucket, else that of the server.
fn region_of(call: &Call<'_>, bucket: &BucketInfo) -> String {
    match bucket.region.as_str() {
        "" => call.shared.options.region.clone(),
        // The old word for it.
        "EU" => "eu-west-1".to_owned(),
        region => region.to_owned(),
    }
}

pub(crate) async fn delete_bucket(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: DeleteBucketInput = call.parse()?;
    call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    call.shared.objects.delete_bucket(&input.bucket).await?;
    Ok(answer(call.operation, &DeleteBucketOutput {}))
}

pub(crate) async fn get_bucket_location(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: GetBucketLocationInput = call.parse()?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let region = match bucket.region.as_str() {
        "" => call.shared.options.region.as_str(),
        region => region,
    };
    let location_constraint =
        if bucket.region.is_empty() && region == REGION_UNNAMED { None } else { Some(region) };
    let output = GetBucketLocationOutput { location_constraint: location_constraint.map(str::to_owned) };
    Ok(answer(call.operation, &output))
}

/// No bucket has ever had versioning: S3 says so by an empty document.
pub(crate) async fn get_bucket_versioning(call: &Call<'_>) -> Result<Response, S3Error> {
    let bucket = call.input.require_bucket()?;
    call.bucket(&bucket, call.expected_owner().as_deref()).await?;
    let mut headers = HeaderMap::new();
    let mut body = Vec::new();
    start_xml(&mut headers, &mut body).root("VersioningConfiguration", |_| {});
    Ok(build(StatusCode::OK, headers, ResponseBody::whole(body)))
}

pub(crate) async fn list_buckets(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: ListBucketsInput = call.parse()?;
    let limit = page_size(input.max_buckets)?;
    let after = match input.continuation_token.as_deref() {
        None | Some("") => None,
        Some(token) => match token::decode(token)? {
            ListFrom::After(name) => Some(name),
            _ => None,
        },
    };
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let all = call.shared.objects.list_buckets().await?;
    let shown = ShownBuckets::new(call, &all)?;
    let mut wanted = all.into_iter().filter(|bucket| {
        bucket.name.starts_with(prefix)
            && shown.has(call, bucket)
            && after.as_ref().is_none_or(|after| bucket.name > *after)
            && input.bucket_region.as_ref().is_none_or(|region| region_of(call, bucket) == *region)
    });
    let page: Vec<BucketInfo> = wanted.by_ref().take(limit).collect();
    let last = page.last().map(|bucket| ListFrom::After(bucket.name.clone()));
    let is_paged = input.max_buckets.is_some() || input.continuation_token.is_some();
    let output = ListBucketsOutput {
        continuation_token: last.filter(|_| wanted.next().is_some()).and_then(|last| token::encode(&last)),
        buckets: Some(page.into_iter().map(|bucket| listed(call, bucket, is_paged)).collect()),
        owner: Some(call.owner(call.canonical_id())),
        prefix: input.prefix,
    };
    Ok(answer(Operation::ListBuckets, &output))
}

/// Which buckets of their account somebody is shown.
enum ShownBuckets {
    All,
    /// Those that they may list, or ask the location of: as MinIO does for who may not list the account's buckets.
    Permitted,
}

impl ShownBuckets {
    /// # Errors
    /// `AccessDenied` for who may neither list them nor do anything with one.
    fn new(call: &Call<'_>, all: &[BucketInfo]) -> Result<Self, S3Error> {
        let may_list = call.asker.may(Action::ListAllMyBuckets, Resource::Service, None);
        if !may_list
            && !call.asker.who.is_anonymous()
            && all.iter().any(|bucket| Self::Permitted.has(call, bucket))
        {
            return Ok(Self::Permitted);
        }
        let _granted = call.asker.ask(Action::ListAllMyBuckets, Resource::Service, None)?;
        Ok(Self::All)
    }

    fn has(&self, call: &Call<'_>, bucket: &BucketInfo) -> bool {
        let number = call.shared.account_number(&bucket.owner);
        let may = |action| call.asker.may(action, Resource::Bucket(&bucket.name), number.as_deref());
        bucket.owner == call.canonical_id()
            && match self {
                Self::All => true,
                Self::Permitted => may(Action::ListBucket) || may(Action::GetBucketLocation),
            }
    }
}

/// How many buckets a page has.
fn page_size(max_buckets: Option<u32>) -> Result<usize, S3Error> {
    let size = max_buckets.unwrap_or(PAGE_MAX);
    if (1..=PAGE_MAX).contains(&size) {
        return Ok(size as usize);
    }
    let message = format!("Argument max-buckets must be an integer between 1 and {PAGE_MAX}");
    Err(S3Error::argument(message, "max-buckets", &size.to_string()))
}

/// AWS tells the region in pages only.
fn listed(call: &Call<'_>, bucket: BucketInfo, with_region: bool) -> ListedBucket {
    let region = with_region.then(|| region_of(call, &bucket));
    ListedBucket {
        name: Some(bucket.name),
        creation_date: Some(bucket.created),
        bucket_region: region,
        bucket_arn: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_buckets_has_one_to_ten_thousand() {
        assert_eq!(page_size(None), Ok(10_000));
        assert_eq!(page_size(Some(1)), Ok(1));
        for wrong in [0, 10_001] {
            assert_eq!(page_size(Some(wrong)).unwrap_err().code, ErrorCode::InvalidArgument);
        }
    }

    #[test]
    fn buckets_with_what_is_not_built_are_refused() {
        let tagged = crate::generated::CreateBucketConfiguration {
            tags: Some(vec![crate::generated::Tag::default()]),
            ..Default::default()
        };
        let wrong = [
            CreateBucketInput { object_ownership: Some(ObjectOwnership::ObjectWriter), ..Default::default() },
            CreateBucketInput { create_bucket_configuration: Some(tagged), ..Default::default() },
        ];
        for input in wrong {
            assert_eq!(refuse_unbuilt(&input).unwrap_err().code, ErrorCode::NotImplemented);
        }
        assert_eq!(refuse_unbuilt(&CreateBucketInput::default()), Ok(()));
    }
}
