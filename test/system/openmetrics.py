"""A strict reader of OpenMetrics 1.0 text, by its grammar: families are together, each with one type, samples have
the suffixes of their type, names end in their unit, histograms add up, "# EOF" is last."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\S+)\n")
SUFFIXES = {"gauge": [""], "counter": ["_total", "_created"], "info": ["_info"], "unknown": [""],
            "histogram": ["_bucket", "_count", "_sum", "_created"]}


def number(text):
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?[iI]nf|NaN", text):
        raise ValueError(f"not a number: {text}")
    return float(text)


def check_histogram(family):
    rows = {}
    for (name, labels), n in family["samples"].items():
        rest = tuple(l for l in labels if l[0] != "le")
        row = rows.setdefault(rest, {"buckets": []})
        if name.endswith("_bucket"):
            row["buckets"].append((number(dict(labels)["le"]), n))
        else:
            row[name.rsplit("_", 1)[1]] = n
    for row in rows.values():
        les = [le for le, _ in row["buckets"]]
        counts = [n for _, n in row["buckets"]]
        if les != sorted(set(les)) or les[-1] != float("inf") or counts != sorted(counts) or \
                row["count"] != counts[-1] or "sum" not in row:
            raise ValueError(f"not a histogram: {row}")


def parse(text):
    """{family: {"type", "unit", "help", "samples": {(name, labels): value}}}; ValueError."""
    if not text.endswith("# EOF\n"):
        raise ValueError("no EOF")
    families, now = {}, None
    for line in text[:-len("# EOF\n")].splitlines(keepends=True):
        if m := re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)\n", line):
            what, name, rest = m.groups()
            if now is None or now != name:
                if name in families:
                    raise ValueError(f"a family in two places: {name}")
                families[name] = {"samples": {}}
                now = name
            if what.lower() in families[name] or families[name]["samples"]:
                raise ValueError(f"twice, or behind its samples: {line}")
            if what == "TYPE" and rest not in SUFFIXES:
                raise ValueError(f"type: {rest}")
            if what == "UNIT" and not name.endswith("_" + rest):
                raise ValueError(f"unit: {line}")
            if what == "HELP" and not re.fullmatch(r'(?:[^\\"]|\\["\\n])*', rest):
                raise ValueError(f"help: {line}")
            families[name][what.lower()] = rest
            continue
        m = SAMPLE.fullmatch(line)
        if not m:
            raise ValueError(f"not a sample: {line!r}")
        name, labels = m.group(1), tuple((l[0], l[1]) for l in re.findall(LABEL, m.group(2) or ""))
        kind = families[now].get("type", "unknown")
        if name not in [now + s for s in SUFFIXES[kind]]:
            raise ValueError(f"{name} is not of {now}")
        if len({l for l, _ in labels}) != len(labels) or (name, labels) in families[now]["samples"]:
            raise ValueError(f"twice: {line}")
        families[now]["samples"][(name, labels)] = number(m.group(m.lastindex))
    for family in families.values():
        if family.get("type") == "histogram":
            check_histogram(family)
    return families
