"""Answers rows and thumbnails, and a page that shows them all."""

import base64
import json
import os
from decimal import Decimal
from html import escape
from urllib.parse import quote

import boto3

s3 = boto3.client("s3")
images = boto3.resource("dynamodb").Table(os.environ["IMAGES_TABLE"])


def handler(event, context):
    # Of a path's parts only this one is decoded already.
    image_id = event.get("pathParameters", {}).get("id", "")
    return ROUTES[event["routeKey"]](image_id, event)


def page(_id, _event):
    return html("".join(figure(row) for row in rows()) or "<p>Nothing has been uploaded yet.</p>")


def every(_id, _event):
    return answer(200, {"images": rows()})


def one(image_id, event):
    row = find(image_id)
    return answer(200, shown(row)) if row else unknown(image_id)


def thumbnail(image_id, event):
    row = find(image_id)
    if not row or row["status"] != "ready":
        return unknown(image_id)
    etag = f'"{row["etag"]}"'
    headers = {"content-type": "image/jpeg", "etag": etag, "cache-control": "no-cache"}
    if event["headers"].get("if-none-match") == etag:
        return {"statusCode": 304, "headers": headers}
    found = s3.get_object(Bucket=os.environ["THUMBNAILS_BUCKET"], Key=row["thumbnail"]["key"])
    body = base64.b64encode(found["Body"].read()).decode()
    return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": True}


ROUTES = {
    "GET /": page,
    "GET /images": every,
    "GET /images/{id}": one,
    "GET /images/{id}/thumbnail": thumbnail,
}


def find(image_id):
    return images.get_item(Key={"id": image_id}, ConsistentRead=True).get("Item")


def rows():
    found, more = [], {}
    while True:
        answered = images.scan(**more)
        found += answered["Items"]
        if "LastEvaluatedKey" not in answered:
            return sorted(map(shown, found), key=lambda row: row["id"])
        more = {"ExclusiveStartKey": answered["LastEvaluatedKey"]}


def shown(row):
    row = {name: value for name, value in row.items() if name not in ("sequencer", "thumbnail")}
    return {**row, "thumbnailPath": f"images/{quote(row['id'], safe='')}/thumbnail"}


def answer(status, body):
    text = json.dumps(body, default=lambda value: int(value) if isinstance(value, Decimal) else str(value))
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": text}


def unknown(image_id):
    return answer(404, {"message": f"no picture {image_id}"})


def html(body):
    style = """body { font: 16px system-ui; margin: 2rem; background: #14171a; color: #e8eaed }
      main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)) }
      figure { margin: 0 } img { max-width: 100%; height: auto; border-radius: .4rem } figcaption { color: #9aa0a6; font-size: .85rem }"""
    text = f'<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pictures</title><style>{style}</style><main>{body}</main>'
    return {"statusCode": 200, "headers": {"content-type": "text/html; charset=utf-8"}, "body": text}


def figure(row):
    name = escape(row["id"])
    if row["status"] != "ready":
        return f"<figure><p>{name} is not a picture</p></figure>"
    about = " · ".join([f"{row['width']} × {row['height']}", *map(escape, row["camera"].values())])
    image = f'<img src="{escape(row["thumbnailPath"])}" alt="{name}" style="background: {row["colour"]}">'
    return f"<figure>{image}<figcaption><strong>{name}</strong><br>{about}</figcaption></figure>"
