"""Draws the weeks of a machine's recording, a JPEG each.

    /usr/bin/python3 draw.py FOLDER

The recording is that of ../machine-health/data (Numenta Anomaly Benchmark; its licence stands beside it).
"""

import csv
import sys
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

RECORDING = Path(__file__).parent / "../machine-health/data/machine_temperature_system_failure.csv"
WIDTH, HEIGHT, MARGIN = 1600, 1000, 90
#: Degrees Fahrenheit that the recording has.
LOW, HIGH = 0.0, 110.0
WEEK = timedelta(days=7)
MODEL, ORIENTATION, DATE_TIME, DESCRIPTION = 0x0110, 0x0112, 0x0132, 0x010E


def weeks():
    with RECORDING.open() as lines:
        readings = [(datetime.fromisoformat(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    first = readings[0][0].replace(hour=0, minute=0)
    for week, group in groupby(readings, key=lambda reading: (reading[0] - first) // WEEK):
        yield first + week * WEEK, list(group)


def colour(value):
    """From blue for cold to red for hot."""
    hot = max(0.0, min(1.0, (value - LOW) / (HIGH - LOW)))
    return tuple(round(cold + (warm - cold) * hot) for cold, warm in zip((58, 134, 255), (255, 84, 60)))


def draw(start, readings):
    image = Image.new("RGB", (WIDTH, HEIGHT), (20, 23, 26))
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default()
    bottom = HEIGHT - MARGIN
    for degrees in range(0, 111, 20):
        y = bottom - (degrees - LOW) / (HIGH - LOW) * (HEIGHT - 2 * MARGIN)
        pen.line((MARGIN, y, WIDTH - MARGIN, y), fill=(48, 53, 58))
        pen.text((MARGIN - 36, y - 6), str(degrees), fill=(154, 160, 166), font=font)
    for at, value in readings:
        x = MARGIN + (at - start) / WEEK * (WIDTH - 2 * MARGIN)
        y = bottom - (value - LOW) / (HIGH - LOW) * (HEIGHT - 2 * MARGIN)
        pen.rectangle((x, y, x + 2, bottom), fill=tuple(part // 4 for part in colour(value)))
        pen.rectangle((x, y - 2, x + 2, y + 2), fill=colour(value))
    pen.text((MARGIN, 40), f"Machine temperature, week of {start:%Y-%m-%d}", fill=(232, 234, 237), font=font)
    return image


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number, (start, readings) in enumerate(weeks()):
        image = draw(start, readings)
        exif = Image.Exif()
        exif[MODEL] = "Probe 7"
        exif[DATE_TIME] = f"{start:%Y:%m:%d %H:%M:%S}"
        exif[DESCRIPTION] = f"{len(readings)} readings"
        if number == 0:
            # As a camera does that is held upright: the pixels lie, and a word says so.
            image = image.crop((0, 0, WIDTH // 2, HEIGHT)).transpose(Image.ROTATE_90)
            exif[ORIENTATION] = 6
        image.save(folder / f"week {start:%Y-%m-%d}.jpg", "JPEG", quality=88, exif=exif)


main(Path(sys.argv[1]))
