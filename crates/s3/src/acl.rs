//! GetBucketAcl and GetObjectAcl: whatever there is belongs to its owner, and nobody else has a grant.

use http::{HeaderMap, StatusCode};

use crate::error::S3Error;
use crate::generated::Owner;
use crate::object_put::version_named;
use crate::request::Call;
use crate::response::{Response, ResponseBody, build};
use crate::wire::{ToXml, XmlWriter, start_xml};

pub(crate) async fn get_bucket_acl(call: &Call<'_>) -> Result<Response, S3Error> {
    let name = call.input.require_bucket()?;
    let bucket = call.bucket(&name, call.expected_owner().as_deref()).await?;
    Ok(full_control(&call.owner(&bucket.owner)))
}

pub(crate) async fn get_object_acl(call: &Call<'_>) -> Result<Response, S3Error> {
    let (bucket, key) = (call.input.require_bucket()?, call.input.require_key()?);
    let version = version_named(call.input.query.get("versionId"))?;
    let bucket = call.bucket(&bucket, call.expected_owner().as_deref()).await?;
    let object = call.shared.objects.open(&bucket, &key, version).await?;
    Ok(full_control(&call.owner(&object.info().owner)))
}

/// A grantee is told apart by an attribute.
struct Grantee<'a>(&'a Owner);

impl ToXml for Grantee<'_> {
    fn to_xml(&self, xml: &mut XmlWriter<'_>) {
        self.0.to_xml(xml);
    }

    fn push_attributes(&self, xml: &mut XmlWriter<'_>) {
        xml.attribute("xmlns:xsi", &"http://www.w3.org/2001/XMLSchema-instance".to_owned());
        xml.attribute("xsi:type", &"CanonicalUser".to_owned());
    }
}

fn full_control(owner: &Owner) -> Response {
    let mut headers = HeaderMap::new();
    let mut body = Vec::new();
    start_xml(&mut headers, &mut body).root("AccessControlPolicy", |xml| {
        xml.structure("Owner", owner);
        xml.element("AccessControlList", |xml| {
            xml.element("Grant", |xml| {
                xml.structure("Grantee", &Grantee(owner));
                xml.value("Permission", &"FULL_CONTROL".to_owned());
            });
        });
    });
    build(StatusCode::OK, headers, ResponseBody::whole(body))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn the_owner_has_the_only_grant() {
        let owner = Owner { display_name: Some("me".to_owned()), id: Some("id".to_owned()) };
        let body = futures_util::FutureExt::now_or_never(full_control(&owner).into_body().collect());
        let text = String::from_utf8(body.unwrap().unwrap().to_bytes().to_vec()).unwrap();
        assert!(text.contains("<Owner><DisplayName>me</DisplayName><ID>id</ID></Owner>"), "{text}");
        assert!(
            text.contains("xsi:type=\"CanonicalUser\"><DisplayName>me</DisplayName><ID>id</ID></Grantee>")
        );
        assert!(text.ends_with(
            "<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
        ));
    }
}
