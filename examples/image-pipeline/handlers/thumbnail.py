"""Makes the thumbnail and the row of every picture that is uploaded."""

import os
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import ClientError

from handlers import picture

s3 = boto3.client("s3")
images = boto3.resource("dynamodb").Table(os.environ["IMAGES_TABLE"])


def handler(event, context):
    for record in event["Records"]:
        take(record["eventTime"], record["s3"]["bucket"]["name"], record["s3"]["object"])


def take(uploaded_at: str, bucket: str, uploaded: dict) -> None:
    # Keys come as forms write them: a plus is a space.
    key = unquote_plus(uploaded["key"])
    image_id = key.rsplit("/", 1)[-1].removesuffix(".jpg")
    row = {
        "id": image_id,
        "key": key,
        "bytes": uploaded["size"],
        "etag": uploaded["eTag"],
        "uploadedAt": uploaded_at,
        "sequencer": uploaded["sequencer"],
    }
    try:
        found = picture.read(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except picture.NotAPicture as error:
        print(f"{key} is not a picture: {error}")
        return put({**row, "status": "not-a-picture", "reason": str(error)})
    thumbnail_key = f"{image_id}-{uploaded['eTag']}.jpg"
    s3.put_object(
        Bucket=os.environ["THUMBNAILS_BUCKET"],
        Key=thumbnail_key,
        Body=found.thumbnail,
        ContentType="image/jpeg",
        CacheControl="max-age=31536000, immutable",
    )
    put(
        {
            **row,
            "status": "ready",
            "width": found.width,
            "height": found.height,
            "colour": found.colour,
            "camera": found.camera,
            "thumbnail": {
                "key": thumbnail_key,
                "width": found.thumbnail_width,
                "height": found.thumbnail_height,
            },
        }
    )
    print(f"{key}: {found.width} x {found.height}, thumbnail of {len(found.thumbnail)} bytes")


def put(row: dict) -> None:
    """Writes the row, unless the one that is there tells of a later upload: notifications come at least once, in any order."""
    try:
        images.put_item(
            Item=row,
            ConditionExpression="attribute_not_exists(id) OR sequencer <= :this",
            ExpressionAttributeValues={":this": row["sequencer"]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        print(f"{row['key']}: a later upload has been seen already")
