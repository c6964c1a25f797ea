"""Prints what kflow wrote, one line a sensor. Needs fastavro: pip install fastavro"""
import pathlib
import sys

from fastavro import reader

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "data/measurements")
records = []
for path in sorted(folder.glob("*.avro")):
    with path.open("rb") as file:
        records.extend(reader(file))

for sensor in sorted({record["sensor"] for record in records}):
    of_it = sorted((r for r in records if r["sensor"] == sensor), key=lambda r: r["number"])
    known = [r["celsius"] for r in of_it if r["celsius"] is not None]
    print(
        f"{sensor}: {len(of_it)} measurements, {len(of_it) - len(known)} without a temperature, "
        f"mean {sum(known) / len(known):.3f}, largest number {of_it[-1]['number']}, "
        f"bytes of the first {of_it[0]['raw'].hex()}"
    )
