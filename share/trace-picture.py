#!/usr/bin/env python3
"""Draws a part of a trace as an SVG picture, one row for each track.

    share/trace-picture.py TRACE FROM_US LENGTH_US >picture.svg

FROM_US counts from the first event. Needs Perfetto's classes: pip install perfetto.
"""
import sys
from html import escape

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

COLOURS = {"running": "#2f6fde", "runnable": "#e0912f", "created": "#e0912f"}
WAIT, REGION, RUN_OF_P = "#c9ced8", "#58a55c", "#7d8fb3"
LEFT, WIDTH, ROW = 150, 900, 28


def slices(trace):
    """Returns the names of tracks, their parents, and all slices as (track, depth, name, from, to)."""
    names, parents, strings, open_slices, found = {}, {}, {}, {}, []
    for packet in trace.packet:
        for entry in packet.interned_data.event_names:
            strings[entry.iid] = entry.name
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            names[track.uuid], parents[track.uuid] = track.name, track.parent_uuid
        if not packet.HasField("track_event"):
            continue
        event, stack = packet.track_event, open_slices.setdefault(packet.track_event.track_uuid, [])
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            stack.append((event.name or strings.get(event.name_iid, "?"), packet.timestamp))
        elif event.type == TrackEvent.TYPE_SLICE_END and stack:
            name, begin = stack.pop()
            found.append((event.track_uuid, len(stack), name, begin, packet.timestamp))
    return names, parents, found


def main():
    path, begin, length = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    trace = Trace()
    with open(path, "rb") as file:
        trace.ParseFromString(file.read())
    names, parents, found = slices(trace)
    start = min(one[3] for one in found) + begin * 1000
    end = start + length * 1000
    shown = [one for one in found if one[4] > start and one[3] < end]
    groups = {uuid for uuid, name in names.items() if name in ("Ps", "goroutines")}
    tracks = sorted({one[0] for one in shown if parents.get(one[0]) in groups})
    rows = {uuid: at for at, uuid in enumerate(tracks)}
    # A slice with slices inside is a region; the others say what the goroutine does.
    inside = {}
    for track, depth, _, first, last in found:
        inside.setdefault((track, depth), []).append((first, last))
    height = ROW * len(tracks) + 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 10} {height}" '
        'role="img" font-family="sans-serif" font-size="12">',
        f'<rect width="{LEFT + WIDTH + 10}" height="{height}" fill="#ffffff"/>',
    ]
    for uuid, at in rows.items():
        out.append(f'<text x="4" y="{at * ROW + 20}">{escape(names[uuid][:22])}</text>')
    for uuid, depth, name, first, last in sorted(shown, key=lambda one: one[1]):
        if uuid not in rows:
            continue
        x = LEFT + max(0, (first - start) / (end - start)) * WIDTH
        to = LEFT + min(1, (last - start) / (end - start)) * WIDTH
        of_p = names[parents[uuid]] == "Ps"
        deeper = inside.get((uuid, depth + 1), ())
        is_region = any(first <= one[0] and one[1] <= last for one in deeper)
        colour = RUN_OF_P if of_p else REGION if is_region else COLOURS.get(name, WAIT)
        y = rows[uuid] * ROW + (3 + 4 * depth if is_region else 10)
        bar = 3 if is_region else 12
        title = escape(f"{name}, {(last - first) / 1000:.1f} µs")
        out.append(
            f'<rect x="{x:.1f}" y="{y}" width="{max(to - x, 0.4):.1f}" height="{bar}" '
            f'fill="{colour}"><title>{title}</title></rect>'
        )
    legend = [("running", COLOURS["running"]), ("runnable", COLOURS["runnable"]), ("waiting", WAIT),
              ("region", REGION), ("run on a P", RUN_OF_P)]
    for at, (label, colour) in enumerate(legend):
        x, y = LEFT + at * 110, height - 20
        out.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>')
        out.append(f'<text x="{x + 17}" y="{y + 11}">{label}</text>')
    out.append(f'<text x="{LEFT + WIDTH}" y="{height - 9}" text-anchor="end">{length:g} µs</text></svg>')
    print("\n".join(out))


main()
