"""What is known of a picture, and its thumbnail. Pure: bytes in, values out."""

from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image, ImageOps

#: Longest side, pixels.
THUMBNAIL = 320
#: A file of a few bytes may say that it is as large as a town: what would take more than this is not opened.
PIXELS_MAX = 50_000_000

_TAGS = {number: name for number, name in ExifTags.TAGS.items()}


class NotAPicture(Exception):
    """The bytes are no JPEG that can be opened."""


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    #: As `#rrggbb`: what is shown until the thumbnail is there.
    colour: str
    #: What the camera says, where it says anything: `Model`, `DateTime`, `ImageDescription`.
    camera: dict
    #: A JPEG.
    thumbnail: bytes
    thumbnail_width: int
    thumbnail_height: int


def read(data: bytes) -> Picture:
    try:
        with Image.open(BytesIO(data), formats=["JPEG"]) as image:
            if image.width * image.height > PIXELS_MAX:
                raise NotAPicture(f"{image.width} x {image.height} pixels are too many")
            camera = _camera(image)
            # Cameras that are held upright say so, and turn nothing.
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except NotAPicture:
        raise
    except Exception as error:
        raise NotAPicture(str(error)) from error
    small = upright.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.LANCZOS)
    out = BytesIO()
    small.save(out, "JPEG", quality=82, optimize=True)
    red, green, blue = small.resize((1, 1), Image.BOX).getpixel((0, 0))
    return Picture(
        width=upright.width,
        height=upright.height,
        colour=f"#{red:02x}{green:02x}{blue:02x}",
        camera=camera,
        thumbnail=out.getvalue(),
        thumbnail_width=small.width,
        thumbnail_height=small.height,
    )


def _camera(image: Image.Image) -> dict:
    named = {_TAGS.get(number): value for number, value in image.getexif().items()}
    return {
        name: str(named[name]).strip("\0 ")
        for name in ("Model", "DateTime", "ImageDescription")
        if named.get(name)
    }
