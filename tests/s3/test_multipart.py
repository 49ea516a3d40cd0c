"""CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload; reading by part."""

import random

import pytest

from harness.checksums import multipart_etag
from harness.errors import refused

MIB = 1 << 20
PART = 5 * MIB


class Upload:
    """One upload by hand."""

    def __init__(self, s3, bucket, key="big", **options):
        self.s3, self.where = s3, {"Bucket": bucket, "Key": key}
        self.id = s3.create_multipart_upload(**self.where, **options)["UploadId"]
        self.parts: dict[int, str] = {}

    def part(self, number, data, **options):
        answer = self.s3.upload_part(**self.where, UploadId=self.id, PartNumber=number, Body=data, **options)
        self.parts[number] = answer["ETag"]
        return answer

    def complete(self, numbers=None, **options):
        parts = [{"PartNumber": number, "ETag": self.parts[number]} for number in numbers or sorted(self.parts)]
        return self.s3.complete_multipart_upload(**self.where, UploadId=self.id, MultipartUpload={"Parts": parts}, **options)

    def abort(self):
        return self.s3.abort_multipart_upload(**self.where, UploadId=self.id)


@pytest.fixture
def begin(s3, bucket):
    return lambda key="big", **options: Upload(s3, bucket, key, **options)


def test_an_upload_that_never_was(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for upload_id in ("56788", "0" * 32, "../../x"):
        where = {"Bucket": bucket, "Key": "k", "UploadId": upload_id}
        with refused("NoSuchUpload", 404):
            s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"x"'}]})
        with refused("NoSuchUpload", 404):
            s3.abort_multipart_upload(**where)
        with refused("NoSuchUpload", 404):
            s3.upload_part(**where, PartNumber=1, Body=b"x")
        with refused("NoSuchUpload", 404):
            s3.list_parts(**where)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_an_upload_belongs_to_its_key(s3, bucket, begin):
    upload = begin("one")
    with refused("NoSuchUpload", 404):
        s3.upload_part(Bucket=bucket, Key="other", UploadId=upload.id, PartNumber=1, Body=b"x")
    upload.abort()


@pytest.mark.every_layout
def test_an_object_of_30_mib_with_parts_sent_again(s3, bucket, begin):
    data = random.Random(30).randbytes(30 * MIB)
    upload = begin(ContentType="text/bla", Metadata={"foo": "bar"})
    pieces = {number: data[(number - 1) * PART : number * PART] for number in range(1, 7)}
    for number in (6, 3, 1, 2, 5, 4):
        upload.part(number, pieces[number])
    for again in ((1,), (2, 3)):
        for number in again:
            upload.part(number, b"replaced first")
            upload.part(number, pieces[number])
    done = upload.complete()
    assert done["ETag"] == multipart_etag([pieces[number] for number in sorted(pieces)])
    got = s3.get_object(Bucket=bucket, Key="big")
    assert (got["ContentType"], got["Metadata"], got["ContentLength"], got["ETag"]) == ("text/bla", {"foo": "bar"}, 30 * MIB, done["ETag"])
    assert got["Body"].read() == data
    for step in (10_000_000, 4_000_003):
        for first in range(0, len(data), step):
            ranged = s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={first}-{first + step - 1}")
            assert ranged["Body"].read() == data[first : first + step]


def test_the_last_upload_of_a_part_counts(s3, bucket, begin):
    upload = begin()
    upload.part(1, b"12345678")
    upload.part(1, b"abcdefgh")
    upload.complete()
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"abcdefgh"


def test_a_replaced_parts_old_etag_is_an_invalid_part(begin):
    upload = begin()
    old = upload.part(1, b"12345678")["ETag"]
    upload.part(1, b"abcdefgh")
    upload.parts[1] = old
    with refused("InvalidPart", 400):
        upload.complete()
    upload.abort()


def test_wrong_etags_and_missing_parts_are_invalid(begin):
    upload = begin()
    upload.part(1, b"x")
    good = upload.parts[1]
    upload.parts[1] = '"' + "f" * 32 + '"'
    with refused("InvalidPart", 400):
        upload.complete()
    upload.parts = {1: good, 2: good}
    with refused("InvalidPart", 400):
        upload.complete()
    upload.abort()


def test_etags_may_come_without_quotes(s3, bucket, begin):
    upload = begin()
    upload.part(1, b"x")
    upload.parts[1] = upload.parts[1].strip('"')
    upload.complete()
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"x"


def test_parts_out_of_order_are_refused(begin):
    upload = begin()
    upload.part(1, b"a" * PART)
    upload.part(2, b"b")
    with refused("InvalidPartOrder", 400):
        upload.complete([2, 1])
    with refused("InvalidPartOrder", 400):
        upload.complete([1, 1])
    upload.abort()


def test_a_small_part_before_the_last_is_too_small(begin):
    upload = begin()
    upload.part(1, b"a" * (PART - 1))
    upload.part(2, b"b")
    with refused("EntityTooSmall", 400) as error:
        upload.complete()
    assert error["Error"]["PartNumber"] == "1" and error["Error"]["ProposedSize"] == str(PART - 1)
    upload.abort()


def test_a_completion_without_parts_is_malformed(s3, raw, bucket, begin):
    upload = begin()
    upload.part(1, b"x")
    for body in (b"", b"<CompleteMultipartUpload></CompleteMultipartUpload>", b"<Other/>", b"junk"):
        answer = raw("POST", f"/{bucket}/big", [("uploadId", upload.id)], body=body)
        assert answer.status == 400 and answer.code in ("MalformedXML", "InvalidRequest", "MissingRequestBodyError"), answer
    upload.abort()


def test_too_many_parts_in_a_completion(raw, bucket, begin):
    upload = begin()
    etag = upload.part(1, b"x")["ETag"]
    entry = "<Part><PartNumber>{}</PartNumber><ETag>" + etag.replace('"', "&quot;") + "</ETag></Part>"
    body = "<CompleteMultipartUpload>" + "".join(entry.format(number) for number in range(1, 10_002)) + "</CompleteMultipartUpload>"
    answer = raw("POST", f"/{bucket}/big", [("uploadId", upload.id)], body=body.encode())
    assert answer.status == 400 and answer.code in ("MalformedXML", "InvalidArgument", "InvalidPart"), answer
    upload.abort()


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", ""])
def test_part_numbers_run_from_1_to_10000(raw, bucket, begin, number):
    upload = begin()
    answer = raw("PUT", f"/{bucket}/big", [("partNumber", number), ("uploadId", upload.id)], body=b"x")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    upload.abort()


@pytest.mark.every_layout
def test_numbers_may_have_gaps_up_to_10000(s3, bucket, begin):
    upload = begin()
    upload.part(10_000, b"last")
    upload.part(17, b"a" * PART)
    upload.complete()
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"a" * PART + b"last"


def test_parts_that_are_not_named_are_dropped(s3, bucket, begin):
    upload = begin()
    upload.part(1, b"one")
    upload.part(2, b"two")
    upload.complete([2])
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"two"
    with refused("NoSuchUpload"):
        s3.list_parts(Bucket=bucket, Key="big", UploadId=upload.id)


@pytest.mark.every_layout
def test_a_completion_replaces_the_object(s3, bucket, begin):
    s3.put_object(Bucket=bucket, Key="big", Body=b"old" * PART)
    upload = begin()
    upload.part(1, b"1" * PART)
    upload.part(2, b"2" * PART)
    assert s3.get_object(Bucket=bucket, Key="big")["ContentLength"] == 3 * PART
    upload.complete()
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"1" * PART + b"2" * PART


def test_an_upload_in_progress_shows_nothing_of_itself(s3, bucket, begin):
    s3.put_object(Bucket=bucket, Key="foo", Body=b"bar")
    upload = begin("foo")
    upload.part(1, b"new")
    assert s3.get_object(Bucket=bucket, Key="foo")["Body"].read() == b"bar"
    upload.abort()
    assert s3.get_object(Bucket=bucket, Key="foo")["Body"].read() == b"bar"
    with refused("NoSuchUpload", 404):
        upload.abort()
    with refused("NoSuchUpload", 404):
        upload.part(2, b"late")


@pytest.mark.parametrize("condition", [{}, {"IfNoneMatch": "*"}])
def test_a_completion_that_is_sent_again_is_answered_as_the_first_time(s3, bucket, begin, condition):
    # A client that has not got the answer asks again: NoSuchUpload would look like a lost object. AWS says 200 as well.
    upload = begin()
    upload.part(1, b"x")
    first = upload.complete(**condition)
    again = upload.complete(**condition)
    same = ("ETag", "Location", "Bucket", "Key", "ChecksumCRC64NVME", "ChecksumType")
    assert [again.get(name) for name in same] == [first.get(name) for name in same]
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"x"


def test_a_completion_that_is_sent_again_once_its_object_is_gone_finds_no_upload(s3, bucket, begin):
    upload = begin()
    upload.part(1, b"x")
    upload.part(2, b"y")
    upload.complete([1])
    with refused("NoSuchUpload", 404):
        upload.complete([2])
    s3.put_object(Bucket=bucket, Key="big", Body=b"x")
    with refused("NoSuchUpload", 404):
        upload.complete([1])
    s3.delete_object(Bucket=bucket, Key="big")
    with refused("NoSuchUpload", 404):
        upload.complete([1])


def test_a_bucket_with_an_upload_may_be_deleted_and_the_upload_goes(s3, bucket, begin):
    upload = begin()
    upload.part(1, b"x")
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with refused("NoSuchUpload", 404):
        upload.complete()


@pytest.mark.every_layout
def test_parts_are_read_by_number(s3, raw, bucket, begin):
    pieces = [bytes([number]) * size for number, size in ((1, PART), (2, PART), (3, PART), (4, MIB))]
    upload = begin()
    for number, piece in enumerate(pieces, 1):
        upload.part(number, piece)
    upload.part(3, pieces[2])
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="big", PartNumber=1)
    etag = upload.complete()["ETag"]
    first = 0
    for number, piece in enumerate(pieces, 1):
        for answer in (
            s3.head_object(Bucket=bucket, Key="big", PartNumber=number),
            s3.get_object(Bucket=bucket, Key="big", PartNumber=number),
        ):
            assert (answer["PartsCount"], answer["ETag"], answer["ContentLength"]) == (4, etag, len(piece))
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert answer["ContentRange"] == f"bytes {first}-{first + len(piece) - 1}/{16 * MIB}"
        assert answer["Body"].read() == piece
        first += len(piece)
    with refused("InvalidPartNumber", 416):
        s3.get_object(Bucket=bucket, Key="big", PartNumber=5)
    assert raw("HEAD", f"/{bucket}/big", [("partNumber", "5")]).status == 416
    assert "PartsCount" not in s3.head_object(Bucket=bucket, Key="big")


def test_a_single_part_has_a_count_too(s3, bucket, begin):
    upload = begin()
    upload.part(1, b"single")
    upload.complete()
    answer = s3.get_object(Bucket=bucket, Key="big", PartNumber=1)
    assert (answer["PartsCount"], answer["Body"].read()) == (1, b"single")
    assert answer["ETag"] == multipart_etag([b"single"])


def test_the_size_that_the_client_counts_is_checked(s3, bucket, begin):
    upload = begin()
    upload.part(1, b"12345")
    with refused("InvalidRequest", 400):
        upload.complete(MpuObjectSize=6)
    upload.complete(MpuObjectSize=5)


def test_many_parts(s3, bucket, begin):
    upload = begin()
    pieces = [random.Random(number).randbytes(PART + number) for number in range(8)] + [b"tail"]
    for number, piece in enumerate(pieces, 1):
        upload.part(number * 1000, piece)
    upload.complete()
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"".join(pieces)


def test_a_part_with_a_wrong_md5_is_refused(s3, bucket, begin):
    from harness.checksums import md5

    upload = begin()
    with refused("BadDigest", 400):
        upload.part(1, b"x", ContentMD5=md5(b"y"))
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="big", UploadId=upload.id)
    upload.abort()
